// The product's main job on the running system: an agent's call that is allowed, one that is denied, and both in the record.
import type { Ask } from './asking.ts'
import { soon, type Session } from './account.ts'
import { Broken, type Findings } from './findings.ts'
import { parsed } from './parts.ts'

const IN_FORCE_WITHIN_MS = 10_000
const RECORDED_WITHIN_MS = 30_000
/** A folder that every system has and nobody minds being listed; the gateway's own, read by its connector of files. */
const FOLDER = '/usr'
const ALLOWED = '/usr/share'
const DENIED = '/usr/bin'
const POLICY = `version: 1
default: deny
rules:
  - id: verify-list
    tool: filesystem.list
    decision: allow
    conditions: { path_prefix: ${ALLOWED} }
`

type Result = { isError?: boolean; _meta?: Record<string, { decision: string; rule: string }> }

export async function checkCalls(
  { api, mcp }: { api: string; mcp: string },
  ask: Ask,
  session: Session,
  found: Findings,
): Promise<void> {
  const project = await session.api<{ id: string }>('POST', '/projects', {
    name: `verify-setup ${new Date().toISOString()}`,
    environment: 'dev',
    infrastructure: ['files'],
  })
  const at = `/projects/${project.id}`
  try {
    const key = await fill(session, at)
    const call = (path: string) => callTool(mcp, ask, key, path)
    const first = await found.check('a call that the policy allows goes through', GATEWAY, async () => {
      // Keys and policies are in force within a second.
      await soon(IN_FORCE_WITHIN_MS, async () => {
        const result = await call(ALLOWED)
        if (result.isError) throw new Broken(`it was refused: ${JSON.stringify(result).slice(0, 300)}`)
      })
    })
    await found.check('the nearest call that it does not allow is denied', SEVERE, async () => {
      const result = await call(DENIED)
      if (!result.isError || result._meta?.['io.mcpshield/decision']?.decision !== 'deny')
        throw new Broken(`it was not: ${JSON.stringify(result).slice(0, 300)}`)
    })
    if (first) await checkRecord(api, session, project.id, found)
    await found.check('a program that asks for a decision gets the same', GATEWAY, () =>
      checkDecision(api, ask, key),
    )
  } finally {
    await found.check(
      'what was made for this is deleted',
      'delete the project in the dashboard',
      async () => {
        await session.api('DELETE', at)
      },
    )
  }
}

const GATEWAY = '`docker compose logs mcp-gateway decision projects`'
const SEVERE = 'this must never happen: stop the gateway and report it'

/** A connection, the policy and a key. */
async function fill(session: Session, at: string): Promise<string> {
  await session.api('POST', `${at}/connections`, { name: 'verify', kind: 'files', path: FOLDER })
  await session.api('PUT', `${at}/policy`, { policy_yaml: POLICY }, { 'if-match': '*' })
  const { api_key } = await session.api<{ api_key: string }>('POST', `${at}/keys`, { name: 'verify-setup' })
  return api_key
}

/** One call in a conversation of its own. */
async function callTool(mcp: string, ask: Ask, key: string, path: string): Promise<Result> {
  const base = { 'x-api-key': key, accept: 'application/json, text/event-stream' }
  const clientInfo = { name: 'verify-setup', version: '1' }
  const initialize = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo }
  const begun = await rpc(mcp, ask, base, { id: 1, method: 'initialize', params: initialize })
  const session = begun.headers['mcp-session-id']?.[0]
  const headers = {
    ...base,
    'mcp-protocol-version': '2025-06-18',
    ...(session === undefined ? {} : { 'mcp-session-id': session }),
  }
  await rpc(mcp, ask, headers, { method: 'notifications/initialized' })
  const params = { name: 'filesystem__list', arguments: { path } }
  const { message } = await rpc(mcp, ask, headers, { id: 2, method: 'tools/call', params })
  if (session !== undefined) await ask(`${mcp}/mcp`, { method: 'DELETE', headers })
  if (message?.result === undefined) throw new Broken(`the gateway said ${JSON.stringify(message?.error)}`)
  return message.result
}

type Message = { id?: number; result?: Result; error?: unknown }

async function rpc(mcp: string, ask: Ask, headers: Record<string, string>, message: object) {
  const body = { jsonrpc: '2.0', ...message }
  const { status, headers: given, text } = await ask(`${mcp}/mcp`, { method: 'POST', headers, body })
  if (status >= 300) throw new Broken(`the gateway answered ${status}: ${text.slice(0, 200)}`)
  return { headers: given, message: lastMessage(text) }
}

/** Of a JSON body, or of the events of a stream. */
function lastMessage(text: string): Message | undefined {
  const events = [...text.matchAll(/^data: ?(.*)$/gm)].map((match) => parsed<Message>(match[1] ?? ''))
  return events.findLast((each) => each?.id !== undefined) ?? parsed<Message>(text)
}

type Audit = { tool: string; decision: string; rule: string; outcome: string | null }

async function checkRecord(api: string, session: Session, projectId: string, found: Findings): Promise<void> {
  const mend = '`docker compose logs ingest clickhouse nats`'
  await found.check('both are in the record, with what came of them', mend, () =>
    soon(RECORDED_WITHIN_MS, async () => {
      const { items } = await session.api<{ items: Audit[] }>(
        'GET',
        `/audits?project_id=${projectId}&limit=50`,
      )
      const calls = items.filter(({ tool }) => tool === 'filesystem.list')
      const allowed = calls.find(({ decision }) => decision === 'allow')
      const denied = calls.find(({ decision }) => decision === 'deny')
      if (allowed?.outcome !== 'ok' || denied === undefined)
        throw new Broken(`${calls.length} of the calls can be read at ${api}/audits`)
    }),
  )
}

async function checkDecision(api: string, ask: Ask, key: string): Promise<void> {
  const decide = async (path: string) => {
    const { status, text } = await ask(`${api}/policy/evaluate`, {
      method: 'POST',
      headers: { 'x-api-key': key },
      body: { tool: 'filesystem.list', arguments: { path } },
    })
    return parsed<{ decision?: string }>(text)?.decision ?? `status ${status}`
  }
  const got = [await decide(ALLOWED), await decide(DENIED)].join(', ')
  if (got !== 'allow, deny') throw new Broken(`it got ${got}`)
}
