// The tables of the billing schema.
import { defineEntity, p, type InferEntity } from '@mikro-orm/core'
import type { Invoice } from '@mcpshield/contracts/billing'
import type { PlanCode } from '@mcpshield/contracts/plans'
import type { DbOptions } from '@mcpshield/db/connect'
import { OutboxRow } from '@mcpshield/db/outbox'
import { migrations } from './migrations/index.ts'
import type { PeriodName } from './periods.ts'

/** A plan that is paid for. An organisation without a row is Free. */
export const SubscriptionRow = defineEntity({
  name: 'SubscriptionRow',
  tableName: 'subscriptions',
  properties: {
    org_id: p.uuid().primary(),
    plan: p.string().length(16).$type<PlanCode>(),
    period: p.string().length(16).$type<PeriodName>(),
    status: p.string().length(16).$type<'active' | 'canceled'>(),
    /** Where its periods are counted from, so that one that began on a 31st finds back to it. */
    anchor: p.datetime(),
    current_period_start: p.datetime(),
    current_period_end: p.datetime().index('subscriptions_current_period_end_index'),
    /** What follows when the period ends; both null when it goes on as it is. */
    next_plan: p.string().length(16).$type<PlanCode>().nullable(),
    next_period: p.string().length(16).$type<PeriodName>().nullable(),
    created_at: p.datetime(),
    canceled_at: p.datetime().nullable(),
  },
})
export type SubscriptionRow = InferEntity<typeof SubscriptionRow>

/** Never deleted: accounting outlives the organisation, of which it has nothing but the id. */
export const InvoiceRow = defineEntity({
  name: 'InvoiceRow',
  tableName: 'invoices',
  uniques: [{ name: 'invoices_org_id_period_start_unique', properties: ['org_id', 'period_start'] }],
  properties: {
    /** Made from the organisation and the period's start: a draft has the id that its invoice will have. */
    id: p.uuid().primary(),
    org_id: p.uuid(),
    number: p.string().length(64).unique('invoices_number_unique'),
    status: p.string().length(16).$type<'issued' | 'paid'>(),
    plan: p.string().length(16).$type<PlanCode>(),
    period_start: p.datetime(),
    period_end: p.datetime(),
    currency: p.string().length(3),
    lines: p.json<Invoice['lines']>(),
    total: p.integer(),
    issued_at: p.datetime(),
    due_at: p.datetime(),
  },
})
export type InvoiceRow = InferEntity<typeof InvoiceRow>

/** The last number given in a year, over all organisations. */
export const InvoiceNumberRow = defineEntity({
  name: 'InvoiceNumberRow',
  tableName: 'invoice_numbers',
  properties: { year: p.integer().primary().autoincrement(false), last: p.integer() },
})

/** How the service's schema is reached and what is in it. */
export function database(url: string): DbOptions {
  return {
    url,
    schema: 'billing',
    entities: [SubscriptionRow, InvoiceRow, InvoiceNumberRow, OutboxRow],
    migrations,
  }
}
