// A record as a list shows it: light enough to keep many.
import type { AuditRecord } from '@mcpshield/contracts/ingest'
import { touchedInWords } from '#lib/calls/touched.ts'

export type AuditRow = Pick<
  AuditRecord,
  | 'id'
  | 'time'
  | 'kind'
  | 'decision'
  | 'tool'
  | 'rule'
  | 'agent'
  | 'project_id'
  | 'mode'
  | 'outcome'
  | 'duration_ms'
> & {
  /** What the call touched, or said, in a line. */
  touched: string
}

/** One page of the list as the web server hands it out. */
export type RowsPage = { rows: AuditRow[]; next: string | null }

export function rowOf(record: AuditRecord): AuditRow {
  const { id, time, kind, decision, tool, rule, agent, project_id, mode, outcome, duration_ms } = record
  const touched = touchedInWords(record)
  return { id, time, kind, decision, tool, rule, agent, project_id, mode, outcome, duration_ms, touched }
}

/** Reads a page from the web server; throws with a sentence for the person. */
export async function readRows(query: string, cursor: string | null): Promise<RowsPage> {
  const search = new URLSearchParams(query)
  if (cursor !== null) search.set('cursor', cursor)
  const response = await fetch(`/app/audits/rows?${search}`, {
    headers: { accept: 'application/json' },
  }).catch(() => undefined)
  if (response === undefined) throw new Error('The server cannot be reached.')
  if (response.redirected) throw new Error('Your session has ended: load the page again to sign in.')
  const body = (await response.json().catch(() => ({}))) as Partial<RowsPage> & { message?: string }
  if (!response.ok || body.rows === undefined)
    throw new Error(body.message ?? `The rows could not be read (${response.status}).`)
  return { rows: body.rows, next: body.next ?? null }
}

/** Each row once, without those that are in one of the lists. */
export function rowsNotIn(known: readonly (readonly AuditRow[])[], rows: readonly AuditRow[]): AuditRow[] {
  const ids = new Set(known.flat().map(({ id }) => id))
  return [...new Map(rows.map((row) => [row.id, row])).values()].filter(({ id }) => !ids.has(id))
}
