// The far end of the record, and any moment of it. The API lists newest first and goes on by cursor; a moment is reached
// by its filter `to`, and the end by narrowing the time in which it must be.
import type { Output } from '@mcpshield/contracts/define'
import type { ingest } from '@mcpshield/contracts/ingest'

export type Listed = Output<typeof ingest.rpc.listAudits>
/** Lists what the reader's filters find. */
export type List = (more: { limit: number; to?: string; cursor?: string }) => Promise<Listed>

const DAY_MS = 86_400_000
/** Where the end is looked for first. */
const AGES_MS = [DAY_MS / 24, DAY_MS, 7 * DAY_MS, 30 * DAY_MS, 100 * DAY_MS, 400 * DAY_MS]
/** Then the time in which it must be is cut into so many parts, which are asked for at once. */
const PARTS = 5
/** More than any time that a record can have needs. */
const MOST_ROUNDS = 25
const MOST_PAGES = 100

/** The page of records before a moment, with cursors in both directions; the last page where there are none before. */
export async function pageBefore(list: List, moment: string, rows: number): Promise<Listed> {
  // A cursor is what leads on in both directions, and only a row has one.
  const nearest = await list({ to: moment, limit: 1 })
  if (nearest.next_cursor === null) return oldestPage(list, rows)
  return list({ cursor: nearest.next_cursor, limit: rows })
}

/** The page with the oldest record, with a cursor to what is newer. */
export async function oldestPage(list: List, rows: number): Promise<Listed> {
  const newest = await list({ limit: 1 })
  if (newest.next_cursor === null) return newest
  // Beyond the cursor of `high` there are records; before `lowMs` there are none, or just the last.
  let high = endOf(newest)
  let lowMs = 0
  let moments = AGES_MS.map((ageMs) => high.ms - ageMs).filter((ms) => ms > 0)
  for (let round = 0; round < MOST_ROUNDS && high.ms - lowMs > 1; round++) {
    const [page, ...found] = await Promise.all([
      list({ cursor: high.cursor, limit: rows }),
      ...moments.map((ms) => list({ to: new Date(ms).toISOString(), limit: 1 })),
    ])
    if (page.next_cursor === null) return page
    high = endOf(page)
    for (const [at, before] of found.entries()) {
      if (before.next_cursor === null) lowMs = Math.max(lowMs, moments[at]!)
      else if (endOf(before).ms < high.ms) high = endOf(before)
    }
    moments = cuts(lowMs, high.ms)
  }
  return lastFrom(list, high.cursor, rows)
}

function cuts(fromMs: number, toMs: number): number[] {
  const all = Array.from({ length: PARTS - 1 }, (_, at) =>
    Math.round(fromMs + ((at + 1) / PARTS) * (toMs - fromMs)),
  )
  return [...new Set(all)].filter((ms) => ms > fromMs && ms < toMs)
}

/** Many records of one moment cannot be told apart by it: they are read. */
async function lastFrom(list: List, cursor: string, rows: number): Promise<Listed> {
  let page = await list({ cursor, limit: rows })
  for (let read = 1; read < MOST_PAGES && page.next_cursor !== null; read++)
    page = await list({ cursor: page.next_cursor, limit: rows })
  return page
}

/** Of a list that goes on. */
const endOf = ({ items, next_cursor: cursor }: Listed) => ({
  ms: Date.parse(items.at(-1)!.time),
  cursor: cursor!,
})
