// Lists, newest first or by name, in pages: a cursor is the place of a row, as text that means nothing to its holder.
import type { EntityManager, EntityName, FilterQuery, FindOptions } from '@mikro-orm/postgresql'
import { decodeCursor, encodeCursor } from '@mcpshield/contracts/cursors'
import { z } from 'zod'

export type PageInput = { limit: number; cursor?: string | undefined }
export type PageOf<T> = { items: T[]; next_cursor: string | null; prev_cursor: string | null }

const side = z.enum(['older', 'newer'])
/** Ids are UUIDv7: their order is that of creation. Versions are numbers. A cursor of another list is none of this one's. */
const OfId = z.tuple([side, z.uuid()])
const OfVersion = z.tuple([side, z.int32()])
const OfName = z.tuple([side, z.string().max(200)])
type Place = z.infer<typeof OfId> | z.infer<typeof OfVersion>
function placeOf(key: string): z.ZodType<Place> {
  if (key === 'name') return OfName
  return key === 'version' ? OfVersion : OfId
}

/** An answer has to fit into a message of the bus, with room to spare. */
const MAX_PAGE_UNITS = 2 * 1024 * 1024
/** What rows take to be shown may be somebody else's choice, and the process answers nothing else meanwhile. */
const MAX_PAGE_MS = 1_000

/** One page of the rows that `where` names, in descending order of `key`, or in ascending order of names. */
export async function readPage<Row extends object, T>(
  em: EntityManager,
  entity: EntityName<Row>,
  where: FilterQuery<NoInfer<Row>>,
  key: keyof NoInfer<Row> & string,
  { limit, cursor }: PageInput,
  show: (row: Row) => T,
  /** Columns that are not shown, and too large to be read for nothing. */
  exclude: (keyof NoInfer<Row> & string)[] = [],
): Promise<PageOf<T>> {
  const place = cursor === undefined ? undefined : decodeCursor(placeOf(key), cursor)
  const older = place?.[0] !== 'newer'
  const down = older === (key !== 'name')
  const beyond = place === undefined ? {} : { [key]: down ? { $lt: place[1] } : { $gt: place[1] } }
  const rows = await em.find(
    entity,
    { $and: [where, beyond] } as never,
    { orderBy: { [key]: down ? 'desc' : 'asc' }, limit: limit + 1, exclude } as unknown as FindOptions<Row>,
  )
  const shown = fitting((rows as Row[]).slice(0, limit), show)
  const page = (rows as Row[]).slice(0, shown.length)
  const more = rows.length > page.length
  if (!older) [page, shown].forEach((each) => each.reverse())
  const at = (row: Row | undefined, direction: Place[0], there: boolean) =>
    there && row !== undefined ? encodeCursor([direction, row[key] as Place[1]]) : null
  return {
    items: shown,
    next_cursor: at(page.at(-1), 'older', older ? more : true),
    prev_cursor: at(page[0], 'newer', older ? place !== undefined : more),
  }
}

/** As many of the first rows, shown, as fit into a page and its time; one at least. */
export function fitting<Row, T>(rows: Row[], show: (row: Row) => T): T[] {
  const shown: T[] = []
  const untilMs = performance.now() + MAX_PAGE_MS
  let units = 0
  for (const row of rows) {
    if (shown.length > 0 && performance.now() > untilMs) break
    const item = show(row)
    units += JSON.stringify(item).length
    if (units > MAX_PAGE_UNITS && shown.length > 0) break
    shown.push(item)
  }
  return shown
}
