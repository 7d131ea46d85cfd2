// What an upstream lists, page by page, bounded: a model reads all of it.
import { AppError } from '@mcpshield/contracts/errors'
import { entriesOf, type ListMethod } from '@mcpshield/mcp/lists'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'
import type { Peer } from '@mcpshield/upstream/upstream'
import type { ToolDefinition } from '@mcpshield/mcp/tool-catalog'

const MAX_PAGES = 100
const MAX_ENTRIES = 1_000
/** Of all entries together, as JSON. */
const MAX_LIST_UNITS = 4 * 1024 * 1024
const LIST_TIMEOUT_MS = 10_000

/** Every entry of a list. Throws an AppError when the upstream does not answer with one. */
export async function everyEntry(peer: Peer, method: ListMethod): Promise<JsonObject[]> {
  const entries: JsonObject[] = []
  let units = 0
  let cursor: JsonValue | undefined
  for (let page = 0; page < MAX_PAGES && entries.length < MAX_ENTRIES; page++) {
    const answer = await peer.request(method, cursor === undefined ? {} : { cursor }, {
      timeoutMs: LIST_TIMEOUT_MS,
    })
    if ('error' in answer)
      throw new AppError('UNAVAILABLE', `The upstream does not tell its list: ${answer.error.message}`)
    for (const entry of entriesOf(answer.result, method)) {
      units += JSON.stringify(entry).length
      if (units > MAX_LIST_UNITS || entries.length === MAX_ENTRIES) return entries
      entries.push(entry)
    }
    cursor = answer.result['nextCursor']
    if (typeof cursor !== 'string') break
  }
  return entries
}

export async function listedTools(peer: Peer): Promise<ToolDefinition[]> {
  return (await everyEntry(peer, 'tools/list')) as ToolDefinition[]
}
