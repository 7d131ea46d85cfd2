import { FirstTables } from './0001-subscriptions-and-invoices.ts'

/** In order; each runs once. */
export const migrations = [{ name: '0001-subscriptions-and-invoices', class: FirstTables }]
