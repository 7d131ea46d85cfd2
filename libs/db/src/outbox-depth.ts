// How much waits to be told, for operators: asked of the database, as a relay knows only what it has just taken.
import type { Db } from './connect.ts'

export type OutboxDepth = { rows: number; oldestSeconds: number }

export async function outboxDepth(db: Db): Promise<OutboxDepth> {
  const [found] = await db
    .fork()
    .execute<{ rows: string; oldest: string | null }[]>(
      'select count(*) as rows, extract(epoch from now() - min(created_at)) as oldest from outbox',
    )
  return { rows: Number(found?.rows ?? 0), oldestSeconds: Math.max(0, Number(found?.oldest ?? 0)) }
}
