// The connection to a real MCP server, whatever its transport.
import type { JsonObject } from '@mcpshield/policy/facts'
import type { RpcAnswer } from '../json-rpc.ts'

export type UpstreamTool = { name: string } & JsonObject

export type SendOptions = { timeoutMs: number; signal?: AbortSignal }

export type Upstream = AsyncDisposable & {
  slug: string
  /** Sends one request and waits for its answer. Throws an AppError when there is none. */
  send(method: string, params: JsonObject, options: SendOptions): Promise<RpcAnswer>
}

/** What the gateway says of itself to upstreams, and the revision it asks for. */
export const CLIENT_INFO = { name: 'mcpshield', version: '0.1.0' }
export const UPSTREAM_PROTOCOL = '2025-11-25'

const MAX_PAGES = 100
/** What one upstream may put into every client's list: a model reads all of it. */
const MAX_TOOLS = 1_000
const MAX_DEFINITION_UNITS = 64 * 1024

/** The tools of an upstream, page by page. One whose definition is too large to be read is left out. */
export async function listUpstreamTools(upstream: Upstream, timeoutMs: number): Promise<UpstreamTool[]> {
  const tools: UpstreamTool[] = []
  let cursor: string | undefined
  for (let page = 0; page < MAX_PAGES; page++) {
    const answer = await upstream.send('tools/list', cursor === undefined ? {} : { cursor }, { timeoutMs })
    if ('error' in answer) return tools
    const { tools: more, nextCursor } = answer.result
    if (Array.isArray(more)) tools.push(...more.slice(0, MAX_TOOLS - tools.length).filter(isTool))
    if (tools.length === MAX_TOOLS) return tools
    if (typeof nextCursor !== 'string') return tools
    cursor = nextCursor
  }
  return tools
}

function isTool(value: unknown): value is UpstreamTool {
  if (typeof value !== 'object' || value === null || typeof (value as { name?: unknown }).name !== 'string')
    return false
  try {
    return JSON.stringify(value).length <= MAX_DEFINITION_UNITS
  } catch {
    return false // Nested too deeply to be written again.
  }
}
