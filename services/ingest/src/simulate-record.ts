// A recorded call as the policy engine reads it. What the record has redacted or shortened is unknown there, and it is
// noted which of the call's values were hidden in this way: they were known when the call was decided.
import type { Access, Context, Facts, JsonObject, JsonValue, Unknown, UrlFact } from '@mcpshield/policy/facts'
import { isUnknown } from '@mcpshield/policy/facts'
import { areArgumentsUnknown } from '@mcpshield/policy/unknown-facts'
import { isInMarker } from '@mcpshield/redact/marker'
import { timeMsOf } from './rows.ts'
import type { CallRow } from './simulate-queries.ts'

export type KnownKey = { name: string; labels: string[] }

/** What is known of a project today, and what the draft looks at. */
export type Surroundings = {
  environment: string
  keys: ReadonlyMap<string, KnownKey>
  readsArguments: boolean
  readsKeys: boolean
}

export type RecordedCall = {
  facts: Facts
  context: Context
  /** As recorded; empty where the draft does not read them. */
  arguments: JsonObject
  /** Facts, the arguments and values of the context that are hidden, or of which something is. */
  hidden: ReadonlySet<object>
  /** Whether a path, a URL, an access or the arguments as a whole are among them. */
  hidesFacts: boolean
  hidesArguments: boolean
  hidesKey: boolean
}

/** Longer texts were cut when they were recorded (libs/pdp, record.ts). */
const MAX_TEXT_UNITS = 8_192
const REDACTED = 'redacted in the record'
const NOT_KNOWN_TODAY = 'the API key is not known any more'

/** The call, or why it cannot be read as one that was decided. */
export function recordedCall(
  row: CallRow,
  surroundings: Surroundings,
): RecordedCall | 'redacted' | 'too_large' | 'no_facts' {
  // What ClickHouse cannot hold was replaced: such a name may have been another.
  if (isHidden(row.tool) || REPLACED.test(row.method + row.tool)) return 'redacted'
  if (row.kept_facts === null) return row.facts_bytes === 0 ? 'no_facts' : 'too_large'
  const stored = JSON.parse(row.kept_facts) as Partial<Facts> | null
  const { paths, urls, accesses, guessed } = stored ?? {}
  if (paths === undefined || urls === undefined || accesses === undefined) return 'no_facts'
  const hiding = new Hiding()
  const args = surroundings.readsArguments ? hiding.arguments(row) : { facts: {}, recorded: {} }
  if (args === undefined) return 'redacted'
  const mayHide = hidesSomething(row.kept_facts)
  const facts: Facts = {
    method: row.method,
    tool: row.tool,
    // Where no fact could be drawn, the arguments were as unknown to the policy as the rest.
    arguments: isUnknown(paths) ? paths : args.facts,
    paths: mayHide ? each(paths, (path) => hiding.path(path)) : paths,
    urls: mayHide ? each(urls, (url) => hiding.url(url)) : urls,
    accesses: mayHide ? each(accesses, (access) => hiding.access(access)) : accesses,
    ...(guessed === undefined ? {} : { guessed }),
  }
  const context = hiding.context(row, surroundings)
  const { hidden, hidesFacts, hidesArguments, hidesKey } = hiding
  return { facts, context, arguments: args.recorded, hidden, hidesFacts, hidesArguments, hidesKey }
}

const REPLACED = /\ufffd/

function each<Fact>(facts: Fact[] | Unknown, hide: (fact: Fact) => Fact): Fact[] | Unknown {
  return Array.isArray(facts) ? facts.map(hide) : facts
}

/** Present, and of no JSON type: whatever a condition asks of it is unknown. */
const OPAQUE = Symbol('hidden in the record') as unknown as JsonValue

class Hiding {
  readonly hidden = new Set<object>()
  hidesFacts = false
  hidesArguments = false
  hidesKey = false

