// The tools of a modern server as its lists told them: which parameters their calls mirror into headers.
import { isObject } from '@mcpshield/mcp/messages'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'
import type { Log } from '@mcpshield/runtime/log'
import { headerParams, type HeaderParam } from './tool-headers.ts'

export type ToolDefinitions = {
  /** The mirrored parameters, or why the tool's definition is not valid; undefined when no list told of the tool. */
  of(name: string): HeaderParam[] | string | undefined
  /** Takes note of a list's page, and gives it without the tools whose definitions are not valid. */
  pass(page: JsonObject): JsonObject
  /** Reads the whole list; for a tool that is only unknown not again when that was done just now. */
  refresh(list: ListPage, why: 'unknown' | 'outdated'): Promise<void>
}

/** One page of the list; undefined when there is none. */
export type ListPage = (cursor: string | undefined) => Promise<JsonObject | undefined>

const MAX_PAGES = 100
/** What one upstream may fill the memory with; the oldest make room. */
const MAX_TOOLS = 10_000
const FRESH_MS = 5_000

export function openToolDefinitions(slug: string, log: Log): ToolDefinitions {
  const known = new Map<string, HeaderParam[] | string>()
  let readAtMs = -Infinity
  let reading: Promise<void> | undefined

  const note = (tool: JsonValue): boolean => {
    if (!isObject(tool) || typeof tool['name'] !== 'string') return true // Left to whoever reads the list.
    const { name } = tool
    const params = headerParams(tool['inputSchema'])
    if (typeof params === 'string' && known.get(name) !== params)
      log.warn({ upstream: slug, tool: name, reason: params }, 'tool left out: its definition is not valid')
    known.delete(name)
    known.set(name, params)
    return typeof params !== 'string'
  }
  const pass = (page: JsonObject): JsonObject => {
    const { tools } = page
    if (!Array.isArray(tools)) return page
    const valid = tools.filter(note)
    for (const oldest of known.keys()) {
      if (known.size <= MAX_TOOLS) break
      known.delete(oldest)
    }
    return valid.length === tools.length ? page : { ...page, tools: valid }
  }
  const readAll = async (list: ListPage): Promise<void> => {
    let cursor: string | undefined
    for (let count = 0; count < MAX_PAGES; count++) {
      const page = await list(cursor)
      if (page === undefined) return
      pass(page)
      const next = page['nextCursor']
      if (typeof next !== 'string' || next === cursor) return
      cursor = next
    }
  }
  return {
    of: (name) => known.get(name),
    pass,
    refresh(list, why) {
      if (why === 'unknown' && performance.now() - readAtMs < FRESH_MS) return Promise.resolve()
      reading ??= readAll(list)
        .catch((error: unknown) => log.warn({ upstream: slug, err: error }, 'list of tools not read'))
        .finally(() => {
          reading = undefined
          readAtMs = performance.now()
        })
      return reading
    },
  }
}
