// What time and plans do to credentials: those that have expired end, those that were never handed out are taken back,
// and those of organisations without the Enterprise plan rest.
import { setTimeout as sleep } from 'node:timers/promises'
import type { EntityManager } from '@mikro-orm/postgresql'
import { enqueue, OutboxRow } from '@mcpshield/db/outbox'
import type { Log } from '@mcpshield/runtime/log'
import { FeedRow } from './entities.ts'
import type { Plans } from './plan.ts'
import { ACCOUNTS_TOPIC, recordOwn, settle, type Rows } from './store.ts'

export type UpkeepDeps = {
  rows: Rows
  plans: Pick<Plans, 'isEnterprise'>
  now(): Date
  log: Log
  everyMs: number
}

/** Longer than making one takes. */
const OPENED_WITHIN_MS = 60_000
/** How long one that is over is still listed. */
const LISTED_FOR_MS = 90 * 86_400_000

export function keepUp(deps: UpkeepDeps): AsyncDisposable {
  const stop = new AbortController()
  const { signal } = stop
  const rounds = async () => {
    while (!signal.aborted) {
      await deps.rows
        .change((em) => upkeep(em, deps))
        .catch((error: unknown) => deps.log.error({ err: error }, 'upkeep: a round failed'))
      await sleep(deps.everyMs, undefined, { signal }).catch(() => undefined)
    }
  }
  const done = rounds()
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await done
    },
  }
}

async function upkeep(em: EntityManager, { plans, now }: UpkeepDeps): Promise<void> {
  const [lock] = await em.execute<{ taken: boolean }[]>(
    "select pg_try_advisory_xact_lock(hashtext('siem:upkeep')) as taken",
  )
  if (lock?.taken !== true) return
  const at = now()
  const longAgo = new Date(at.getTime() - LISTED_FOR_MS)
  await em.nativeDelete(FeedRow, { account_state: 'closed', revoked_at: { $lt: longAgo } })
  for (const row of await em.find(FeedRow, { kind: 'credential', revoked_at: null })) {
    if (row.opened_at == null) takeBack(em, row, at)
    else if (row.expires_at != null && row.expires_at <= at) expire(em, row, row.expires_at, at)
    else if (row.account_state !== (plans.isEnterprise(row.org_id) ? 'open' : 'resting')) await turn(em, row)
  }
  await em.flush()
}

/** One whose making was cut off. Nobody has it. */
function takeBack(em: EntityManager, row: FeedRow, at: Date): void {
  if (at.getTime() - row.created_at.getTime() < OPENED_WITHIN_MS) return
  settle(em, row)
  em.remove(row)
}

function expire(em: EntityManager, row: FeedRow, expiredAt: Date, at: Date): void {
  row.revoked_at = expiredAt
  settle(em, row)
  const change = { method: 'expireSiemCredential', reason: `The SIEM credential ${row.name} has expired.` }
  recordOwn(em, row.org_id, { ...change, arguments: { credential_id: row.id } }, at)
}

/** Told to the servers by the outbox, which sets the state: until then it stands there once. */
async function turn(em: EntityManager, { id }: FeedRow): Promise<void> {
  const told = { topic: ACCOUNTS_TOPIC, key: id }
  if ((await em.count(OutboxRow, told)) === 0) enqueue(em, ACCOUNTS_TOPIC, id)
}
