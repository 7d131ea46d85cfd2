// Lists, newest first, in pages: a cursor is the place of a row, as text that means nothing to its holder.
import type { EntityManager, EntityName, FilterQuery, FindOptions } from '@mikro-orm/postgresql'
import { decodeCursor, encodeCursor } from '@mcpshield/contracts/cursors'
import { z } from 'zod'

export type PageInput = { limit: number; cursor?: string | undefined }
export type PageOf<T> = { items: T[]; next_cursor: string | null; prev_cursor: string | null }

const side = z.enum(['older', 'newer'])
/** Ids are UUIDv7: their order is that of creation. Versions are numbers. A cursor of another list is none of this one's. */
const OfId = z.tuple([side, z.uuid()])
const OfVersion = z.tuple([side, z.int32()])
type Place = z.infer<typeof OfId> | z.infer<typeof OfVersion>
const placeOf = (key: string): z.ZodType<Place> => (key === 'version' ? OfVersion : OfId)

/** One page of the rows that `where` names, in descending order of `key`. */
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
  const beyond = place === undefined ? {} : { [key]: older ? { $lt: place[1] } : { $gt: place[1] } }
  const rows = await em.find(
    entity,
    { $and: [where, beyond] } as never,
    { orderBy: { [key]: older ? 'desc' : 'asc' }, limit: limit + 1, exclude } as unknown as FindOptions<Row>,
  )
  const page = rows.slice(0, limit) as Row[]
  const more = rows.length > limit
  if (!older) page.reverse()
  const at = (row: Row | undefined, direction: Place[0], there: boolean) =>
    there && row !== undefined ? encodeCursor([direction, row[key] as Place[1]]) : null
  return {
    items: page.map(show),
    next_cursor: at(page.at(-1), 'older', older ? more : true),
    prev_cursor: at(page[0], 'newer', older ? place !== undefined : more),
  }
}
