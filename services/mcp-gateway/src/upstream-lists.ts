// What an upstream lists, page by page, bounded: a model reads all of it.
import { AppError } from '@mcpshield/contracts/errors'
import { isObject } from '@mcpshield/mcp/messages'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'
import type { Peer } from '@mcpshield/upstream/upstream'
import type { ToolDefinition } from './tool-catalog.ts'

/** Method → the member of its result that holds the list, and of an entry what names it. */
export const LISTS = {
  'tools/list': { member: 'tools', name: 'name', capability: 'tools' },
  'prompts/list': { member: 'prompts', name: 'name', capability: 'prompts' },
  'resources/list': { member: 'resources', name: 'uri', capability: 'resources' },
  'resources/templates/list': { member: 'resourceTemplates', name: 'uriTemplate', capability: 'resources' },
} as const
export type ListMethod = keyof typeof LISTS

export function isListMethod(method: string): method is ListMethod {
  return Object.hasOwn(LISTS, method)
}

const MAX_PAGES = 100
const MAX_ENTRIES = 1_000
const MAX_ENTRY_UNITS = 64 * 1024
const LIST_TIMEOUT_MS = 10_000

/** Every entry of a list. Throws an AppError when the upstream does not answer with one. */
export async function everyEntry(peer: Peer, method: ListMethod): Promise<JsonObject[]> {
  const entries: JsonObject[] = []
  let cursor: JsonValue | undefined
  for (let page = 0; page < MAX_PAGES && entries.length < MAX_ENTRIES; page++) {
    const answer = await peer.request(method, cursor === undefined ? {} : { cursor }, {
      timeoutMs: LIST_TIMEOUT_MS,
    })
    if ('error' in answer)
      throw new AppError('UNAVAILABLE', `The upstream does not tell its list: ${answer.error.message}`)
    entries.push(...entriesOf(answer.result, method).slice(0, MAX_ENTRIES - entries.length))
    cursor = answer.result['nextCursor']
    if (typeof cursor !== 'string') break
  }
  return entries
}

/** The entries of one page that have a name and can be read. */
export function entriesOf(result: JsonObject, method: ListMethod): JsonObject[] {
  const { member, name } = LISTS[method]
  const entries = result[member]
  return Array.isArray(entries)
    ? entries.filter(
        (entry): entry is JsonObject =>
          isObject(entry) && typeof entry[name] === 'string' && isReadable(entry),
      )
    : []
}

export async function listedTools(peer: Peer): Promise<ToolDefinition[]> {
  return (await everyEntry(peer, 'tools/list')) as ToolDefinition[]
}

function isReadable(entry: JsonObject): boolean {
  try {
    return JSON.stringify(entry).length <= MAX_ENTRY_UNITS
  } catch {
    return false // Nested too deeply to be written again.
  }
}
