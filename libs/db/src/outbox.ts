// The transactional outbox: a change and what it tells the world commit together. Rows of a topic are delivered
// in order by one relay at a time (an advisory lock), at least once: what they deliver to must be idempotent.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { defineEntity, p, type InferEntity } from '@mikro-orm/core'
import type { EntityManager } from '@mikro-orm/postgresql'
import type { Db } from './connect.ts'

/** Each service lists this entity among its own, so that the table lies in its schema. */
export const OutboxRow = defineEntity({
  name: 'OutboxRow',
  tableName: 'outbox',
  properties: {
    id: p.bigint().primary().autoincrement(),
    /** Which deliverer takes the row. */
    topic: p.string(),
    key: p.string(),
    payload: p.json().nullable(),
    message_id: p.uuid(),
    created_at: p.datetime().defaultRaw('now()'),
  },
})
export type OutboxRow = InferEntity<typeof OutboxRow>

/** SQL of the outbox table, for a service's first migration. */
export const OUTBOX_SQL = `create table outbox (
  id bigserial primary key,
  topic varchar(255) not null,
  key varchar(255) not null,
  payload jsonb null,
  message_id uuid not null,
  created_at timestamptz not null default now()
)`

/** Adds a row to the caller's transaction. */
export function enqueue(em: EntityManager, topic: string, key: string, payload: unknown = null): void {
  em.persist(
    em.create(OutboxRow, {
      topic,
      key,
      payload: payload as object,
      message_id: randomUUID(),
      created_at: new Date(),
    }),
  )
}

type Deliver = (row: { key: string; payload: unknown; messageId: string }) => Promise<void>

/** What to do with a row, by topic. Every topic that is enqueued needs its deliverer. */
export type Deliverers = Record<string, Deliver>

export type Relay = AsyncDisposable & {
  /** Says that a transaction with rows has committed: they go out at once, not at the next poll. */
  wake(): void
}

type RelayLog = { error(fields: object, message: string): void }

const POLL_MS = 500
const BATCH = 200

/**
 * Delivers the outbox of a schema until disposed. Each topic goes its own way, in order: one that cannot be
 * delivered now (a full stream) does not hold up the others (a revoked key).
 */
export function relayOutbox(db: Db, schema: string, deliverers: Deliverers, log: RelayLog): Relay {
  const stop = new AbortController()
  const wakeUps = new Map<string, () => void>()
  const loop = async (topic: string, deliver: Deliver) => {
    while (!stop.signal.aborted) {
      const woken = new Promise<void>((resolve) => wakeUps.set(topic, resolve))
      try {
        while ((await deliverBatch(db, schema, topic, deliver)) === BATCH);
      } catch (error) {
        log.error({ err: error, topic }, 'outbox')
      }
      await Promise.race([woken, sleep(POLL_MS, undefined, { signal: stop.signal }).catch(() => undefined)])
    }
  }
  const done = Promise.all(Object.entries(deliverers).map(([topic, deliver]) => loop(topic, deliver)))
  return {
    wake: () => wakeUps.forEach((wakeUp) => wakeUp()),
    async [Symbol.asyncDispose]() {
      stop.abort()
      await done
    },
  }
}

/** Delivers and deletes up to BATCH rows of a topic; returns how many. Rows after a failed one wait for the next round. */
async function deliverBatch(db: Db, schema: string, topic: string, deliver: Deliver): Promise<number> {
  return db.fork().transactional(async (em) => {
    const [lock] = await em.execute<{ taken: boolean }[]>(
      'select pg_try_advisory_xact_lock(hashtext(?)) as taken',
      [`outbox:${schema}:${topic}`],
    )
    if (lock?.taken !== true) return 0
    const rows = await em.find(OutboxRow, { topic }, { orderBy: { id: 'asc' }, limit: BATCH })
    const delivered: bigint[] = []
    let failure: Error | undefined
    for (const row of rows) {
      try {
        await deliver({ key: row.key, payload: row.payload, messageId: row.message_id })
        delivered.push(BigInt(row.id))
      } catch (error) {
        failure = error as Error
        break
      }
    }
    if (delivered.length > 0) await em.nativeDelete(OutboxRow, { id: { $in: delivered } })
    if (failure !== undefined && delivered.length === 0) throw failure
    return delivered.length
  })
}
