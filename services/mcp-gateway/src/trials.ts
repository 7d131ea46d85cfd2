// Trying a system, for the person who sets it up: is it there, and does it take what we have for it?
import { AppError } from '@mcpshield/contracts/errors'
import type { Trial } from '@mcpshield/contracts/projects'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Grant } from './connectors/connector.ts'
import { checkedArgs, CONNECTOR_TOOLS, type ConnectorToolName } from './connectors/tools.ts'
import type { ProjectRuntime } from './runtimes.ts'
import { everyEntry } from './upstream-lists.ts'
import { CLIENT_INFO, type Speaker } from '@mcpshield/upstream/upstream'

const TRIAL_TIMEOUT_MS = 20_000

/** Whom a trial speaks for: nobody's session is used for it. */
const SPEAKER: Speaker = {
  id: 'trial',
  subject: 'trial',
  era: 'modern',
  clientInfo: CLIENT_INFO,
  capabilities: {},
  onNotification: () => undefined,
  onRequest: () => Promise.resolve({ error: { code: -32601, message: 'A trial answers nothing.' } }),
}

export async function tryUpstream(runtime: ProjectRuntime, slug: string): Promise<Trial> {
  const upstream = runtime.upstream(slug)
  if (upstream === undefined) throw new AppError('NOT_FOUND', `There is no upstream ${slug}.`)
  try {
    return await timed(async () => {
      const peer = await upstream.connection.peer(SPEAKER)
      const { serverInfo, protocolVersion, capabilities } = peer.server
      const tools = capabilities['tools'] === undefined ? [] : await everyEntry(peer, 'tools/list')
      const name = typeof serverInfo['name'] === 'string' ? serverInfo['name'] : 'a server without a name'
      return `${name} answered in revision ${protocolVersion} and offers ${tools.length} tools.`
    })
  } finally {
    upstream.connection.leave(SPEAKER.id)
  }
}

/** For each kind of connection a call that needs the system and reads nothing that is stored in it. */
const TRIALS: { tool: ConnectorToolName; args: JsonObject }[] = [
  { tool: 'postgres.query', args: { sql: 'select 1' } },
  { tool: 'mysql.query', args: { sql: 'select 1' } },
  { tool: 'sqlite.query', args: { sql: 'select 1' } },
  { tool: 'mongodb.count', args: { collection: 'mcpshield_trial' } },
  { tool: 'redis.command', args: { command: ['PING'] } },
  { tool: 'filesystem.list', args: { path: '.' } },
]

export async function tryConnection(runtime: ProjectRuntime, name: string): Promise<Trial> {
  const kind = runtime.connectors.kindOf(name)
  if (kind === undefined) throw new AppError('NOT_FOUND', `There is no connection ${name}.`)
  const trial = TRIALS.find(({ tool }) => CONNECTOR_TOOLS[tool].kind === kind)
  if (trial === undefined)
    return { ok: true, detail: 'There is nothing to try: each request names its own host.', duration_ms: 0 }
  const { tool, args } = trial
  return timed(async () => {
    const connector = runtime.connectors.choose(tool, { connection: name })
    await connector.run(
      tool,
      checkedArgs(tool, args),
      grantOf(name, tool, args, runtime.connectors.rootOf(name)),
    )
    return 'It answered.'
  })
}

/** No more than the trial's own call touches. */
function grantOf(name: string, tool: ConnectorToolName, args: JsonObject, root: string | null): Grant {
  const resource = typeof args['collection'] === 'string' ? args['collection'] : null
  return {
    accesses:
      tool === 'filesystem.list'
        ? []
        : [{ connection: name, operation: 'read', resource, fields: [], functions: [] }],
    paths: tool === 'filesystem.list' && root !== null ? [root] : [],
    urls: [],
    readOnly: true,
    maxRows: 1,
    maxBytes: 64 * 1024,
    timeoutMs: TRIAL_TIMEOUT_MS,
    signal: AbortSignal.timeout(TRIAL_TIMEOUT_MS),
    needsSources: false,
    redacts: false,
    alsoAllows: () => true,
    namesHost: () => false,
  }
}

async function timed(run: () => Promise<string>): Promise<Trial> {
  const startedMs = performance.now()
  const after = () => Math.round(performance.now() - startedMs)
  try {
    return { ok: true, detail: await run(), duration_ms: after() }
  } catch (error) {
    const detail = error instanceof AppError ? error.message : 'It failed without saying why.'
    return { ok: false, detail, duration_ms: after() }
  }
}
