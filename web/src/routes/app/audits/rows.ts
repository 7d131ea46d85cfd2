// A record as a list shows it: light enough to keep many.
import type { AuditRecord } from '@mcpshield/contracts/ingest'
import { touchedInWords } from '#lib/calls/touched.ts'
import type { Page } from './stretch.ts'

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
export type RowsPage = Page<AuditRow>

/** Where a page is asked for: the top, beyond a cursor, before a moment, or the far end. */
export type Place = { cursor: string } | { before: string } | { end: true } | undefined

export function rowOf(record: AuditRecord): AuditRow {
  const { id, time, kind, decision, tool, rule, agent, project_id, mode, outcome, duration_ms } = record
  const touched = touchedInWords(record)
  return { id, time, kind, decision, tool, rule, agent, project_id, mode, outcome, duration_ms, touched }
}

/** The rows could not be read; the message is for the person. */
export class RowsError extends Error {
  override readonly name = 'RowsError'
  /** Whether it may work by itself in a while. */
  readonly isPassing: boolean

  constructor(message: string, isPassing: boolean) {
    super(message)
    this.isPassing = isPassing
  }
}

/** Reads a page from the web server; throws a RowsError. */
export async function readRows(query: string, place: Place): Promise<RowsPage> {
  const search = new URLSearchParams(query)
  for (const [name, value] of Object.entries(place ?? {})) search.set(name, String(value))
  const { rows, newer, older } = await answerOf<RowsPage>(`/app/audits/rows?${search}`)
  return { rows, newer, older }
}

/** Asks the web server; throws a RowsError. */
export async function answerOf<Answer>(path: string): Promise<Answer> {
  const response = await fetch(path, { headers: { accept: 'application/json' } }).catch(() => undefined)
  if (response === undefined) throw new RowsError('The server cannot be reached.', true)
  if (response.redirected)
    throw new RowsError('Your session has ended: load the page again to sign in.', false)
  const body = (await response.json().catch(() => undefined)) as (Answer & { message?: string }) | undefined
  if (response.ok && body !== undefined) return body
  const isPassing = response.status === 429 || response.status >= 500
  throw new RowsError(body?.message ?? `The rows could not be read (${response.status}).`, isPassing)
}

/** Each row once, without those that are in one of the lists. */
export function rowsNotIn(known: readonly (readonly AuditRow[])[], rows: readonly AuditRow[]): AuditRow[] {
  const ids = new Set(known.flat().map(({ id }) => id))
  return [...new Map(rows.map((row) => [row.id, row])).values()].filter(({ id }) => !ids.has(id))
}
