// Rows as the contract shows them.
import type { Output } from '@mcpshield/contracts/define'
import type { Invoice, billing } from '@mcpshield/contracts/billing'
import { CURRENCY, PLANS, type PlanCode } from '@mcpshield/contracts/plans'
import type { InvoiceRow, SubscriptionRow } from './entities.ts'
import { calendarMonth } from './periods.ts'
import { FREE } from './terms.ts'

export function shownPlan(code: PlanCode): Output<typeof billing.rpc.listPlans>['items'][number] {
  return { ...PLANS[code], currency: CURRENCY }
}

/** An organisation without a subscription has been Free since it was made, by the calendar month. */
export function shownSubscription(
  orgId: string,
  row: SubscriptionRow | null,
  now: Date,
): Output<typeof billing.rpc.getSubscription> {
  if (row === null) {
    const { start, end } = calendarMonth(now)
    return {
      plan: shownPlan('free'),
      status: 'active',
      period: FREE.period,
      current_period_start: start.toISOString(),
      current_period_end: end.toISOString(),
      next_plan: null,
      next_period: null,
      created_at: (madeAt(orgId) ?? start).toISOString(),
      canceled_at: null,
    }
  }
  const another = <T>(next: T | null | undefined, present: T) => (next && next !== present ? next : null)
  return {
    plan: shownPlan(row.plan),
    status: row.status,
    period: row.period,
    current_period_start: row.current_period_start.toISOString(),
    current_period_end: row.current_period_end.toISOString(),
    next_plan: another(row.next_plan, row.plan),
    next_period: another(row.next_period, row.period),
    created_at: row.created_at.toISOString(),
    canceled_at: row.canceled_at?.toISOString() ?? null,
  }
}

export function shownInvoice(row: InvoiceRow): Invoice {
  return {
    id: row.id,
    number: row.number,
    status: row.status,
    plan: row.plan,
    period_start: row.period_start.toISOString(),
    period_end: row.period_end.toISOString(),
    currency: row.currency,
    lines: row.lines,
    total: row.total,
    issued_at: row.issued_at.toISOString(),
    due_at: row.due_at.toISOString(),
  }
}

/** Ids are UUIDv7, which begin with the millisecond that they were made in. */
function madeAt(id: string): Date | undefined {
  if (id[14] !== '7') return undefined
  return new Date(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16))
}
