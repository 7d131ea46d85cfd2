// What every use case asks of the schema: units of work, and an organisation's subscription.
import { LockMode } from '@mikro-orm/core'
import type { EntityManager } from '@mikro-orm/postgresql'
import type { Db } from '@mcpshield/db/connect'
import { enqueue } from '@mcpshield/db/outbox'
import { tenancy } from '@mcpshield/db/tenancy'
import { SubscriptionRow } from './entities.ts'

export type Store = {
  read<T>(orgId: string, work: (em: EntityManager) => Promise<T>): Promise<T>
  /** One transaction of an organisation; its changes follow each other. What it tells the world goes out with its commit. */
  change<T>(orgId: string, work: (em: EntityManager, row: SubscriptionRow | null) => Promise<T>): Promise<T>
  /** The same, for what the service does of its own accord; undefined when somebody else is at it. */
  tryChange<T>(
    orgId: string,
    work: (em: EntityManager, row: SubscriptionRow | null) => Promise<T>,
  ): Promise<T | undefined>
  find(orgId: string): Promise<SubscriptionRow | null>
  /** Up to 100 whose period ended before `time`, the longest ended first, without those named. */
  ended(time: Date, without: string[]): Promise<SubscriptionRow[]>
  /** Has every subscription's entitlements told again. */
  tellAll(): Promise<void>
  ping(): Promise<number>
}

export const ENTITLEMENTS_TOPIC = 'entitlements'
const AT_ONCE = 100

export function billingStore(db: Db, wake: () => void): Store {
  const tenants = tenancy(db)
  const find = (em: EntityManager, org_id: string, lockMode?: LockMode.PESSIMISTIC_WRITE) =>
    em.findOne(SubscriptionRow, { org_id }, lockMode === undefined ? {} : { lockMode })
  const woken = async <T>(done: Promise<T>) => {
    const result = await done
    wake()
    return result
  }
  return {
    read: (orgId, work) => tenants.inOrganization(orgId, work),
    find: (orgId) => tenants.inOrganization(orgId, (em) => find(em, orgId)),
    change: (orgId, work) =>
      woken(
        tenants.inOrganization(orgId, async (em) => {
          // The row alone cannot be locked: a Free organisation has none.
          await em.execute('select pg_advisory_xact_lock(hashtextextended(?, 0))', [lockOf(orgId)])
          return work(em, await find(em, orgId, LockMode.PESSIMISTIC_WRITE))
        }),
      ),
    tryChange: (orgId, work) =>
      woken(
        tenants.inOrganization(orgId, async (em) => {
          const [lock] = await em.execute<{ taken: boolean }[]>(
            'select pg_try_advisory_xact_lock(hashtextextended(?, 0)) as taken',
            [lockOf(orgId)],
          )
          if (lock?.taken !== true) return undefined
          return work(em, await find(em, orgId, LockMode.PESSIMISTIC_WRITE))
        }),
      ),
    ended: (time, without) =>
      tenants.acrossOrganizations((em) =>
        em.find(
          SubscriptionRow,
          { current_period_end: { $lte: time }, org_id: { $nin: without } },
          { orderBy: { current_period_end: 'asc' }, limit: AT_ONCE },
        ),
      ),
    tellAll: () =>
      woken(
        tenants.acrossOrganizations(async (em) => {
          await em.execute(
            `insert into outbox (topic, key, message_id)
             select ?, org_id::text, gen_random_uuid() from subscriptions`,
            [ENTITLEMENTS_TOPIC],
          )
        }),
      ),
    ping: () => db.ping(),
  }
}

/** Says that what others hold of an organisation's plan is to be told anew. */
export function publishEntitlements(em: EntityManager, orgId: string): void {
  enqueue(em, ENTITLEMENTS_TOPIC, orgId)
}

function lockOf(orgId: string): string {
  return `billing:${orgId}`
}
