// How money is asked for: the seam at which another payment provider is put in (docs/billing.md).
import type { EntityManager } from '@mikro-orm/postgresql'
import type { InvoiceRow } from './entities.ts'

/** What a closed period costs. */
export type Bill = Pick<
  InvoiceRow,
  'id' | 'org_id' | 'plan' | 'period_start' | 'period_end' | 'currency' | 'lines' | 'total'
>

export type Issued = Pick<InvoiceRow, 'number' | 'status' | 'issued_at' | 'due_at'>

export type PaymentProvider = {
  /**
   * Makes a bill an invoice, in the transaction that closes its period: both happen or neither. It therefore reaches
   * nothing outside the database; what another system is to be told is put into the outbox, with the bill's id as
   * idempotency key.
   */
  issue(em: EntityManager, bill: Bill, now: Date): Promise<Issued>
}
