// How an audit event lies in ClickHouse, and how it is read back. Pure.
import type { AuditEvent } from '@mcpshield/contracts/audit'
import type { AuditRecord } from '@mcpshield/contracts/ingest'

type Stored<T> = Omit<T, 'project_id' | 'arguments' | 'facts' | 'decision' | 'decision_id'> & {
  project_id: string
}

/** A decision, a report or an administrative act as the record has it. */
export type DecisionRow = Stored<Omit<AuditEvent, 'phase'>> & {
  /** JSON. */
  arguments: string | null
  facts: string | null
  /** Empty where a report tells of none: a column of the key cannot be null. */
  decision: NonNullable<AuditEvent['decision']> | ''
  decision_id: string | null
}

type OutcomeField = 'outcome' | 'duration_ms' | 'rows' | 'bytes' | 'redactions' | 'result_digest'

/** What came of a decision. */
export type OutcomeRow = Pick<DecisionRow, 'id' | OutcomeField> &
  Pick<DecisionRow, 'org_id' | 'project_id' | 'time'>

/** An event that counts towards the plan's limit. */
export type UsageRow = Pick<DecisionRow, 'org_id' | 'project_id' | 'decision' | 'tool'> & {
  /** Its own id, or the decision's that a report names: then the two are one event. */
  counts_as: string
  received_at: string
  /** Of two rows of one event the higher is read. */
  rank: typeof REPORTED | typeof DECIDED
}
const REPORTED = 1
const DECIDED = 2

type Kept<T> = T & {
  received_at: string
  /** Seconds since 1970; the row goes away after it. */
  retain_until: number
}
export type Rows = { decisions: Kept<DecisionRow>[]; outcomes: Kept<OutcomeRow>[]; usage: UsageRow[] }

/** When the stream stored a message, and until when its rows are kept. */
export type Keeping = { receivedMs: number; untilMs: number }

/** A key column cannot be null: what belongs to no project has this one. */
export const NO_PROJECT = '00000000-0000-0000-0000-000000000000'

/** Rows of all tables. Each decision or report has its usage row, at the same place of the two lists' order. */
export function rowsOf(events: AuditEvent[], { receivedMs, untilMs }: Keeping): Rows {
  const kept = { received_at: clickhouseTime(receivedMs), retain_until: Math.floor(untilMs / 1_000) }
  const rows: Rows = { decisions: [], outcomes: [], usage: [] }
  for (const event of events) {
    const row = decisionRow(event)
    if (event.phase === 'outcome') rows.outcomes.push({ ...outcomeRow(row), ...kept })
    else {
      rows.decisions.push({ ...row, ...kept })
      if (event.kind !== 'admin') rows.usage.push(usageRow(row, kept.received_at))
    }
  }
  return rows
}

function decisionRow({ phase: _, ...event }: AuditEvent): DecisionRow {
  return wellFormed({
    ...event,
    time: clickhouseTime(Date.parse(event.time)),
    project_id: event.project_id ?? NO_PROJECT,
    arguments: jsonText(event.arguments),
    facts: jsonText(event.facts),
    decision: event.decision ?? '',
    decision_id: event.decision_id ?? null,
  })
}

function usageRow(row: DecisionRow, received_at: string): UsageRow {
  const { org_id, project_id, decision, tool, id, decision_id } = row
  const rank = row.kind === 'decision' ? DECIDED : REPORTED
  return { org_id, project_id, decision, tool, counts_as: decision_id ?? id, received_at, rank }
}

function outcomeRow(row: DecisionRow): OutcomeRow {
  const { org_id, project_id, time, id, outcome, duration_ms, rows, bytes, redactions, result_digest } = row
  return { org_id, project_id, time, id, outcome, duration_ms, rows, bytes, redactions, result_digest }
}

const jsonText = (value: unknown) => (value === null ? null : JSON.stringify(value))

/** ClickHouse refuses half a surrogate pair, which an agent can put into a tool's name. */
function wellFormed<T extends object>(row: T): T {
  for (const [name, value] of Object.entries(row)) {
    if (typeof value === 'string' && !value.isWellFormed())
      (row as Record<string, unknown>)[name] = value.toWellFormed()
  }
  return row
}

/** Milliseconds since 1970 → `2026-01-31 12:00:00.000`. */
export function clickhouseTime(ms: number): string {
  return new Date(ms).toISOString().replace('T', ' ').slice(0, -1)
}

/** The row's time as milliseconds since 1970. */
export function timeMsOf(row: { time: string }): number {
  return Date.parse(`${row.time.replace(' ', 'T')}Z`)
}

/** The decision joined with its outcome, where there is one. */
export function recordOf(row: DecisionRow, outcome: OutcomeRow | undefined): AuditRecord {
  const { decision_id, ...rest } = row
  return {
    ...rest,
    time: new Date(timeMsOf(row)).toISOString(),
    project_id: row.project_id === NO_PROJECT ? null : row.project_id,
    arguments: row.arguments === null ? null : (JSON.parse(row.arguments) as AuditRecord['arguments']),
    facts: row.facts === null ? null : (JSON.parse(row.facts) as AuditRecord['facts']),
    decision: row.decision === '' ? null : row.decision,
    ...(outcome === undefined ? {} : pickOutcome(outcome)),
    ...(decision_id === null ? {} : { decision_id }),
  }
}

function pickOutcome(row: OutcomeRow): Pick<AuditRecord, OutcomeField> {
  const { outcome, duration_ms, rows, bytes, redactions, result_digest } = row
  return { outcome, duration_ms, rows, bytes, redactions, result_digest }
}
