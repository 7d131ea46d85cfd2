// The use cases: reading the record, each organisation its own.
import type { Call } from '@mcpshield/bus/rpc'
import type { Handlers } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import type { AuditRecord, ingest } from '@mcpshield/contracts/ingest'
import type { Health } from '@mcpshield/contracts/values'
import { decodeCursor, encodeCursor, type Direction, type Position } from './cursor.ts'
import type { AuditFilter } from './queries.ts'
import { recordOf, timeMsOf, type DecisionRow, type OutcomeRow } from './rows.ts'

export type Records = {
  decisions(
    orgId: string,
    filter: AuditFilter,
    position: Position | { direction: 'older' },
    limit: number,
  ): Promise<DecisionRow[]>
  decision(orgId: string, id: string): Promise<DecisionRow | undefined>
  outcomes(orgId: string, decisions: DecisionRow[]): Promise<Map<string, OutcomeRow>>
}

export type Dependencies = {
  records: Records
  /** Each rejects when it does not answer. */
  checks: Record<string, () => Promise<unknown>>
}

/** An answer has to fit into a message of the bus (8 MB), whatever agents put into their arguments. */
const MAX_PAGE_BYTES = 4 << 20

export function ingestService({ records, checks }: Dependencies): Handlers<typeof ingest.rpc, Call> {
  return {
    async listAudits({ limit, cursor, ...filter }, call) {
      const orgId = organisationOf(call)
      const position = cursor === undefined ? { direction: 'older' as const } : decodeCursor(cursor)
      const page = await readPage(records, orgId, filter, position, limit)
      const outcomes = await records.outcomes(orgId, page.rows)
      return {
        items: page.rows.map((row) => recordOf(row, outcomes.get(row.id))),
        next_cursor: cursorAt(page.rows.at(-1), 'older', page.more.older),
        prev_cursor: cursorAt(page.rows.at(0), 'newer', page.more.newer),
      }
    },

    async getAudit({ id }, call): Promise<AuditRecord> {
      const orgId = organisationOf(call)
      const row = await records.decision(orgId, id)
      if (row === undefined) throw new AppError('NOT_FOUND', 'There is no such decision.')
      return recordOf(row, (await records.outcomes(orgId, [row])).get(row.id))
    },

    async checkHealth(): Promise<Health> {
      const checked = await Promise.all(
        Object.entries(checks).map(async ([name, check]) => [name, await tried(check)] as const),
      )
      return { ok: checked.every(([, each]) => each.ok), dependencies: Object.fromEntries(checked) }
    },
  }
}

function organisationOf({ caller }: Call): string {
  if (caller.kind === 'user') return caller.org_id
  throw new AppError('UNAUTHENTICATED', 'Sign in to read the audit record.')
}

type PageOfRows = { rows: DecisionRow[]; more: Record<Direction, boolean> }

/** One page, newest first. */
async function readPage(
  records: Records,
  orgId: string,
  filter: AuditFilter,
  start: Position | { direction: 'older' },
  limit: number,
): Promise<PageOfRows> {
  const { direction } = start
  const found: DecisionRow[] = []
  let position = start
  // One more than asked for tells whether there are more. What was stored twice and is not merged yet comes
  // twice in a row: then the page is not full and is read on.
  for (let exhausted = false; found.length <= limit && !exhausted;) {
    const rows = await records.decisions(orgId, filter, position, limit + 1)
    for (const row of rows) if (row.id !== found.at(-1)?.id) found.push(row)
    const last = rows.at(-1)
    exhausted = rows.length <= limit || last === undefined
    if (last !== undefined) position = positionOf(last, direction)
  }
  const fitting = fit(found.slice(0, limit))
  const beyond = found.length > fitting.length
  // There is something behind where the page began: the row that the cursor was made of.
  const behind = 'id' in start && fitting.length > 0
  return direction === 'older'
    ? { rows: fitting, more: { older: beyond, newer: behind } }
    : { rows: fitting.reverse(), more: { older: behind, newer: beyond } }
}

/** As many rows as fit into an answer, one at least. */
function fit(rows: DecisionRow[]): DecisionRow[] {
  let bytes = 0
  const end = rows.findIndex((row, at) => {
    bytes += Buffer.byteLength(JSON.stringify(row))
    return at > 0 && bytes > MAX_PAGE_BYTES
  })
  return end === -1 ? rows : rows.slice(0, end)
}

function positionOf(row: DecisionRow, direction: Direction): Position {
  return { direction, timeMs: timeMsOf(row), id: row.id }
}

function cursorAt(row: DecisionRow | undefined, direction: Direction, more: boolean): string | null {
  return row === undefined || !more ? null : encodeCursor(positionOf(row, direction))
}

async function tried(check: () => Promise<unknown>): Promise<{ ok: boolean; detail?: string }> {
  try {
    await check()
    return { ok: true }
  } catch (error) {
    return { ok: false, detail: (error as Error).message }
  }
}
