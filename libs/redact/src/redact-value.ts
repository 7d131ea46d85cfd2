// Redacts a JSON value: strings and numbers by what they hold and by the name they stand under, fields by name.
import { isSecretMember } from './detectors/generic-secret.ts'
import { matchesField } from './field-globs.ts'
import { hasRepeatedNames, parseDocument, writeDocument, writtenNumber } from './json-text.ts'
import { WITHHELD, isMarker, markerFor } from './marker.ts'
import type { KeyedHash, ReplaceWith } from './marker.ts'
import { findReplacements, redactText } from './redact-text.ts'
import { compileRedactions } from './redactions.ts'
import type { CompiledRedactions, Redaction } from './redactions.ts'

/**
 * The columns an output column was computed from, each as the names of its path, such as `['table', 'column']`;
 * `unknown` where it cannot be told. Names are never joined: one may hold a dot.
 */
export type Sources = Readonly<Record<string, readonly (readonly string[])[] | 'unknown'>>

export type RedactOptions = {
  keyedHash: KeyedHash
  /** For rows: an array of objects, or an object with such an array as `rows`. */
  sources?: Sources | undefined
  /** What the value is part of, such as the collection its documents come from. */
  root?: readonly string[] | undefined
}

export type RedactedValue = {
  value: unknown
  /** How many places were redacted, those withheld included. */
  count: number
  /** How many of them were withheld because it cannot be told what they hold. */
  withheld: number
  types: string[]
}

/** Deeper than this nobody looks: the rest is withheld. */
const MAX_DEPTH = 200
/** Names by which a detector knows what digits without marks are. */
const LABEL = /phone|tel|mob|cell|fax|sms|whatsapp|call|ssn|soc|tax|tin|\bph/i
const DROPPED = Symbol('dropped')

/** Redacts a value. What needs no redaction is returned as it came, not as a copy. */
export function redactValue(
  value: unknown,
  redactions: readonly Redaction[],
  options: RedactOptions,
): RedactedValue {
  if (redactions.length === 0) return { value, count: 0, withheld: 0, types: [] }
  const walk = new Walk(redactions, options)
  const redacted = walk.start(value)
  return {
    value: redacted === DROPPED ? null : redacted,
    count: walk.count,
    withheld: walk.withheld,
    types: [...walk.types].sort(),
  }
}

/** Where in a document a value is: the paths it may have come from, and the name it stands under. */
type Place = { paths: readonly (readonly string[])[]; name: string; depth: number }

class Walk {
  count = 0
  withheld = 0
  readonly types = new Set<string>()
  readonly #rules: CompiledRedactions
  readonly #redactions: readonly Redaction[]
  readonly #options: RedactOptions

  constructor(redactions: readonly Redaction[], options: RedactOptions) {
    this.#redactions = redactions
    this.#rules = compileRedactions(redactions)
    this.#options = options
  }

