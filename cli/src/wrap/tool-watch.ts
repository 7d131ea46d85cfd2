// The definitions of the server's tools, beside what was approved: read again before a call where they may have changed.
import { canonicalHash } from '@mcpshield/mcp/canonical-hash'
import { entriesOf } from '@mcpshield/mcp/lists'
import { lookOf } from '@mcpshield/mcp/look-alike-names'
import { META, metaOf, METHOD_NOT_FOUND, type RpcAnswer } from '@mcpshield/mcp/messages'
import type { ToolCatalog, ToolDefinition } from '@mcpshield/mcp/tool-catalog'
import { toolWarnings } from '@mcpshield/mcp/tool-warnings'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'
import { printable } from '../printable.ts'
import type { OpenRequest } from './open-requests.ts'
import type { ServerLink } from './server-link.ts'
import { answerIn } from './stdio-messages.ts'

export type ToolWatch = {
  /** Takes in the entries of a list. */
  learn(entries: JsonObject[]): Promise<void>
  isQuarantined(tool: string): boolean
  /** Why a call of the tool is denied, or undefined. Reads the list first where what is known of it is too old. */
  quarantine(tool: JsonValue | undefined, open: OpenRequest): Promise<string | undefined>
  /** The server said that its list changed. */
  outdated(): void
}

type WatchDeps = {
  name: string
  link: ServerLink
  /** Null where nothing is pinned. */
  catalog: ToolCatalog | null
  tell(message: string): void
}

const LIST_WITHIN_MS = 10_000
const MAX_PAGES = 100
const MAX_TOOLS = 1_000
const MAX_WARNINGS = 200

export function toolWatch({ name, link, catalog, tell }: WatchDeps): ToolWatch {
  const warned = new Set<string>()
  const looked = new Map<string, string>()

  /** Once for each definition: what a list tells again was looked at. */
  function warn(definitions: ToolDefinition[]): void {
    const alike = Map.groupBy(definitions, (definition) => lookOf(definition.name))
    for (const definition of definitions) {
      const { name: tool } = definition
      const hash = canonicalHash(definition)
      if (looked.get(tool) === hash) continue
      if (looked.size < MAX_TOOLS) looked.set(tool, hash)
      const others = (alike.get(lookOf(tool)) ?? []).map((other) => ({ upstream: name, name: other.name }))
      for (const { message } of toolWarnings(definition, { upstream: name, name: tool }, others)) {
        const warning = printable(`the tool ${name}/${tool}: ${message}`)
        // A server that thinks of ever new ones must not fill the terminal, nor the memory.
        if (warned.has(warning) || warned.size >= MAX_WARNINGS) continue
        tell(warning)
        warned.add(warning)
      }
    }
  }

  return {
    async learn(entries) {
      const definitions = entries.filter(isPlain).map(plain)
      warn(definitions)
      await catalog?.learn(definitions)
    },
    isQuarantined: (tool) => catalog?.quarantine(tool) !== undefined,
    async quarantine(tool, open) {
      if (catalog === null || typeof tool !== 'string') return undefined
      // Only what really waits lets the client's next message go first.
      const waits = setImmediate(open.waits)
      try {
        await catalog.refresh(async () => {
          const definitions = (await listed(link, open)).filter(isPlain).map(plain)
          warn(definitions)
          return definitions
        })
      } finally {
        clearImmediate(waits)
      }
      return catalog.quarantine(tool)
    },
    outdated: () => catalog?.outdated(),
  }
}

/** The list as the server tells it to this client. Throws when it does not. */
async function listed(link: ServerLink, { request }: OpenRequest): Promise<JsonObject[]> {
  const entries: JsonObject[] = []
  let cursor: JsonValue | undefined
  for (let page = 0; page < MAX_PAGES && entries.length < MAX_TOOLS; page++) {
    const params = { ...(cursor === undefined ? {} : { cursor }), ...eraOf(request.params) }
    const answered = await link.ask({ method: 'tools/list', params }, { timeoutMs: LIST_WITHIN_MS })
    if ('none' in answered) throw new Error('the server does not tell which tools it has')
    const answer = answerIn(answered.message)
    if ('error' in answer) return offersNone(answer)
    entries.push(...entriesOf(answer.result, 'tools/list').slice(0, MAX_TOOLS - entries.length))
    cursor = answer.result['nextCursor']
    if (typeof cursor !== 'string') break
  }
  return entries
}

/** A server without tools does not know the method. */
function offersNone({ error }: Extract<RpcAnswer, { error: unknown }>): [] {
  if (error.code === METHOD_NOT_FOUND) return []
  throw new Error(`the server does not tell which tools it has: ${error.message}`)
}

/** In the modern era each request says how it is meant. */
function eraOf(params: JsonObject): { _meta?: JsonObject } {
  const meta = metaOf(params)
  const said = [META.protocolVersion, META.clientInfo, META.clientCapabilities]
    .filter((key) => meta[key] !== undefined)
    .map((key) => [key, meta[key]])
  return said.length === 0 ? {} : { _meta: Object.fromEntries(said) as JsonObject }
}

/** Whether it can be told from every other definition: numbers beyond all bounds have no one form. */
export function isPlain(entry: JsonObject): boolean {
  try {
    canonicalHash(plain(entry))
    return true
  } catch {
    return false
  }
}

/** With its numbers as every reader has them: here they are kept as they were written. */
function plain(entry: JsonObject): ToolDefinition {
  return JSON.parse(JSON.stringify(entry)) as ToolDefinition
}
