// Lists, newest first, in pages: a cursor is the place of a row, as text that means nothing to its holder.
import type { EntityManager, FilterQuery } from '@mikro-orm/postgresql'
import { decodeCursor, encodeCursor } from '@mcpshield/contracts/cursors'
import { z } from 'zod'
import { FeedRow } from './entities.ts'

/** Ids are UUIDv7: their order is that of creation. */
const Place = z.tuple([z.enum(['older', 'newer']), z.uuid()])

export type FeedPage = { rows: FeedRow[]; next_cursor: string | null; prev_cursor: string | null }

export async function readPage(
  em: EntityManager,
  where: FilterQuery<FeedRow>,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<FeedPage> {
  const place = cursor === undefined ? undefined : decodeCursor(Place, cursor)
  const isOlder = place?.[0] !== 'newer'
  const beyond = place === undefined ? {} : { id: isOlder ? { $lt: place[1] } : { $gt: place[1] } }
  const found = await em.find(
    FeedRow,
    { $and: [where, beyond] },
    { orderBy: { id: isOlder ? 'desc' : 'asc' }, limit: limit + 1 },
  )
  const rows = found.slice(0, limit)
  const hasMore = found.length > rows.length
  if (!isOlder) rows.reverse()
  const at = (row: FeedRow | undefined, side: 'older' | 'newer', isThere: boolean) =>
    isThere && row !== undefined ? encodeCursor([side, row.id]) : null
  return {
    rows,
    next_cursor: at(rows.at(-1), 'older', isOlder ? hasMore : true),
    prev_cursor: at(rows[0], 'newer', isOlder ? place !== undefined : hasMore),
  }
}
