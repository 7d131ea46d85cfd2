// How the gateway introduces itself. At one upstream's endpoint it says what that upstream says; at the common one what
// all of them together can be asked.
import type { DecisionPoint } from '@mcpshield/pdp/decide-call'
import { DENIED, LEGACY_VERSIONS, MODERN_VERSION, type RpcAnswer } from '@mcpshield/mcp/messages'
import { withoutTaskLists } from '@mcpshield/mcp/task-methods'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { ServerIdentity } from '@mcpshield/upstream/upstream'
import { modernResult } from './bridge.ts'
import type { Exchange } from './client.ts'
import type { Conversations } from './conversations.ts'
import type { ProjectRuntime } from './runtimes.ts'

export type HandshakeDeps = {
  pdp: Pick<DecisionPoint, 'mayList'>
  conversations: Conversations
  /** Prose that belongs to no decided call. */
  standing(exchange: Exchange, entry: JsonObject): JsonObject
}

const SERVER_INFO = { name: 'mcpshield', title: 'MCPShield', version: '0.1.0' }
const INSTRUCTIONS =
  'Calls are decided by the project’s policy. A denied call says which rule denied it and why.'

/** The answer to `initialize` or `server/discover`. */
export async function introduce(
  deps: HandshakeDeps,
  runtime: ProjectRuntime,
  exchange: Exchange,
): Promise<RpcAnswer> {
  const identity =
    exchange.only === null ? ownIdentity(runtime) : await upstreamIdentity(deps, runtime, exchange)
  if (identity === undefined)
    return { error: { code: DENIED, message: `There is no upstream ${exchange.only} for this key.` } }
  const { capabilities, serverInfo, instructions } = identity
  const told = deps.standing(exchange, instructions === undefined ? {} : { instructions })
  const offered = withoutTaskLists(capabilities)
  if (exchange.client.era === 'modern') {
    const result = { supportedVersions: [MODERN_VERSION, ...LEGACY_VERSIONS], capabilities: offered, ...told }
    return { result: modernResult('server/discover', result, serverInfo) }
  }
  return {
    result: { protocolVersion: exchange.client.protocolVersion, capabilities: offered, serverInfo, ...told },
  }
}

async function upstreamIdentity(
  { pdp, conversations }: HandshakeDeps,
  runtime: ProjectRuntime,
  exchange: Exchange,
): Promise<ServerIdentity | undefined> {
  const slug = exchange.only ?? ''
  if (runtime.upstream(slug) === undefined || !pdp.mayList(exchange.client.credential, slug)) return undefined
  return (await conversations.with(runtime, slug, exchange)).server
}

function ownIdentity({ upstreams }: ProjectRuntime): ServerIdentity {
  const ofUpstreams = {
    resources: { subscribe: true, listChanged: true },
    prompts: { listChanged: true },
    completions: {},
    logging: {},
  }
  return {
    protocolVersion: MODERN_VERSION,
    serverInfo: SERVER_INFO,
    instructions: INSTRUCTIONS,
    capabilities: { tools: { listChanged: true }, ...(upstreams.length === 0 ? {} : ofUpstreams) },
  }
}
