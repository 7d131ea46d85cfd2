// Every endpoint of the contract, noun by noun.
import type { Call } from '@mcpshield/bus/rpc'
import type { billing } from '@mcpshield/contracts/billing'
import type { Handlers } from '@mcpshield/contracts/define'
import { PLAN_CODES } from '@mcpshield/contracts/plans'
import { invoiceHandlers } from './invoices.ts'
import { shownPlan } from './shown.ts'
import { subscriptionHandlers, type SubscriptionDeps } from './subscriptions.ts'

export type BillingDeps = SubscriptionDeps & {
  /** Each rejects when it does not answer. */
  checks: Record<string, () => Promise<unknown>>
}

export function billingService(deps: BillingDeps): Handlers<typeof billing.rpc, Call> {
  return {
    ...subscriptionHandlers(deps),
    ...invoiceHandlers(deps),

    async listPlans() {
      return { items: PLAN_CODES.map(shownPlan), next_cursor: null, prev_cursor: null }
    },

    async checkHealth() {
      const checked = await Promise.all(
        Object.entries(deps.checks).map(async ([name, check]) => [name, await answers(check)] as const),
      )
      return { ok: checked.every(([, each]) => each.ok), dependencies: Object.fromEntries(checked) }
    },
  }
}

async function answers(check: () => Promise<unknown>): Promise<{ ok: boolean; detail?: string }> {
  try {
    await check()
    return { ok: true }
  } catch (error) {
    return { ok: false, detail: (error as Error).message }
  }
}
