// Plans, subscriptions and what they cost.
import { z } from 'zod'
import { contract, rpc } from './define.ts'
import { PLAN_CODES } from './plans.ts'
import { Empty, Health, Id, Page, Time, pageOf } from './values.ts'

export const PlanCode = z.enum(PLAN_CODES)
export const Period = z.enum(['monthly', 'yearly'])
const Limit = z.int().nullable()

export const PlanLimits = z.object({
  max_events_per_month: Limit,
  max_projects: Limit,
  audit_retention_days: Limit,
  max_ai_calls_per_month: Limit,
})

/** Prices are minor units (cents); null is by agreement. */
export const Plan = z.object({
  code: PlanCode,
  name: z.string(),
  description: z.string(),
  currency: z.string(),
  price_monthly: z.int().nullable(),
  price_yearly: z.int().nullable(),
  limits: PlanLimits,
})

export const Subscription = z.object({
  plan: Plan,
  /** `canceled`: it goes on as Free when the period ends. */
  status: z.enum(['active', 'canceled']),
  period: Period,
  current_period_start: Time,
  current_period_end: Time,
  /** The plan that follows when the period ends, if it is another. */
  next_plan: PlanCode.nullable(),
  /** How that is paid, if otherwise than now. */
  next_period: Period.nullable(),
  created_at: Time,
  canceled_at: Time.nullable(),
})

export const InvoiceLine = z.object({
  kind: z.enum(['plan', 'usage']),
  description: z.string(),
  quantity: z.int(),
  /** Minor units. */
  unit_amount: z.int(),
  amount: z.int(),
})

export const Invoice = z.object({
  id: Id,
  /** Given when it is issued. */
  number: z.string().nullable(),
  /** `draft`: of the running period, as of now. */
  status: z.enum(['draft', 'issued', 'paid']),
  plan: PlanCode,
  period_start: Time,
  period_end: Time,
  currency: z.string(),
  lines: z.array(InvoiceLine),
  /** Minor units. */
  total: z.int(),
  issued_at: Time.nullable(),
  due_at: Time.nullable(),
})
export type Invoice = z.infer<typeof Invoice>

/** KV `entitlements`, key organisation id: what its plan includes. An organisation that is not there is Free. */
export const Entitlements = z.object({ org_id: Id, plan: PlanCode, limits: PlanLimits })
export type Entitlements = z.infer<typeof Entitlements>

export const billing = contract('billing', {
  rpc: {
    checkHealth: rpc({ input: Empty, output: Health, errors: [], access: 'internal' }),
    listPlans: rpc({
      input: Empty,
      output: z.object({ items: z.array(Plan), next_cursor: z.null(), prev_cursor: z.null() }),
      errors: [],
      access: 'public',
      http: { method: 'GET', path: '/billing/plans', summary: 'The plans and what they include' },
    }),
    getSubscription: rpc({
      input: Empty,
      output: Subscription,
      errors: ['UNAUTHENTICATED'],
      access: 'user',
      http: { method: 'GET', path: '/billing/subscription', summary: 'The organisation’s plan' },
    }),
    subscribe: rpc({
      /** Without `period`: as it is paid now, or monthly. */
      input: z.strictObject({ plan: PlanCode, period: Period.optional() }),
      output: Subscription,
      errors: ['UNAUTHENTICATED', 'PERMISSION_DENIED', 'CONFLICT', 'UNAVAILABLE'],
      access: 'user',
      right: 'administer',
      http: {
        method: 'POST',
        path: '/billing/subscribe',
        summary: 'Change the plan: to more at once, to less when the period ends',
      },
      timeoutMs: 15_000,
    }),
    cancelSubscription: rpc({
      input: Empty,
      output: Subscription,
      errors: ['UNAUTHENTICATED', 'PERMISSION_DENIED', 'CONFLICT', 'UNAVAILABLE'],
      access: 'user',
      right: 'administer',
      http: {
        method: 'POST',
        path: '/billing/cancel',
        summary: 'Go on as Free when the period ends',
      },
      timeoutMs: 15_000,
    }),
    listInvoices: rpc({
      input: z.strictObject({ ...Page }),
      output: pageOf(Invoice),
      errors: ['UNAUTHENTICATED', 'PERMISSION_DENIED', 'UNAVAILABLE'],
      access: 'user',
      right: 'administer',
      http: {
        method: 'GET',
        path: '/billing/history',
        summary: 'Invoices, newest first; the first is the running period’s, as of now',
      },
      timeoutMs: 15_000,
    }),
    /** What an organisation may make now; the tighter of its plan and a smaller one that follows. */
    getEntitlements: rpc({
      input: z.strictObject({ org_id: Id }),
      output: Entitlements,
      errors: [],
      access: 'internal',
    }),
  },
  kv: { entitlements: Entitlements },
})