  start(value: unknown): unknown {
    const { sources, root = [] } = this.#options
    const place = { paths: [root], name: '', depth: 0 }
    if (sources === undefined || this.#rules.fields.length === 0) return this.#visit(value, place)
    if (Array.isArray(value)) return value.map((row: unknown) => this.#row(row, sources))
    if (!isObject(value)) return this.#withhold()
    if (!Array.isArray(value.rows)) return this.#row(value, sources)
    const { rows, ...rest } = value
    return {
      ...(this.#visit(rest, place) as object),
      rows: rows.map((row: unknown) => this.#row(row, sources)),
    }
  }

  #row(row: unknown, sources: Sources): unknown {
    if (!isObject(row)) return this.#withhold()
    return this.#members(row, (name, value) => {
      const paths = Object.hasOwn(sources, name) ? sources[name]! : 'unknown'
      if (paths === 'unknown') return this.#withhold()
      return this.#field(value, paths) ?? this.#visit(value, { paths, name, depth: 1 })
    })
  }

  #visit(value: unknown, place: Place): unknown {
    if (typeof value === 'string') return this.#string(value, place)
    const number = writtenNumber(value)
    if (number !== undefined) return this.#number(value, number, place)
    if (typeof value !== 'object' || value === null) return value
    if (place.depth >= MAX_DEPTH) return this.#withhold()
    if (Array.isArray(value)) return this.#array(value, place)
    return this.#members(value as Record<string, unknown>, (name, member) => {
      const paths = place.paths.map((path) => [...path, name])
      return this.#field(member, paths) ?? this.#visit(member, { paths, name, depth: place.depth + 1 })
    })
  }

  #array(values: unknown[], place: Place): unknown[] {
    const deeper = { ...place, depth: place.depth + 1 }
    const redacted = values.map((value) => this.#visit(value, deeper))
    return redacted.some((value, index) => value !== values[index]) ? redacted : values
  }

  /** Names may hold secrets too: documents keyed by mail addresses are common. */
  #members(value: Record<string, unknown>, visit: (name: string, member: unknown) => unknown): object {
    const members: [string, unknown][] = []
    const taken = new Set<string>()
    let changed = false
    for (const [name, member] of Object.entries(value)) {
      const redactedName = this.#name(name, taken)
      const redacted = visit(name, member)
      changed ||= redactedName !== name || redacted !== member
      if (redacted !== DROPPED) members.push([redactedName, redacted])
    }
    return changed ? Object.fromEntries(members) : value
  }

  #name(name: string, taken: Set<string>): string {
    const redacted = this.#text(name)
    let free = redacted
    for (let n = 2; redacted !== name && taken.has(free); n++) free = `${redacted} (${n})`
    taken.add(free)
    return free
  }

  /** The replacement of a value that a field rule names; undefined if none does. */
  #field(value: unknown, paths: readonly (readonly string[])[]): unknown {
    const rule = this.#rules.fields.find(({ glob }) => paths.some((path) => matchesField(glob, path)))
    if (rule === undefined) return undefined
    if (typeof value === 'string' && isMarker(value)) return value
    this.#note('field')
    if (rule.with === 'drop') return DROPPED
    return markerFor(
      'field',
      typeof value === 'string' ? value : JSON.stringify(value),
      rule.with,
      this.#options.keyedHash,
    )
  }

  #string(value: string, place: Place): unknown {
    const nested = this.#rules.fields.length > 0 || value.includes('\\') ? parseDocument(value) : undefined
    if (nested !== undefined) {
      const redacted = this.#visit(nested, { ...place, depth: place.depth + 1 })
      // Of members with the same name the document shows only the last, the text shows all: it is written anew.
      const isOriginal =
        redacted === nested && this.#rules.fields.length === 0 && !hasRepeatedNames(value, nested)
      return this.#text(isOriginal ? value : writeDocument(redacted, value))
    }
    const how = this.#rules.replaceWith.get('generic_secret') ?? this.#rules.replaceWith.get('aws_key')
    if (how !== undefined && isSecretMember(place.name, value))
      return this.#whole('generic_secret', value, how)
    return LABEL.test(place.name) ? this.#labelled(value, place.name) : this.#text(value)
  }

  #number(value: unknown, written: string, place: Place): unknown {
    const how = this.#rules.replaceWith.get('generic_secret')
    if (how !== undefined && isSecretMember(place.name, written))
      return this.#whole('generic_secret', written, how)
    const text = `${place.name}: ${written}`
    const found = findReplacements(text, this.#rules).find(({ end }) => end > text.length - written.length)
    return found === undefined ? value : this.#whole(found.type, written, found.with)
  }

  #whole(type: string, value: string, how: ReplaceWith): unknown {
    if (isMarker(value)) return value
    this.#note(type)
    return markerFor(type, value, how, this.#options.keyedHash)
  }

  /** The detectors of numbers read the name a value stands under as they read a label in a text. */
  #labelled(value: string, name: string): string {
    const label = `${name}: `
    const found = findReplacements(label + value, this.#rules).find(
      ({ start, end }) => start === label.length && end === label.length + value.length,
    )
    if (found === undefined) return this.#text(value)
    return this.#whole(found.type, value, found.with) as string
  }

  #text(value: string): string {
    const { text, findings } = redactText(value, this.#redactions, this.#options.keyedHash)
    for (const { type } of findings) this.#note(type)
    return text
  }

  #withhold(): string {
    this.withheld++
    this.#note('redaction_not_possible')
    return WITHHELD
  }

  #note(type: string): void {
    this.count++
    this.types.add(type)
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
