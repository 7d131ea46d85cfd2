// Every endpoint of the contract, noun by noun.
import type { Call } from '@mcpshield/bus/rpc'
import type { billing } from '@mcpshield/contracts/billing'
import type { Handlers } from '@mcpshield/contracts/define'
import { PLAN_CODES } from '@mcpshield/contracts/plans'
import { healthOf, type Checks } from '@mcpshield/runtime/health'
import { invoiceHandlers } from './invoices.ts'
import { shownPlan } from './shown.ts'
import { subscriptionHandlers, type SubscriptionDeps } from './subscriptions.ts'

export type BillingDeps = SubscriptionDeps & {
  /** Each rejects when it does not answer. */
  checks: Checks
}

export function billingService(deps: BillingDeps): Handlers<typeof billing.rpc, Call> {
  return {
    ...subscriptionHandlers(deps),
    ...invoiceHandlers(deps),

    async listPlans() {
      return { items: PLAN_CODES.map(shownPlan), next_cursor: null, prev_cursor: null }
    },

    checkHealth: () => healthOf(deps.checks),
  }
}
