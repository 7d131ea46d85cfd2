// The tools of an upstream, as much of them as every client's list may hold.
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Peer } from './upstream.ts'

export type UpstreamTool = { name: string } & JsonObject

const MAX_PAGES = 100
/** What one upstream may put into every client's list: a model reads all of it. */
const MAX_TOOLS = 1_000
const MAX_DEFINITION_UNITS = 64 * 1024

/** Page by page. One whose definition is too large to be read is left out. */
export async function listUpstreamTools(peer: Peer, timeoutMs: number): Promise<UpstreamTool[]> {
  const tools: UpstreamTool[] = []
  let cursor: string | undefined
  for (let page = 0; page < MAX_PAGES; page++) {
    const answer = await peer.request('tools/list', cursor === undefined ? {} : { cursor }, { timeoutMs })
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
