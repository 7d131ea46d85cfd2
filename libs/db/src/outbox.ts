// The transactional outbox: a change and what it tells the world commit together. Rows of a topic are delivered by one
// relay at a time (an advisory lock), those of one key in order, at least once: what they deliver to must be idempotent.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { defineEntity, p, type InferEntity } from '@mikro-orm/core'
import type { EntityManager } from '@mikro-orm/postgresql'
import { AppError } from '@mcpshield/contracts/errors'
import type { Db } from './connect.ts'

/** Each service lists this entity among its own, so that the table lies in its schema. */
export const OutboxRow = defineEntity({
  name: 'OutboxRow',
  tableName: 'outbox',
  properties: {
    id: p.bigint().primary().autoincrement(),
    /** Which deliverer takes the row. */
    topic: p.string(),
    /** What the row is about: rows of one key keep their order, those of others do not wait for them. */
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
const FIRST_HOLD_MS = 1_000
const LONGEST_HOLD_MS = 60_000

/**
 * Delivers the outbox of a schema until disposed. Each topic goes its own way: one that cannot be delivered now (a full
 * stream) does not hold up the others (a revoked key). Nor does a row that cannot be delivered hold up those of other
 * keys: what one customer made must not keep another's from going out.
 */
export function relayOutbox(db: Db, schema: string, deliverers: Deliverers, log: RelayLog): Relay {
  const stop = new AbortController()
  const wakeUps = new Map<string, () => void>()
  const loop = async (topic: string, deliver: Deliver) => {
    const held = heldKeys()
    while (!stop.signal.aborted) {
      const woken = new Promise<void>((resolve) => wakeUps.set(topic, resolve))
      try {
        while ((await deliverBatch({ db, schema, topic, deliver, held, log })) === BATCH);
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

type Batch = {
  db: Db
  schema: string
  topic: string
  deliver: Deliver
  held: HeldKeys
  log: RelayLog
}

/** Delivers and deletes up to BATCH rows of a topic; returns how many. Rows after a failed one of their key wait. */
async function deliverBatch({ db, schema, topic, deliver, held, log }: Batch): Promise<number> {
  return db.fork().transactional(async (em) => {
    const [lock] = await em.execute<{ taken: boolean }[]>(
      'select pg_try_advisory_xact_lock(hashtext(?)) as taken',
      [`outbox:${schema}:${topic}`],
    )
    if (lock?.taken !== true) return 0
    const waiting = { topic, key: { $nin: held.keys() } }
    const rows = await em.find(OutboxRow, waiting, { orderBy: { id: 'asc' }, limit: BATCH })
    const delivered: bigint[] = []
    const failed = new Set<string>()
    for (const row of rows) {
      if (failed.has(row.key)) continue
      try {
        await deliver({ key: row.key, payload: row.payload, messageId: row.message_id })
        delivered.push(BigInt(row.id))
        held.release(row.key)
      } catch (error) {
        log.error({ err: error, topic }, 'outbox')
        if (isAway(error)) break
        failed.add(row.key)
        held.hold(row.key)
      }
    }
    if (delivered.length > 0) await em.nativeDelete(OutboxRow, { id: { $in: delivered } })
    return delivered.length
  })
}

/** Whether it is where rows go to that failed, and the next row would too: then all wait, in order. */
function isAway(error: unknown): boolean {
  return error instanceof AppError && (error.code === 'UNAVAILABLE' || error.code === 'DEADLINE_EXCEEDED')
}

type HeldKeys = {
  /** Those whose rows are not tried now. */
  keys(): string[]
  hold(key: string): void
  release(key: string): void
}

/** Keys with a row that could not be delivered; tried again after pauses that grow. */
function heldKeys(): HeldKeys {
  const holds = new Map<string, { untilMs: number; pauseMs: number }>()
  return {
    keys: () => [...holds].filter(([, { untilMs }]) => untilMs > performance.now()).map(([key]) => key),
    hold(key) {
      const before = holds.get(key)?.pauseMs
      const pauseMs = before === undefined ? FIRST_HOLD_MS : Math.min(before * 2, LONGEST_HOLD_MS)
      holds.set(key, { untilMs: performance.now() + pauseMs, pauseMs })
    },
    release: (key) => void holds.delete(key),
  }
}
