// What an upstream's tools are defined as, as far as it was read, beside what was approved. A tool whose definition is
// not the approved one is quarantined: it is not shown, and calls of it are denied.
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'
import { canonicalHash } from './canonical-hash.ts'
import { headerParams, type HeaderParam } from './param-headers.ts'

export type ToolDefinition = { name: string } & JsonObject

export type ToolCatalog = {
  /** Takes in definitions as a list told them, and reports what is new. Resolves once pins for all of them are known. */
  learn(definitions: ToolDefinition[]): Promise<void>
  /**
   * Why calls of the tool are denied, or undefined. What no list ever named has no definition that could have changed.
   * With a definition: why that one is not shown; another list may have told another one meanwhile.
   */
  quarantine(name: string, definition?: JsonObject): string | undefined
  /** How many of the tools that lists named are in quarantine. */
  quarantinedCount(): number
  /** The arguments of a tool that a client of the modern era says in headers too. */
  headerParams(name: string): readonly HeaderParam[]
  /** Reads the list again where what is known is too old to be relied on; `list` is asked at most once at a time. */
  refresh(list: () => Promise<ToolDefinition[]>): Promise<void>
  /** The upstream said that its list changed. */
  outdated(): void
}

/** Of one name in one list. A server that tells two definitions of it means either. */
type Known = { hashes: readonly string[]; params: readonly HeaderParam[] }
type Reported = { name: string; hash: string; definition: JsonValue }
export type Pins = Record<string, string>

type CatalogDeps = {
  slug: string
  /** The pins in force, or undefined while none were ever told. */
  pins(): Pins | undefined
  /** Tells what is offered; answers the pins in force. */
  report(tools: Reported[]): Promise<Pins>
  /** What is to be done about a changed definition, as the end of a sentence. */
  remedy?(name: string): string
  nowMs(): number
}

const REMEDY = 'someone must look at the difference and accept it'

/** Of what lists named, the newest: a list has at most a thousand. */
const MAX_KNOWN = 4_000
/** A list this old is read again beside the call; one older than the second figure, before it. */
const REFRESH_AFTER_MS = 1_000
const UNRELIABLE_AFTER_MS = 5_000

/** What a model reads of a tool, and what it is trusted for. The rest may depend on what a client can do. */
const PINNED = ['name', 'title', 'description', 'inputSchema', 'outputSchema', 'annotations'] as const

function pinnedPart(definition: JsonObject): JsonObject {
  return Object.fromEntries(
    PINNED.filter((part) => definition[part] !== undefined).map((part) => [part, definition[part]]),
  ) as JsonObject
}

function forgetOldest(map: Map<string, unknown>): void {
  for (const name of map.keys()) {
    if (map.size <= MAX_KNOWN) return
    map.delete(name)
  }
}

export function toolCatalog(deps: CatalogDeps): ToolCatalog {
  const known = new Map<string, Known>()
  const hashes = new WeakMap<JsonObject, string>()
  const reported = new Map<string, string>()
  /** Of the last report: the watched pins may come a little later. */
  let answered: Pins = {}
  let readAtMs = -Infinity
  let refreshing: Promise<void> | undefined
  let changesTold = 0

  const pinOf = (name: string) => {
    const watched = deps.pins()
    return (
      (watched !== undefined && Object.hasOwn(watched, name) ? watched[name] : undefined) ??
      (Object.hasOwn(answered, name) ? answered[name] : undefined)
    )
  }
  const hashOf = (whole: JsonObject) => {
    const hash = hashes.get(whole) ?? canonicalHash(pinnedPart(whole))
    hashes.set(whole, hash)
    return hash
  }
  /** Takes in a list; of each name the definition that was not approved, where there is one. */
  const take = (definitions: ToolDefinition[]): Reported[] =>
    [...Map.groupBy(definitions, ({ name }) => name)].map(([name, same]) => {
      const all = same.map((whole) => ({ name, hash: hashOf(whole), definition: pinnedPart(whole) }))
      const params = all.flatMap(({ definition }) => headerParams(definition))
      known.delete(name)
      known.set(name, { hashes: all.map(({ hash }) => hash), params })
      return (all.find(({ hash }) => hash !== pinOf(name)) ?? all[0]) as Reported
    })
  const catalog: ToolCatalog = {
    async learn(definitions) {
      const offered = take(definitions)
      const news = offered.filter(({ name, hash }) => reported.get(name) !== hash && pinOf(name) !== hash)
      const ended = offered.filter(
        ({ name, hash }) => pinOf(name) === hash && (reported.get(name) ?? hash) !== hash,
      )
      const telling = [...news, ...ended]
      if (telling.length > 0) answered = await deps.report(telling)
      for (const { name, hash } of telling) reported.set(name, hash)
      forgetOldest(known)
      forgetOldest(reported)
    },
    quarantine(name, definition) {
      const offered = [
        ...(known.get(name)?.hashes ?? []),
        ...(definition === undefined ? [] : [hashOf(definition)]),
      ]
      if (offered.length === 0) return undefined
      const pin = pinOf(name)
      if (offered.every((hash) => hash === pin)) return undefined
      return pin === undefined
        ? `The definition of ${name} could not be recorded yet; try again in a moment.`
        : `The definition of ${name} changed since it was approved: ${deps.remedy?.(name) ?? REMEDY}.`
    },
    quarantinedCount: () =>
      [...known].filter(([name, { hashes: offered }]) => offered.some((hash) => hash !== pinOf(name))).length,
    headerParams: (name) => known.get(name)?.params ?? [],
    async refresh(list) {
      const ageMs = deps.nowMs() - readAtMs
      if (ageMs < REFRESH_AFTER_MS) return
      refreshing ??= reading(list)
      if (ageMs >= UNRELIABLE_AFTER_MS) return refreshing
      refreshing.catch(() => undefined)
    },
    outdated() {
      changesTold++
      readAtMs = -Infinity
      refreshing = undefined
    },
  }
  async function reading(list: () => Promise<ToolDefinition[]>): Promise<void> {
    const startedMs = deps.nowMs()
    const changes = changesTold
    try {
      await catalog.learn(await list())
      // One that was under way when a change was told may have been answered before it.
      if (changes === changesTold) readAtMs = startedMs
    } finally {
      if (changes === changesTold) refreshing = undefined
    }
  }
  return catalog
}
