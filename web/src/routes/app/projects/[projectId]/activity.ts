// What the records and counts of a project come to: bars and failures. Pure.
import type { AuditRecord } from '@mcpshield/contracts/ingest'
import { auditsLink } from '../audits-link.ts'

export const SPANS = [
  { name: '24h', label: '24 hours', bars: 24, by: 'hour' },
  { name: '7d', label: '7 days', bars: 7, by: 'day' },
  { name: '30d', label: '30 days', bars: 30, by: 'day' },
] as const
export type Span = (typeof SPANS)[number] & { from: string }
export type Bar = { label: string; hint?: string; href?: string; allow: number; deny: number; ask: number }

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

const lengthOf = (by: 'hour' | 'day') => (by === 'hour' ? HOUR_MS : DAY_MS)

/** Hours begin at a full hour, days at midnight UTC; what is no span is 24 hours. */
export function spanOf(text: string | null, now: Date): Span {
  const span = SPANS.find((each) => each.name === text) ?? SPANS[0]
  const lengthMs = lengthOf(span.by)
  const fromMs = Math.floor(now.getTime() / lengthMs) * lengthMs - (span.bars - 1) * lengthMs
  return { ...span, from: new Date(fromMs).toISOString() }
}

type Counts = { key: string; allow: number; deny: number; ask: number }

/**
 * A bar for each hour of the span, by the reader's clock, or for each day, in UTC as it is counted; also for those in
 * which nothing happened.
 */
export function barsOf(project_id: string, span: Span, items: readonly Counts[], timeZone: string): Bar[] {
  const clock = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit' })
  const found = new Map(items.map((item) => [Date.parse(item.key), item]))
  const lengthMs = lengthOf(span.by)
  return Array.from({ length: span.bars }, (_, at): Bar => {
    const begin = new Date(Date.parse(span.from) + at * lengthMs)
    const { allow = 0, deny = 0, ask = 0 } = found.get(begin.getTime()) ?? {}
    const href = linkOf(project_id, begin, new Date(begin.getTime() + lengthMs))
    const text = begin.toISOString()
    const counted = { href, allow, deny, ask }
    if (span.by === 'day') return { label: text.slice(0, 10), ...counted }
    return { label: clock.format(begin), hint: `${text.slice(0, 16).replace('T', ' ')} UTC`, ...counted }
  })
}

const linkOf = (project_id: string, from: Date, to: Date) =>
  auditsLink({ project_id, from: from.toISOString(), to: to.toISOString() })

export type Agent = { agent: string | null; calls: number; denied: number; last: string }

export type Failure = { system: string; id: string; time: string; tool: string; outcome: string }

/** Upstreams whose newest call that ran did not end well. `records` are newest first. */
export function failuresIn(records: readonly AuditRecord[], slugs: readonly string[]): Failure[] {
  const seen = new Set<string>()
  const failures: Failure[] = []
  for (const { id, time, tool, outcome } of records) {
    const system = tool.split('/')[0] ?? ''
    if (outcome === null || outcome === 'cancelled' || !slugs.includes(system) || seen.has(system)) continue
    seen.add(system)
    if (outcome === 'error' || outcome === 'timeout') failures.push({ system, id, time, tool, outcome })
  }
  return failures
}
