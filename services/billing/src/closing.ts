// The end of a period: an invoice for it, and what follows. Usage is asked for before the transaction, so that no
// lock is held while another service thinks.
import type { EntityManager } from '@mikro-orm/postgresql'
import { CURRENCY } from '@mcpshield/contracts/plans'
import type { Log } from '@mcpshield/runtime/log'
import { derivedId } from './derived-id.ts'
import { InvoiceRow, type SubscriptionRow } from './entities.ts'
import { linesOf, totalOf } from './meter.ts'
import type { Span } from './periods.ts'
import type { Bill, PaymentProvider } from './provider.ts'
import { publishEntitlements, type Store } from './store.ts'
import { following } from './terms.ts'

/** Events of an organisation from one time up to another. */
export type CountEvents = (orgId: string, from: Date, to: Date) => Promise<number>

export type ClosingDeps = { store: Store; provider: PaymentProvider; countEvents: CountEvents; now(): Date }

/** What the record of a period may still be waiting for when it ends; its invoice waits as long. */
export const SETTLE_MS = 60_000

/** Closes all periods that have ended. One that cannot be closed now is left for the next round. */
export async function closeEnded(deps: ClosingDeps, log: Log): Promise<void> {
  const left: string[] = []
  for (;;) {
    const rows = await deps.store.ended(new Date(deps.now().getTime() - SETTLE_MS), left)
    if (rows.length === 0) return
    for (const row of rows) {
      try {
        if (!(await closeOne(deps, row))) left.push(row.org_id)
      } catch (error) {
        log.error({ err: error }, 'a period cannot be closed yet')
        left.push(row.org_id)
      }
    }
  }
}

/** Closes the ended period of `seen`. False when somebody else is closing it or has closed it. */
export async function closeOne(
  { store, provider, countEvents, now }: ClosingDeps,
  seen: SubscriptionRow,
): Promise<boolean> {
  const usage = await countEvents(seen.org_id, seen.current_period_start, seen.current_period_end)
  const closed = await store.tryChange(seen.org_id, async (em, row) => {
    if (row === null || !samePeriod(seen, row)) return false
    await closePeriod(em, provider, row, { until: row.current_period_end, usage, now: now() })
    goOn(em, row)
    return true
  })
  return closed ?? false
}

/** The last invoice of an organisation that is gone, and with it its record: nobody can count its events any more. */
export async function endSubscription(
  { store, provider, now }: Omit<ClosingDeps, 'countEvents'>,
  orgId: string,
): Promise<void> {
  await store.change(orgId, async (em, row) => {
    publishEntitlements(em, orgId)
    if (row === null) return
    const at = now()
    while (row.current_period_end <= at) {
      await closePeriod(em, provider, row, { until: row.current_period_end, usage: null, now: at })
      if (!goOn(em, row)) return
    }
    await closePeriod(em, provider, row, { until: at, usage: null, now: at })
    em.remove(row)
  })
}

/** Issues the invoice of the running period, which ends at `until`. A period without length costs nothing. */
export async function closePeriod(
  em: EntityManager,
  provider: PaymentProvider,
  row: SubscriptionRow,
  { until, usage, now }: { until: Date; usage: number | null; now: Date },
): Promise<void> {
  if (until <= row.current_period_start) return
  const bill = billOf(row, until, usage)
  em.persist(em.create(InvoiceRow, { ...bill, ...(await provider.issue(em, bill, now)) }))
}

/** What the running period costs if it ends at `until`. */
export function billOf(row: SubscriptionRow, until: Date, usage: number | null): Bill {
  const { org_id, plan, period } = row
  const whole = spanOf(row)
  const lines = linesOf({ plan, period, whole, until, usage })
  return {
    id: invoiceId(org_id, whole.start),
    org_id,
    plan,
    period_start: whole.start,
    period_end: until,
    currency: CURRENCY,
    lines,
    total: totalOf(lines),
  }
}

/** The running period. */
export function spanOf({ current_period_start: start, current_period_end: end }: SubscriptionRow): Span {
  return { start, end }
}

export function invoiceId(orgId: string, periodStart: Date): string {
  return derivedId('invoice', orgId, periodStart.toISOString())
}

/** Whether nothing that an invoice depends on has changed. */
export function samePeriod(one: SubscriptionRow | null, other: SubscriptionRow | null): boolean {
  return (
    one?.current_period_start.getTime() === other?.current_period_start.getTime() &&
    one?.plan === other?.plan &&
    one?.period === other?.period
  )
}

/** Begins the next period. False when there is none: the organisation is Free from then on, which is no row. */
function goOn(em: EntityManager, row: SubscriptionRow): boolean {
  const next = following(row)
  if (row.next_plan) publishEntitlements(em, row.org_id)
  if (next === undefined) {
    em.remove(row)
    return false
  }
  row.plan = next.plan
  row.period = next.period
  row.anchor = next.anchor
  row.current_period_start = next.start
  row.current_period_end = next.end
  row.next_plan = null
  row.next_period = null
  return true
}
