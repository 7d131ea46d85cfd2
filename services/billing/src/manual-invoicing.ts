// Invoices that people send and whose payment people see: numbered, due in 14 days.
import type { EntityManager } from '@mikro-orm/postgresql'
import type { PaymentProvider } from './provider.ts'

const DUE_AFTER_MS = 14 * 86_400_000

export const manualInvoicing: PaymentProvider = {
  async issue(em, _bill, now) {
    const number = await nextNumber(em, now.getUTCFullYear())
    return { number, status: 'issued', issued_at: now, due_at: new Date(now.getTime() + DUE_AFTER_MS) }
  },
}

/** `MCPS-2026-000001`. The year's row stays locked until the commit, and a rollback gives the number back: no gaps. */
async function nextNumber(em: EntityManager, year: number): Promise<string> {
  const [row] = await em.execute<{ last: number }[]>(
    `insert into invoice_numbers as numbers (year, last) values (?, 1)
     on conflict (year) do update set last = numbers.last + 1 returning last`,
    [year],
  )
  if (row === undefined) throw new Error('an upsert returns its row')
  return `MCPS-${year}-${String(row.last).padStart(6, '0')}`
}
