// What a subscription is, becomes and includes: rules without a clock or a database.
import type { Entitlements } from '@mcpshield/contracts/billing'
import { PLANS, PLAN_CODES, type PlanCode } from '@mcpshield/contracts/plans'
import type { SubscriptionRow } from './entities.ts'
import { periodAt, type PeriodName, type Span } from './periods.ts'

/** A plan and how it is paid. Of Free there is one way. */
export type Terms = { plan: PlanCode; period: PeriodName }
export const FREE: Terms = { plan: 'free', period: 'monthly' }

/** What is asked for, seen from what there is (undefined: Free). */
export type Change = 'none' | 'at_once' | 'at_period_end'

/** More, and a year instead of a month, comes at once; less when what is paid for is over. */
export function changeOf(now: Terms | undefined, wanted: Terms): Change {
  const from = now ?? FREE
  if (from.plan !== wanted.plan) return rank(wanted.plan) > rank(from.plan) ? 'at_once' : 'at_period_end'
  if (from.plan === 'free' || from.period === wanted.period) return 'none'
  return wanted.period === 'yearly' ? 'at_once' : 'at_period_end'
}

/** The terms and the period that follow the running one; undefined when it goes on as Free. */
export function following(row: SubscriptionRow): (Terms & Span & { anchor: Date }) | undefined {
  const plan = row.next_plan ?? row.plan
  if (plan === 'free') return undefined
  const period = row.next_period ?? row.period
  const anchor = period === row.period ? row.anchor : row.current_period_end
  return { plan, period, anchor, ...periodAt(anchor, period, row.current_period_end) }
}

/**
 * What an organisation may use. While a smaller plan is to follow, projects are limited as in both, so that it
 * fits when its day has come; all else is that of the present plan until then.
 */
export function entitlementsOf(
  org_id: string,
  row: Pick<SubscriptionRow, 'plan' | 'next_plan'> | null,
): Entitlements {
  const plan = row?.plan ?? 'free'
  const next = row?.next_plan ?? plan
  const { limits } = PLANS[plan]
  const max_projects = tighter(limits.max_projects, PLANS[next].limits.max_projects)
  return { org_id, plan, limits: { ...limits, max_projects } }
}

function tighter(one: number | null, other: number | null): number | null {
  if (one === null || other === null) return one ?? other
  return Math.min(one, other)
}

function rank(plan: PlanCode): number {
  return PLAN_CODES.indexOf(plan)
}
