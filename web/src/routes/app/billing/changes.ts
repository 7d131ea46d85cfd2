// What a change of the plan does and when, said before it is made. The same rules as the API’s (docs/billing.md).
import type { Output } from '@mcpshield/contracts/define'
import type { billing } from '@mcpshield/contracts/billing'
import { PLAN_CODES, type PlanCode } from '@mcpshield/contracts/plans'

export type Subscription = Output<typeof billing.rpc.getSubscription>
export type Plan = Output<typeof billing.rpc.listPlans>['items'][number]
export type Period = 'monthly' | 'yearly'

export const PERIODS = [
  { value: 'monthly', label: 'By the month' },
  { value: 'yearly', label: 'By the year' },
] as const

export type Change =
  /** It is so already, and nothing else is to follow. */
  | 'none'
  /** It is so already: what was to follow is taken back. */
  | 'keep'
  | 'at_once'
  | 'at_period_end'
  /** It is what follows already. */
  | 'follows'

export function changeOf(now: Subscription, plan: PlanCode, period: Period): Change {
  const from = now.plan.code
  const isSame = plan === from && (plan === 'free' || period === now.period)
  const isNextKnown = now.next_plan !== null || now.next_period !== null
  if (isSame) return isNextKnown ? 'keep' : 'none'
  const next = now.next_plan ?? from
  const nextPeriod = now.next_period ?? now.period
  if (isNextKnown && plan === next && (plan === 'free' || period === nextPeriod)) return 'follows'
  if (plan !== from) return rank(plan) > rank(from) ? 'at_once' : 'at_period_end'
  return period === 'yearly' ? 'at_once' : 'at_period_end'
}

export function rank(plan: PlanCode): number {
  return PLAN_CODES.indexOf(plan)
}

/** Of the button of a plan. */
export function wordFor(
  now: Subscription,
  { code, name }: Pick<Plan, 'code' | 'name'>,
  period: Period,
): string {
  const change = changeOf(now, code, period)
  if (change === 'none') return 'Your plan'
  if (change === 'keep') return `Keep ${name}`
  if (change === 'follows') return 'Follows'
  if (code === now.plan.code) return period === 'yearly' ? 'Pay by the year' : 'Pay by the month'
  return rank(code) > rank(now.plan.code) ? `Upgrade to ${name}` : `Downgrade to ${name}`
}

/** What is less in the plan than now, for who goes down. */
export function lossesOf(now: Plan['limits'], then: Plan['limits']): string[] {
  const losses: string[] = []
  const isLess = (name: keyof Plan['limits']) =>
    then[name] !== null && (now[name] === null || then[name] < now[name])
  const count = (value: number | null) => (value ?? 0).toLocaleString('en-GB')
  if (isLess('max_events_per_month'))
    losses.push(
      `${count(then.max_events_per_month)} events a month are included. Past them calls are still decided and recorded.`,
    )
  if (isLess('max_projects'))
    losses.push(
      `${then.max_projects === 1 ? 'One project is' : `${count(then.max_projects)} projects are`} included. From now on no new ones beyond that.`,
    )
  if (isLess('audit_retention_days'))
    losses.push(
      `Records older than ${count(then.audit_retention_days)} days are removed. Export them first if you need them.`,
    )
  if (isLess('max_ai_calls_per_month'))
    losses.push(`${count(then.max_ai_calls_per_month)} calls of the assistant a month are included.`)
  return losses
}

export function money(amount: number, currency: string): string {
  const minimumFractionDigits = amount % 100 === 0 ? 0 : 2
  return new Intl.NumberFormat('en-US', { style: 'currency', currency, minimumFractionDigits }).format(
    amount / 100,
  )
}

export function priceOf(plan: Plan, period: Period): string {
  const amount = period === 'yearly' ? plan.price_yearly : plan.price_monthly
  if (amount === null) return 'By agreement'
  if (amount === 0) return money(0, plan.currency)
  return `${money(amount, plan.currency)} a ${period === 'yearly' ? 'year' : 'month'}`
}
