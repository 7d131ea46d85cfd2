// A rule as the form shows it, and what the form changes of it: only what differs, so that the rest of the text stays.
import type { JsonValue } from '@mcpshield/policy/facts'
import type { RuleSetting } from '#lib/editor/rule-changes.ts'

export const LISTS = {
  resources: ['conditions', 'resources'],
  fields: ['conditions', 'fields'],
  functions: ['conditions', 'functions'],
  connection: ['conditions', 'connection'],
  pathPrefix: ['conditions', 'path_prefix'],
  allowedDomains: ['conditions', 'allowed_domains'],
  blockedDomains: ['conditions', 'blocked_domains'],
  environment: ['conditions', 'environment'],
  key: ['conditions', 'key'],
  labels: ['conditions', 'labels'],
  user: ['conditions', 'user'],
  groups: ['conditions', 'groups'],
  tools: ['tool'],
  methods: ['method'],
  operations: ['conditions', 'operations'],
  days: ['conditions', 'time', 'days'],
  hours: ['conditions', 'time', 'hours'],
} as const satisfies Record<string, readonly string[]>

export const TEXTS = {
  id: ['id'],
  description: ['description'],
  decision: ['decision'],
  askTimeout: ['timeout'],
  timezone: ['conditions', 'time', 'timezone'],
  ratePer: ['limits', 'rate_limit', 'per'],
  rateBy: ['limits', 'rate_limit', 'by'],
  timeout: ['limits', 'timeout'],
} as const satisfies Record<string, readonly string[]>

export const NUMBERS = {
  rateCalls: ['limits', 'rate_limit', 'calls'],
  maxRows: ['limits', 'max_rows'],
  maxBytes: ['limits', 'max_bytes'],
} as const satisfies Record<string, readonly string[]>

type ListName = keyof typeof LISTS
type TextName = keyof typeof TEXTS
type NumberName = keyof typeof NUMBERS
export type RuleFields = Record<ListName, string[]> &
  Record<TextName | NumberName, string> & { detectors: string[]; redactFields: string[]; redactWith: string }

type Rule = Record<string, unknown>

export function fieldsOf(rule: Rule): RuleFields {
  const lists = entries(LISTS).map(([name, path]) => [name, textsIn(valueAt(rule, path))])
  const texts = entries(TEXTS).map(([name, path]) => [name, textIn(valueAt(rule, path))])
  const numbers = entries(NUMBERS).map(([name, path]) => [name, textIn(valueAt(rule, path))])
  const redact = redactionOf(rule['redact'])
  return { ...Object.fromEntries([...lists, ...texts, ...numbers]), ...redact } as RuleFields
}

/** What changes when the form is taken over. */
export function settingsOf(rule: Rule, after: RuleFields): RuleSetting[] {
  const before = fieldsOf(rule)
  return [
    ...entries(LISTS)
      .filter(([name]) => !same(before[name], after[name]))
      .map(([name, path]) => ({ path: [...path], value: listValue(after[name], valueAt(rule, path), name) })),
    ...entries(TEXTS)
      .filter(([name]) => before[name] !== after[name])
      .map(([name, path]) => ({ path: [...path], value: after[name].trim() || undefined })),
    ...entries(NUMBERS)
      .filter(([name]) => before[name] !== after[name])
      .map(([name, path]) => ({ path: [...path], value: numberValue(after[name]) })),
    ...redactionSettings(before, after),
  ]
}

/** What the rule has that the form has no field for: it stays as it is. */
export function beyondFields(rule: Rule): string[] {
  const known = [...Object.values(LISTS), ...Object.values(TEXTS), ...Object.values(NUMBERS)]
  const paths = new Set(known.map((path) => path.join('.')))
  const found: string[] = []
  const walk = (value: unknown, path: string) => {
    if (path === 'redact') return void (isPlainRedaction(value) || found.push('redact'))
    if (paths.has(path)) return void (isPlain(value) || found.push(path))
    const inner = ['', 'conditions', 'conditions.time', 'limits', 'limits.rate_limit'].includes(path)
    if (inner && typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [key, each] of Object.entries(value)) walk(each, path === '' ? key : `${path}.${key}`)
    } else found.push(path)
  }
  walk(rule, '')
  return found
}

/** Where something is typed that the field cannot hold. */
function isPlain(value: unknown): boolean {
  const all: unknown[] = Array.isArray(value) ? value : [value]
  return (
    all.every((each) => (typeof each === 'string' && !/[,\n]/.test(each)) || typeof each === 'number') ||
    typeof value === 'string'
  )
}

type FieldsEntry = { fields: string[]; with?: string }

function isPlainRedaction(value: unknown): boolean {
  if (!Array.isArray(value)) return false
  const others = value.filter((each) => typeof each !== 'string')
  return others.length === 0 || (others.length === 1 && isFieldsEntry(others[0]))
}

function isFieldsEntry(entry: unknown): entry is FieldsEntry {
  const { fields, with: by, ...rest } = (entry ?? {}) as Record<string, unknown>
  const known = Object.keys(rest).length === 0 && (by === undefined || typeof by === 'string')
  return known && Array.isArray(fields) && fields.every((each) => typeof each === 'string')
}

function redactionOf(value: unknown): Pick<RuleFields, 'detectors' | 'redactFields' | 'redactWith'> {
  const entries: unknown[] = isPlainRedaction(value) ? (value as unknown[]) : []
  const fields = entries.find((each) => isFieldsEntry(each))
  return {
    detectors: entries.filter((each) => typeof each === 'string'),
    redactFields: fields?.fields ?? [],
    redactWith: fields?.with ?? '',
  }
}

function redactionSettings(before: RuleFields, after: RuleFields): RuleSetting[] {
  const unchanged =
    same(before.detectors, after.detectors) &&
    same(before.redactFields, after.redactFields) &&
    before.redactWith === after.redactWith
  if (unchanged) return []
  const fields: JsonValue[] =
    after.redactFields.length === 0
      ? []
      : [{ fields: after.redactFields, ...(after.redactWith === '' ? {} : { with: after.redactWith }) }]
  const value = [...after.detectors, ...fields]
  return [{ path: ['redact'], value: value.length === 0 ? undefined : value }]
}

/** One tool is written alone, as it most often is; so is what was alone before. */
function listValue(after: string[], before: unknown, name: ListName): JsonValue | undefined {
  const [only] = after
  if (only === undefined) return undefined
  const alone = typeof before === 'string' || (before === undefined && ALONE.has(name))
  return after.length === 1 && alone ? only : after
}

const ALONE: ReadonlySet<ListName> = new Set<ListName>(['tools', 'methods', 'days', 'hours'])

function numberValue(text: string): JsonValue | undefined {
  if (text.trim() === '') return undefined
  const number = Number(text)
  // What is no number is left for the engine to mark.
  return Number.isFinite(number) ? number : text
}

/** A list as it is typed: entries by commas or lines. */
export function typedList(text: string): string[] {
  return text
    .split(/[,\n]/)
    .map((each) => each.trim())
    .filter((each) => each !== '')
}

function textsIn(value: unknown): string[] {
  const all: unknown[] = Array.isArray(value) ? value : value === undefined ? [] : [value]
  return all.map(textIn).filter((each) => each !== '')
}

const textIn = (value: unknown) =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : ''

function valueAt(rule: Rule, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, key)
        ? (value as Rule)[key]
        : undefined,
    rule,
  )
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((each, i) => each === b[i])
}

function entries<Name extends string>(table: Record<Name, readonly string[]>): [Name, readonly string[]][] {
  return Object.entries(table) as [Name, readonly string[]][]
}
