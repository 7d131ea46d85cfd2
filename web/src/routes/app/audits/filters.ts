// What of the record one looks for: read from the URL, written to it, and asked of the API. A range is either relative
// (`last`) or from a moment to a moment; a moment is RFC 3339, or a wall clock's as a form without scripts sends it.
import type { AuditRecord } from '@mcpshield/contracts/ingest'
import { momentOf } from './moments.ts'

export const DECISIONS = ['allow', 'deny', 'ask'] as const
export type DecisionName = (typeof DECISIONS)[number]

export const SPANS = [
  { value: '15m', label: 'Last 15 minutes', ms: 15 * 60_000 },
  { value: '1h', label: 'Last hour', ms: 3_600_000 },
  { value: '24h', label: 'Last 24 hours', ms: 24 * 3_600_000 },
  { value: '7d', label: 'Last 7 days', ms: 7 * 86_400_000 },
  { value: '30d', label: 'Last 30 days', ms: 30 * 86_400_000 },
] as const

const TEXTS = ['project_id', 'tool', 'rule', 'agent', 'q'] as const

export type Filters = {
  decision?: DecisionName
  last?: (typeof SPANS)[number]['value']
  from?: string
  to?: string
} & { [Name in (typeof TEXTS)[number]]?: string }

export type Asked = {
  filters: Filters
  /** What of the URL cannot be read, by its name. */
  errors: Record<string, string>
}

type Get = (name: string) => string | null

/** `get` of the URL's query. */
export function readFilters(get: Get, timeZone: string): Asked {
  const filters: Filters = {}
  const errors: Record<string, string> = {}
  for (const name of TEXTS) {
    const text = get(name)?.trim()
    if (text) filters[name] = text
  }
  const decision = get('decision')
  if (decision) {
    const known = DECISIONS.find((each) => each === decision)
    if (known === undefined) errors['decision'] = 'A decision is allow, deny or ask.'
    else filters.decision = known
  }
  for (const name of ['from', 'to'] as const) {
    const text = get(name)
    if (!text) continue
    const moment = momentOf(text, timeZone)
    if (moment === undefined) errors[name] = 'Give a date and a time.'
    else filters[name] = moment
  }
  const last = SPANS.find(({ value }) => value === get('last'))?.value
  // A moment that is named says more than a span.
  if (last !== undefined && filters.from === undefined && filters.to === undefined) filters.last = last
  return { filters, errors }
}

/** Only what is set, so that the same filters are the same address. */
export function queryOf(filters: Filters): string {
  const query = new URLSearchParams()
  for (const name of [...TEXTS, 'decision', 'last', 'from', 'to'] as const) {
    const value = filters[name]
    if (value !== undefined && value !== '') query.set(name, value)
  }
  return query.size === 0 ? '' : `?${query}`
}

/** As the API takes them: a span is from then until now. */
export function apiFilters({ last, ...rest }: Filters, nowMs: number): Omit<Filters, 'last'> {
  const span = SPANS.find(({ value }) => value === last)
  return span === undefined ? rest : { ...rest, from: new Date(nowMs - span.ms).toISOString() }
}

/** Whether a record that has just come is among what is looked for, as the API would say. */
export function isAmong(record: AuditRecord, filters: Filters): boolean {
  const { project_id, decision, tool, rule, agent, q, from, to } = filters
  return (
    (project_id === undefined || record.project_id === project_id) &&
    (decision === undefined || record.decision === decision) &&
    (tool === undefined || matchesGlob(tool, record.tool)) &&
    (rule === undefined || matchesGlob(rule, record.rule)) &&
    (agent === undefined || record.agent === agent) &&
    (from === undefined || record.time >= from) &&
    (to === undefined || record.time < to) &&
    (q === undefined || contains(record, q))
  )
}

/** `*` is any run of characters; nothing else is special. */
export function matchesGlob(glob: string, text: string): boolean {
  const [first = '', ...others] = glob.split('*')
  if (others.length === 0) return text === glob
  if (!text.startsWith(first)) return false
  const last = others.pop() ?? ''
  let at = first.length
  for (const part of others) {
    const found = text.indexOf(part, at)
    if (found === -1) return false
    at = found + part.length
  }
  return text.length - last.length >= at && text.endsWith(last)
}

function contains({ tool, reason, rule, agent, arguments: args, facts }: AuditRecord, q: string): boolean {
  const sought = q.toLowerCase()
  const within = JSON.stringify(sought).slice(1, -1)
  return (
    [tool, reason, rule, agent ?? ''].some((text) => text.toLowerCase().includes(sought)) ||
    [args, facts].some((value) => value !== null && JSON.stringify(value).toLowerCase().includes(within))
  )
}
