// Who has the Enterprise plan. Billing is asked before something is made; what is there rests while the plan is another.
import type { Entitlements } from '@mcpshield/contracts/billing'
import { AppError } from '@mcpshield/contracts/errors'
import { PLANS } from '@mcpshield/contracts/plans'

export type Plans = {
  isEnterprise(orgId: string): boolean
  /** For the bus to tell. */
  watcher: { put(orgId: string, value: Entitlements): void; remove(orgId: string): void }
}

export function knownPlans(): Plans {
  const enterprise = new Set<string>()
  return {
    isEnterprise: (orgId) => enterprise.has(orgId),
    watcher: {
      put: (orgId, { plan }) =>
        void (plan === 'enterprise' ? enterprise.add(orgId) : enterprise.delete(orgId)),
      remove: (orgId) => void enterprise.delete(orgId),
    },
  }
}

export type AskPlan = (orgId: string, requestId: string) => Promise<Entitlements>

/** Throws QUOTA_EXCEEDED when the organisation's plan does not include it, UNAVAILABLE when nobody can say. */
export async function requireEnterprise(ask: AskPlan, orgId: string, requestId: string): Promise<void> {
  const { plan } = await ask(orgId, requestId).catch(unknownPlan)
  if (plan === 'enterprise') return
  throw new AppError(
    'QUOTA_EXCEEDED',
    `The plan ${PLANS[plan].name} does not include sending the record to your own systems; ${PLANS.enterprise.name} does.`,
    { type: 'plan_limit_siem' },
  )
}

function unknownPlan(cause: unknown): never {
  throw new AppError(
    'UNAVAILABLE',
    'What the plan includes could not be found out, and nothing was made. Try again in a moment.',
    { cause },
  )
}
