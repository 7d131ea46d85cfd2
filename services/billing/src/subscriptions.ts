// The plan of an organisation: what it is, and how it is changed.
import type { EntityManager } from '@mikro-orm/postgresql'
import type { Call } from '@mcpshield/bus/rpc'
import type { billing } from '@mcpshield/contracts/billing'
import type { Handlers } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import { PLANS, type PlanCode } from '@mcpshield/contracts/plans'
import { signedIn, type SignedIn } from '@mcpshield/contracts/rights'
import { recordChange } from '@mcpshield/db/admin-audit'
import { closeOne, closePeriod, samePeriod, spanOf, type ClosingDeps } from './closing.ts'
import { SubscriptionRow } from './entities.ts'
import { periodAt, within } from './periods.ts'
import { shownSubscription } from './shown.ts'
import { publishEntitlements } from './store.ts'
import { FREE, changeOf, entitlementsOf, type Change, type Terms } from './terms.ts'

type Names = 'getSubscription' | 'subscribe' | 'cancelSubscription' | 'getEntitlements'

export type SubscriptionDeps = ClosingDeps & {
  /** How many projects an organisation has. */
  countProjects(orgId: string): Promise<number>
}

/** What a change needs to know, as it was when it was asked for. */
type Asked = {
  by: { caller: SignedIn; requestId: string }
  method: 'subscribe' | 'cancelSubscription'
  wanted: Terms
  at: Date
}

export function subscriptionHandlers(
  deps: SubscriptionDeps,
): Pick<Handlers<typeof billing.rpc, Call>, Names> {
  const { store, now } = deps
  return {
    async getSubscription(_input, call) {
      const { org_id } = signedIn(call.caller)
      return shownSubscription(org_id, await store.find(org_id), now())
    },

    async subscribe({ plan, period }, call) {
      const by = { caller: signedIn(call.caller), requestId: call.requestId }
      const at = now()
      const seen = await presentSubscription(deps, by.caller.org_id, at)
      const wanted = plan === 'free' ? FREE : { plan, period: period ?? seen?.period ?? 'monthly' }
      return change(deps, seen, { by, method: 'subscribe', wanted, at })
    },

    async cancelSubscription(_input, call) {
      const by = { caller: signedIn(call.caller), requestId: call.requestId }
      const at = now()
      const seen = await presentSubscription(deps, by.caller.org_id, at)
      if (seen === null) {
        throw new AppError('CONFLICT', 'The plan is Free: there is nothing to cancel.', {
          type: 'already_free',
        })
      }
      return change(deps, seen, { by, method: 'cancelSubscription', wanted: FREE, at })
    },

    async getEntitlements({ org_id }) {
      return entitlementsOf(org_id, await store.find(org_id))
    },
  }
}

/** The subscription, in the period that now is: those that have ended are closed first. */
async function presentSubscription(
  deps: SubscriptionDeps,
  orgId: string,
  at: Date,
): Promise<SubscriptionRow | null> {
  for (;;) {
    const row = await deps.store.find(orgId)
    if (row === null || row.current_period_end > at) return row
    if (!(await closeOne(deps, row))) throw changedMeanwhile()
  }
}

async function change(deps: SubscriptionDeps, seen: SubscriptionRow | null, asked: Asked) {
  const { org_id } = asked.by.caller
  const kind = changeOf(seen ?? undefined, asked.wanted)
  if (kind === 'at_period_end') await requireRoom(deps, org_id, asked.wanted.plan)
  const usage =
    kind === 'at_once' && seen !== null
      ? await deps.countEvents(org_id, seen.current_period_start, within(spanOf(seen), asked.at))
      : null
  return deps.store.change(org_id, async (em, row) => {
    const changed = changeOf(row ?? undefined, asked.wanted)
    // Two who ask for the same at once both get it; otherwise the second must see what the first did.
    if (changed !== 'none' && !samePeriod(seen, row)) throw changedMeanwhile()
    const after = await apply[changed](em, row, asked, { deps, usage })
    await em.flush()
    return shownSubscription(org_id, after, asked.at)
  })
}

type Apply = (
  em: EntityManager,
  row: SubscriptionRow | null,
  asked: Asked,
  known: { deps: SubscriptionDeps; usage: number | null },
) => Promise<SubscriptionRow | null>

const apply: Record<Change, Apply> = {
  /** The plan that it is already: what was to follow is taken back. */
  async none(em, row, asked) {
    if (row === null || !row.next_plan) return row
    resume(row)
    record(em, asked, `Took back the change that was to follow: ${nameOf(asked.wanted)} goes on.`)
    publishEntitlements(em, row.org_id)
    return row
  },

  async at_once(em, row, asked, { deps, usage }) {
    const { wanted, at, by } = asked
    const from = row === null ? at : within(spanOf(row), at)
    if (row !== null) await closePeriod(em, deps.provider, row, { until: from, usage, now: at })
    const { start, end } = periodAt(from, wanted.period, from)
    const terms = { ...wanted, anchor: start, current_period_start: start, current_period_end: end }
    record(em, asked, `Changed the plan to ${nameOf(wanted)}, at once.`)
    publishEntitlements(em, by.caller.org_id)
    if (row !== null) return resume(Object.assign(row, terms))
    const made = em.create(SubscriptionRow, {
      org_id: by.caller.org_id,
      ...terms,
      status: 'active',
      created_at: at,
    })
    em.persist(made)
    return made
  },

  async at_period_end(em, row, asked) {
    const { wanted, at } = asked
    if (row === null || (row.next_plan === wanted.plan && row.next_period === wanted.period)) return row
    row.next_plan = wanted.plan
    row.next_period = wanted.period
    row.status = wanted.plan === 'free' ? 'canceled' : 'active'
    row.canceled_at = wanted.plan === 'free' ? at : null
    const when = row.current_period_end.toISOString()
    record(em, asked, `Changed the plan to ${nameOf(wanted)}, from ${when} on.`)
    publishEntitlements(em, row.org_id)
    return row
  },
}

function resume(row: SubscriptionRow): SubscriptionRow {
  row.status = 'active'
  row.canceled_at = null
  row.next_plan = null
  row.next_period = null
  return row
}

/** Refuses a plan that has fewer projects than there are. */
async function requireRoom(deps: SubscriptionDeps, orgId: string, plan: PlanCode): Promise<void> {
  const { name, limits } = PLANS[plan]
  if (limits.max_projects === null) return
  const count = await deps.countProjects(orgId)
  if (count <= limits.max_projects) return
  const has = limits.max_projects === 1 ? '1 project' : `${limits.max_projects} projects`
  const message = `${name} has ${has}; there are ${count}. Delete ${count - limits.max_projects} first.`
  throw new AppError('CONFLICT', message, { type: 'too_many_projects' })
}

function changedMeanwhile(): AppError {
  return new AppError('CONFLICT', 'The subscription was changed by someone else meanwhile. Look again.', {
    type: 'changed_meanwhile',
  })
}

function record(em: EntityManager, { by, method, wanted, at }: Asked, reason: string): void {
  const change = { service: 'billing', method, projectId: null, reason, arguments: wanted }
  recordChange(em, by, change, at)
}

function nameOf({ plan, period }: Terms): string {
  return plan === 'free' ? PLANS.free.name : `${PLANS[plan].name}, ${period}`
}
