// How an audit event lies in ClickHouse, and how it is read back. Pure.
import type { AuditEvent } from '@mcpshield/contracts/audit'
import type { AuditRecord } from '@mcpshield/contracts/ingest'

type Stored<T> = Omit<T, 'project_id' | 'arguments' | 'facts'> & { project_id: string }

/** A decision as table audit_decisions has it. */
export type DecisionRow = Stored<Omit<AuditEvent, 'phase'>> & {
  /** JSON. */
  arguments: string | null
  facts: string | null
}

type OutcomeField = 'outcome' | 'duration_ms' | 'rows' | 'bytes' | 'redactions' | 'result_digest'

/** What came of a decision as table audit_outcomes has it. */
export type OutcomeRow = Pick<DecisionRow, 'id' | OutcomeField> &
  Pick<DecisionRow, 'org_id' | 'project_id' | 'time'>

type Kept<T> = T & {
  /** Seconds since 1970; the row goes away after it. */
  retain_until: number
}
export type Rows = { decisions: Kept<DecisionRow>[]; outcomes: Kept<OutcomeRow>[] }

/** A key column cannot be null: what belongs to no project has this one. */
const NO_PROJECT = '00000000-0000-0000-0000-000000000000'

/** Rows of both tables, to be kept until `retainUntil`. */
export function rowsOf(events: AuditEvent[], retainUntil: Date): Rows {
  const retain_until = Math.floor(retainUntil.getTime() / 1_000)
  const rows: Rows = { decisions: [], outcomes: [] }
  for (const event of events) {
    const row = decisionRow(event)
    if (event.phase === 'decision') rows.decisions.push({ ...row, retain_until })
    else rows.outcomes.push({ ...outcomeRow(row), retain_until })
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
  })
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
  const known = outcome === undefined ? {} : pickOutcome(outcome)
  return {
    ...row,
    time: new Date(timeMsOf(row)).toISOString(),
    project_id: row.project_id === NO_PROJECT ? null : row.project_id,
    arguments: row.arguments === null ? null : (JSON.parse(row.arguments) as AuditRecord['arguments']),
    facts: row.facts === null ? null : (JSON.parse(row.facts) as AuditRecord['facts']),
    ...known,
  }
}

function pickOutcome(row: OutcomeRow): Pick<AuditRecord, OutcomeField> {
  const { outcome, duration_ms, rows, bytes, redactions, result_digest } = row
  return { outcome, duration_ms, rows, bytes, redactions, result_digest }
}
