// What each organisation's plan includes, as billing publishes it. Who is not there has the Free plan.
import type { Entitlements } from '@mcpshield/contracts/billing'
import { PLANS, type PlanLimits } from '@mcpshield/contracts/plans'

export type Plans = {
  limitsOf(orgId: string): PlanLimits
  /** From now on: hears of each organisation whose retention is another than before. */
  onRetentionChange(listener: (orgId: string) => void): void
  /** For the bus to tell. */
  watcher: { put(orgId: string, value: Entitlements): void; remove(orgId: string): void }
  organizations(): string[]
}

const FREE = PLANS.free.limits
const DAY_MS = 86_400_000
/** In place of "without end", which a date cannot say. */
const NEVER_MS = Date.UTC(2100, 0)

export function plans(): Plans {
  let onChange: (orgId: string) => void = () => undefined
  const known = new Map<string, PlanLimits>()
  const limitsOf = (orgId: string) => known.get(orgId) ?? FREE
  const changed = (orgId: string, change: () => void) => {
    const before = limitsOf(orgId).audit_retention_days
    change()
    if (limitsOf(orgId).audit_retention_days !== before) onChange(orgId)
  }
  return {
    limitsOf,
    onRetentionChange: (listener) => void (onChange = listener),
    watcher: {
      put: (orgId, { limits }) => changed(orgId, () => known.set(orgId, limits)),
      remove: (orgId) => changed(orgId, () => known.delete(orgId)),
    },
    organizations: () => [...known.keys()],
  }
}

/** Until when a record is kept that was received then. */
export function retainUntilMs(receivedMs: number, days: number | null): number {
  return days === null ? NEVER_MS : Math.min(receivedMs + days * DAY_MS, NEVER_MS)
}
