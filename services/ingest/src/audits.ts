// Reading the record, each organisation its own: lists, pages, one decision.
import type { Call } from '@mcpshield/bus/rpc'
import type { Handlers } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import type { AuditRecord, ingest } from '@mcpshield/contracts/ingest'
import { signedIn } from '@mcpshield/contracts/rights'
import { decodePosition, encodePosition, type Direction, type Position } from './cursor.ts'
import { namedKey, type AuditFilter } from './queries.ts'
import { recordOf, timeMsOf, type DecisionRow, type OutcomeRow } from './rows.ts'

/** One organisation's record. */
export type Records = {
  decisions(
    filter: AuditFilter,
    position: Position | { direction: 'older' },
    limit: number,
  ): Promise<DecisionRow[]>
  decision(id: string): Promise<DecisionRow | undefined>
  outcomes(decisions: DecisionRow[]): Promise<Map<string, OutcomeRow>>
  /** Which of these are decisions of ours, by `namedKey`. */
  named(reports: { project_id: string; decision_id: string }[]): Promise<Set<string>>
}

export type RecordsOf = (orgId: string) => Records

type Start = Position | { direction: 'older' }

export type Page = {
  items: AuditRecord[]
  next_cursor: string | null
  prev_cursor: string | null
}

/** An answer has to fit into a message of the bus (8 MB), whatever agents put into their arguments. */
const MAX_PAGE_BYTES = 4 << 20

export function auditsService(
  recordsOf: RecordsOf,
): Pick<Handlers<typeof ingest.rpc, Call>, 'listAudits' | 'getAudit'> {
  return {
    async listAudits({ limit, cursor, ...filter }, { caller }) {
      const records = recordsOf(signedIn(caller).org_id)
      return readPage(records, filter, cursor, { rows: limit, bytes: MAX_PAGE_BYTES })
    },

    async getAudit({ id }, { caller }): Promise<AuditRecord> {
      const records = recordsOf(signedIn(caller).org_id)
      const row = await records.decision(id)
      const [shown] = row === undefined ? [] : await withoutRepeated(records, [row])
      if (shown === undefined) throw new AppError('NOT_FOUND', 'There is no such decision.')
      return recordOf(shown, (await records.outcomes([shown])).get(shown.id))
    },
  }
}

/** One page, newest first, from where the cursor leads, with what came of each decision. */
export async function readPage(
  records: Records,
  filter: AuditFilter,
  cursor: string | undefined,
  most: { rows: number; bytes: number },
): Promise<Page> {
  const start: Start = cursor === undefined ? { direction: 'older' } : decodePosition(cursor)
  const page = await readRows(records, filter, start, most)
  const outcomes = await records.outcomes(page.rows)
  return {
    items: page.rows.map((row) => recordOf(row, outcomes.get(row.id))),
    next_cursor: cursorAt(page.rows.at(-1), 'older', page.more.older),
    prev_cursor: cursorAt(page.rows.at(0), 'newer', page.more.newer),
  }
}

async function readRows(
  records: Records,
  filter: AuditFilter,
  start: Start,
  most: { rows: number; bytes: number },
): Promise<{ rows: DecisionRow[]; more: Record<Direction, boolean> }> {
  const { direction } = start
  const found: DecisionRow[] = []
  let position = start
  let lastId: string | undefined
  // One more than asked for tells whether there are more. What was stored twice and is not merged yet comes
  // twice in a row: then the page is not full and is read on.
  for (let exhausted = false; found.length <= most.rows && !exhausted;) {
    const rows = await records.decisions(filter, position, most.rows + 1)
    const once = rows.filter((row, at) => row.id !== (at === 0 ? lastId : rows[at - 1]!.id))
    found.push(...(await withoutRepeated(records, once)))
    const last = rows.at(-1)
    exhausted = rows.length <= most.rows || last === undefined
    lastId = last?.id
    if (last !== undefined) position = positionOf(last, direction)
  }
  const fitting = fit(found.slice(0, most.rows), most.bytes)
  const beyond = found.length > fitting.length
  // There is something behind where the page began: the row that the cursor was made of.
  const behind = 'id' in start && fitting.length > 0
  return direction === 'older'
    ? { rows: fitting, more: { older: beyond, newer: behind } }
    : { rows: fitting.reverse(), more: { older: behind, newer: beyond } }
}

/** Without reports of decisions that are in the record themselves: one decision is one record. */
async function withoutRepeated(records: Records, rows: DecisionRow[]): Promise<DecisionRow[]> {
  const reports = rows.flatMap(({ project_id, decision_id }) =>
    decision_id === null ? [] : [{ project_id, decision_id }],
  )
  if (reports.length === 0) return rows
  const known = await records.named(reports)
  return rows.filter(
    ({ project_id, decision_id }) => decision_id === null || !known.has(namedKey(project_id, decision_id)),
  )
}

/** As many rows as fit into an answer, one at least. */
function fit(rows: DecisionRow[], mostBytes: number): DecisionRow[] {
  let bytes = 0
  const end = rows.findIndex((row, at) => {
    bytes += Buffer.byteLength(JSON.stringify(row))
    return at > 0 && bytes > mostBytes
  })
  return end === -1 ? rows : rows.slice(0, end)
}

function positionOf(row: DecisionRow, direction: Direction): Position {
  return { direction, timeMs: timeMsOf(row), id: row.id }
}

function cursorAt(row: DecisionRow | undefined, direction: Direction, more: boolean): string | null {
  return row === undefined || !more ? null : encodePosition(positionOf(row, direction))
}
