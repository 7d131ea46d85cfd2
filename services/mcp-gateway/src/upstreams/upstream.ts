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

/** All tools of an upstream, page by page. */
export async function listUpstreamTools(upstream: Upstream, timeoutMs: number): Promise<UpstreamTool[]> {
  const tools: UpstreamTool[] = []
  let cursor: string | undefined
  for (let page = 0; page < MAX_PAGES; page++) {
    const answer = await upstream.send('tools/list', cursor === undefined ? {} : { cursor }, { timeoutMs })
    if ('error' in answer) return tools
    const { tools: more, nextCursor } = answer.result
    if (Array.isArray(more)) tools.push(...more.filter(isTool))
    if (typeof nextCursor !== 'string') return tools
    cursor = nextCursor
  }
  return tools
}

function isTool(value: unknown): value is UpstreamTool {
  return typeof value === 'object' && value !== null && typeof (value as { name?: unknown }).name === 'string'
}
