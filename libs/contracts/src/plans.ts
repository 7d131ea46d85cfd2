// The plans, as data. Amounts are minor units (cents) of CURRENCY; null is "no limit", and of a price "by agreement".

export const CURRENCY = 'USD'

export const PLAN_CODES = ['free', 'pro', 'enterprise'] as const
export type PlanCode = (typeof PLAN_CODES)[number]

export type PlanLimits = {
  /** Decisions and reported events in a calendar month (UTC). Past it calls are still decided and recorded. */
  max_events_per_month: number | null
  max_projects: number | null
  /** Days that a record can be read, from when it was received. */
  audit_retention_days: number | null
  /** Uses of the assistant in a calendar month (UTC). */
  max_ai_calls_per_month: number | null
}

export type Plan = {
  code: PlanCode
  name: string
  description: string
  price_monthly: number | null
  price_yearly: number | null
  limits: PlanLimits
}

export const PLANS: Record<PlanCode, Plan> = {
  free: {
    code: 'free',
    name: 'Free',
    description: 'One project, to try it and for work of one’s own.',
    price_monthly: 0,
    price_yearly: 0,
    limits: {
      max_events_per_month: 10_000,
      max_projects: 1,
      audit_retention_days: 30,
      max_ai_calls_per_month: 3,
    },
  },
  pro: {
    code: 'pro',
    name: 'Pro',
    description: 'Any number of projects, and three months of records.',
    price_monthly: 2_900,
    price_yearly: 34_800,
    limits: {
      max_events_per_month: 100_000,
      max_projects: null,
      audit_retention_days: 90,
      max_ai_calls_per_month: 30,
    },
  },
  enterprise: {
    code: 'enterprise',
    name: 'Enterprise',
    description: 'No limits; the price is agreed with each customer.',
    price_monthly: null,
    price_yearly: null,
    limits: {
      max_events_per_month: null,
      max_projects: null,
      audit_retention_days: null,
      max_ai_calls_per_month: null,
    },
  },
}
