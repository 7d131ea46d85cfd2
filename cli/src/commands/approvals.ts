// `mcpshield approvals`: the calls of a project that wait for a person, and that person's word.
import { withVisibleCharacters } from '@mcpshield/mcp/invisible-characters'
import { bodyOf, understood, WITHIN_MS } from '../answers.ts'
import { printable } from '../printable.ts'
import { projectId } from '../project-choice.ts'
import { openRestApi, type Account } from '../rest-api.ts'
import type { RestApi } from '../rest-client.ts'
import { tableText } from '../table.ts'
import { DONE, write, type World } from '../world.ts'

export type ApprovalsOptions = Account & { project?: string; json?: boolean }
export type ListOptions = ApprovalsOptions & { state: string; limit: number }
export type WordOptions = ApprovalsOptions & { note?: string }

/** What of the API's approvals is shown. */
type Approval = {
  id: string
  state: string
  method: string
  tool: string
  arguments: unknown
  rule: string
  reason: string
  agent: string | null
  user: string | null
  created_at: string
  expires_at: string
  decided_at: string | null
  note: string | null
}

export async function listApprovals(world: World, options: ListOptions): Promise<number> {
  const api = await openRestApi(world, options)
  const state = options.state === 'all' ? '' : `&state=${options.state}`
  const path = `${await pathOf(world, api, options)}?limit=${options.limit}${state}`
  const body = bodyOf(await api.request('GET', path, undefined, WITHIN_MS))
  await write(world.stdout, options.json ? `${JSON.stringify(body)}\n` : listText(body))
  return DONE
}

export async function showApproval(world: World, id: string, options: ApprovalsOptions): Promise<number> {
  const api = await openRestApi(world, options)
  const path = `${await pathOf(world, api, options)}/${encodeURIComponent(id)}`
  const body = bodyOf(await api.request('GET', path, undefined, WITHIN_MS))
  await write(world.stdout, options.json ? `${JSON.stringify(body)}\n` : approvalText(body))
  return DONE
}

export async function decideApproval(
  world: World,
  word: 'approve' | 'refuse',
  id: string,
  options: WordOptions,
): Promise<number> {
  const api = await openRestApi(world, options)
  const note = options.note === undefined ? {} : { note: options.note }
  const path = `${await pathOf(world, api, options)}/${encodeURIComponent(id)}/${word}`
  const body = bodyOf(await api.request('POST', path, note, WITHIN_MS))
  await write(world.stdout, options.json ? `${JSON.stringify(body)}\n` : wordText(body))
  return DONE
}

async function pathOf(world: World, api: RestApi, options: ApprovalsOptions): Promise<string> {
  return `/projects/${encodeURIComponent(await projectId(world, api, options))}/approvals`
}

function listText(body: unknown): string {
  return understood(() => {
    const { items, next_cursor } = body as { items: Approval[]; next_cursor: string | null }
    if (items.length === 0) return 'No calls.\n'
    const rows = items.map(({ id, state, tool, agent, expires_at, reason }) =>
      [id, state, tool, agent ?? '-', expires_at, reason].map(String),
    )
    const more = next_cursor === null ? '' : 'There are more: raise --limit.\n'
    return tableText(['id', 'state', 'tool', 'agent', 'until', 'why'], rows) + more
  })
}

/** Everything that a decision is about, the arguments exactly as they will run. */
function approvalText(body: unknown): string {
  return understood(() => {
    const approval = body as Approval
    const rows = [
      ['id', approval.id],
      ['state', approval.state],
      ['call', `${approval.method} ${approval.tool}`],
      ['rule', approval.rule],
      ['why', approval.reason],
      ['agent', approval.agent ?? '-'],
      ['user', approval.user ?? '-'],
      ['asked', approval.created_at],
      ['until', approval.expires_at],
      ['decided', approval.decided_at ?? '-'],
      ['note', approval.note ?? '-'],
    ].map(([name = '', value = '']) => `${name.padEnd(8)}${printable(value)}\n`)
    return `${rows.join('')}\n${withVisibleCharacters(JSON.stringify(approval.arguments, null, 2))}\n`
  })
}

function wordText(body: unknown): string {
  return understood(() => {
    const { id, state, tool } = body as Approval
    return `${printable(state)} ${printable(tool)} (${printable(id)})\n`
  })
}
