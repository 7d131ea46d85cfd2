// `mcpshield approvals`: the calls of a project that wait for a person, and that person's word.
import { withVisibleCharacters } from '@mcpshield/mcp/invisible-characters'
import { printable } from '../printable.ts'
import { openRestApi, type Account } from '../rest-api.ts'
import { detailOf, refused, type Answered } from '../rest-client.ts'
import { tableText } from '../table.ts'
import { CommandError, DONE, NEGATIVE, write, type World } from '../world.ts'

export type ApprovalsOptions = Account & { project: string; json?: boolean }
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

const WITHIN_MS = 15_000

export async function listApprovals(world: World, options: ListOptions): Promise<number> {
  const api = await openRestApi(world, options)
  const state = options.state === 'all' ? '' : `&state=${options.state}`
  const path = `${pathOf(options)}?limit=${options.limit}${state}`
  const body = answerOf(await api.request('GET', path, undefined, WITHIN_MS))
  await write(world.stdout, options.json ? `${JSON.stringify(body)}\n` : listText(body))
  return DONE
}

export async function showApproval(world: World, id: string, options: ApprovalsOptions): Promise<number> {
  const api = await openRestApi(world, options)
  const body = answerOf(await api.request('GET', pathOf(options, id), undefined, WITHIN_MS))
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
  const body = answerOf(await api.request('POST', `${pathOf(options, id)}/${word}`, note, WITHIN_MS))
  await write(world.stdout, options.json ? `${JSON.stringify(body)}\n` : wordText(body))
  return DONE
}

function pathOf({ project }: ApprovalsOptions, id?: string): string {
  const path = `/projects/${encodeURIComponent(project)}/approvals`
  return id === undefined ? path : `${path}/${encodeURIComponent(id)}`
}

/** The body of a good answer. That it is decided, over, not there or not yours to decide is an answer too. */
function answerOf({ status, body }: Answered): unknown {
  if (status === 200) return body
  if ([403, 404, 409, 410].includes(status)) throw new CommandError(detailOf(body), NEGATIVE)
  throw refused(status, body)
}

/** What a body is made into for people; a body that is something else is no answer of this API. */
function shown(body: unknown, make: () => string): string {
  try {
    return make()
  } catch {
    throw refused(200, undefined)
  }
}

function listText(body: unknown): string {
  return shown(body, () => {
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
  return shown(body, () => {
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
  return shown(body, () => {
    const { id, state, tool } = body as Approval
    return `${printable(state)} ${printable(tool)} (${printable(id)})\n`
  })
}
