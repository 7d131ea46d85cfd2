// What the records and counts of a project come to: bars, rules, agents, failures. Pure.
import type { AuditRecord } from '@mcpshield/contracts/ingest'
import { auditsLink } from '../audits-link.ts'

export const SPANS = [
  { name: '24h', label: '24 hours', days: 2 },
  { name: '7d', label: '7 days', days: 7 },
  { name: '30d', label: '30 days', days: 30 },
] as const
export type Span = { name: (typeof SPANS)[number]['name']; days: number; from: string }
export type Bar = { label: string; href?: string; allow: number; deny: number; ask: number }

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** 24 hours begin at a full hour, days at midnight UTC; what is no span is 24 hours. */
export function spanOf(text: string | null, now: Date): Span {
  const { name, days } = SPANS.find((each) => each.name === text) ?? SPANS[0]
  const from =
    name === '24h'
      ? Math.floor(now.getTime() / HOUR_MS) * HOUR_MS - 23 * HOUR_MS
      : Math.floor(now.getTime() / DAY_MS) * DAY_MS - (days - 1) * DAY_MS
  return { name, days, from: new Date(from).toISOString() }
}

type Counts = { key: string; allow: number; deny: number; ask: number }

export function dayBars(project_id: string, items: readonly Counts[]): Bar[] {
  return items.map(({ key, allow, deny, ask }) => {
    const from = new Date(`${key}T00:00:00.000Z`)
    const to = new Date(from.getTime() + DAY_MS)
    return { label: key, href: linkOf(project_id, from, to), allow, deny, ask }
  })
}

/** A bar for each of 24 hours, in UTC. */
export function hourBars(project_id: string, from: string, records: readonly AuditRecord[]): Bar[] {
  const startMs = Date.parse(from)
  const bars = Array.from({ length: 24 }, (_, at): Bar => {
    const begin = new Date(startMs + at * HOUR_MS)
    const end = new Date(begin.getTime() + HOUR_MS)
    const label = begin.toISOString().slice(11, 16)
    return { label, href: linkOf(project_id, begin, end), allow: 0, deny: 0, ask: 0 }
  })
  for (const { kind, time, decision } of records) {
    const bar = bars[Math.floor((Date.parse(time) - startMs) / HOUR_MS)]
    if (kind !== 'admin' && decision !== null && bar !== undefined) bar[decision] += 1
  }
  return bars
}

const linkOf = (project_id: string, from: Date, to: Date) =>
  auditsLink({ project_id, from: from.toISOString(), to: to.toISOString() })

/** The rules that deny most, of the records given. */
export function rulesIn(denied: readonly AuditRecord[]): { rule: string; calls: number; reason: string }[] {
  const rules = new Map<string, { rule: string; calls: number; reason: string }>()
  for (const { rule, reason, kind } of denied) {
    if (kind === 'admin') continue
    const known = rules.get(rule) ?? { rule, calls: 0, reason }
    known.calls += 1
    rules.set(rule, known)
  }
  return [...rules.values()].sort((one, other) => other.calls - one.calls).slice(0, 8)
}

export type Agent = { agent: string | null; calls: number; denied: number; last: string }

/** Who called, by the name that the client gave itself; newest first. */
export function agentsIn(records: readonly AuditRecord[]): Agent[] {
  const agents = new Map<string | null, Agent>()
  for (const { agent, decision, time, kind } of records) {
    if (kind === 'admin') continue
    const known = agents.get(agent) ?? { agent, calls: 0, denied: 0, last: time }
    known.calls += 1
    if (decision === 'deny') known.denied += 1
    if (time > known.last) known.last = time
    agents.set(agent, known)
  }
  return [...agents.values()].sort((one, other) => other.last.localeCompare(one.last)).slice(0, 8)
}

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