  /** In the form that conditions read, and as recorded; undefined when they may or may not have been unknown. */
  arguments(row: CallRow): { facts: JsonObject | Unknown; recorded: JsonObject } | undefined {
    const { kept_arguments: text, arguments_bytes: bytes } = row
    const recorded = (text === null ? {} : JSON.parse(text)) as JsonObject
    if (bytes === 0 || (text !== null && !hidesSomething(text))) return { facts: recorded, recorded }
    const shown = text === null ? this.#opaque() : this.#shown(recorded)
    if (!this.hidesArguments) return { facts: recorded, recorded }
    if (areArgumentsUnknown(recorded)) return undefined
    if (shown !== OPAQUE) return { facts: this.#note(shown as JsonObject), recorded }
    this.hidesFacts = true
    return { facts: this.#hide(REDACTED), recorded }
  }

  path(path: string | Unknown): string | Unknown {
    return isHidden(path) ? this.#hideFact() : path
  }

  url(url: UrlFact | Unknown): UrlFact | Unknown {
    if (isUnknown(url)) return url
    return [url.scheme, url.host, url.port].some(isHidden) ? this.#hideFact() : url
  }

  access(access: Access): Access {
    const before = this.hidden.size
    const visible = <T>(value: T): T | Unknown => (isHidden(value) ? this.#hideFact() : value)
    const members = (value: Access['fields']) =>
      Array.isArray(value) ? (value.map(visible) as string[]) : visible(value)
    const { connection, operation, resource, fields, functions } = access
    const shown: Access = {
      connection: visible(connection),
      operation: visible(operation),
      resource: visible(resource),
      fields: members(fields),
      functions: members(functions),
    }
    return this.hidden.size === before ? access : this.#note(shown)
  }

  context(row: CallRow, { environment, keys, readsKeys }: Surroundings): Context {
    const { agent, key_id } = row
    const known = {
      environment,
      time: new Date(timeMsOf(row)).toISOString(),
      ...(agent === null ? {} : { agent: this.#agent(agent) }),
    }
    if (!readsKeys) return known
    const key = key_id === null ? undefined : keys.get(key_id)
    if (key !== undefined) return { ...known, key: key.name, labels: key.labels }
    this.hidesKey = true
    return { ...known, key: this.#hide(NOT_KNOWN_TODAY), labels: this.#hide(NOT_KNOWN_TODAY) }
  }

  #agent(name: string): string | Unknown {
    return isHidden(name) || REPLACED.test(name) ? this.#hide(REDACTED) : name
  }

  /** An object of which a name is hidden is hidden as a whole: it cannot be told what it does not have. */
  #shown(value: JsonValue): JsonValue {
    if (Array.isArray(value)) return value.map((item) => this.#shown(item))
    if (value === null || typeof value !== 'object') return isHidden(value) ? this.#opaque() : value
    const members = Object.entries(value)
    if (members.some(([name]) => isHidden(name))) return this.#opaque()
    return Object.fromEntries(members.map(([name, member]) => [name, this.#shown(member)]))
  }

  #opaque(): JsonValue {
    this.hidesArguments = true
    return OPAQUE
  }

  #hideFact(): Unknown {
    this.hidesFacts = true
    return this.#hide(REDACTED)
  }

  #hide(unknown: string): Unknown {
    return this.#note({ unknown })
  }

  #note<T extends object>(value: T): T {
    this.hidden.add(value)
    return value
  }
}

/** Of a text of JSON: false only when nothing in it can be hidden. */
function hidesSomething(json: string): boolean {
  return json.length > MAX_TEXT_UNITS || MARKED.test(json)
}

const MARKED = /\[(?:redacted|hash|withheld):/

/** A text that was cut, or that has a marker anywhere; one that somebody only wrote like that cannot be told apart. */
function isHidden(value: unknown): boolean {
  if (typeof value !== 'string') return false
  if (value.length > MAX_TEXT_UNITS) return true
  if (!MARKED.test(value)) return false
  for (let at = value.indexOf('['); at !== -1; at = value.indexOf('[', at + 1)) {
    if (isInMarker(value, at, at + 1)) return true
  }
  return false
}
