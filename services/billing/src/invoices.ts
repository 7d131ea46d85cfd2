// Invoices, newest first, in pages: above them all the draft of the running period.
import type { EntityManager } from '@mikro-orm/postgresql'
import type { Call } from '@mcpshield/bus/rpc'
import type { Invoice, billing } from '@mcpshield/contracts/billing'
import { decodeCursor, encodeCursor } from '@mcpshield/contracts/cursors'
import type { Handlers, ParsedInput } from '@mcpshield/contracts/define'
import { CURRENCY } from '@mcpshield/contracts/plans'
import { signedIn } from '@mcpshield/contracts/rights'
import { z } from 'zod'
import { billOf, invoiceId, spanOf, type ClosingDeps } from './closing.ts'
import { InvoiceRow, type SubscriptionRow } from './entities.ts'
import { linesOf, totalOf } from './meter.ts'
import { calendarMonth, within } from './periods.ts'
import { shownInvoice } from './shown.ts'
import { FREE } from './terms.ts'

type Deps = Pick<ClosingDeps, 'store' | 'countEvents' | 'now'>

/**
 * A cursor: on which side of an invoice to go on. No two of an organisation begin at the same time. PostgreSQL has no
 * year 0.
 */
const Place = z.tuple([z.enum(['older', 'newer']), z.iso.datetime().regex(/^(?!0000)/)])
type Place = z.infer<typeof Place>

/** Where the draft stands: above every invoice. */
const TOP = '9999-12-31T23:59:59.999Z'

export function invoiceHandlers(deps: Deps): Pick<Handlers<typeof billing.rpc, Call>, 'listInvoices'> {
  return {
    async listInvoices({ limit, cursor }: ParsedInput<typeof billing.rpc.listInvoices>, call) {
      const { org_id } = signedIn(call.caller)
      const place = cursor === undefined ? undefined : decodeCursor(Place, cursor)
      const older = place?.[0] !== 'newer'
      const rows = await deps.store.read(org_id, (em) => readInvoices(em, org_id, place, limit + 1))
      const invoices: (Invoice | 'draft')[] = rows.map(shownInvoice)
      // The draft comes before all invoices that are newer, or that are read without a cursor.
      const all = !older ? [...invoices, 'draft' as const] : invoices
      if (place === undefined) all.unshift('draft')
      const page = all.slice(0, limit)
      const more = all.length > limit
      if (!older) page.reverse()
      return {
        items: await Promise.all(page.map(async (each) => (each === 'draft' ? draftOf(deps, org_id) : each))),
        next_cursor: cursorAt(page.at(-1), 'older', older ? more : true),
        prev_cursor: cursorAt(page[0], 'newer', older ? place !== undefined : more),
      }
    },
  }
}

function readInvoices(
  em: EntityManager,
  org_id: string,
  place: Place | undefined,
  limit: number,
): Promise<InvoiceRow[]> {
  const older = place?.[0] !== 'newer'
  const time = place === undefined ? undefined : new Date(place[1])
  const beyond = time === undefined ? {} : { period_start: older ? { $lt: time } : { $gt: time } }
  const order = older ? 'desc' : 'asc'
  return em.find(InvoiceRow, { org_id, ...beyond }, { orderBy: { period_start: order }, limit })
}

/** What the running period costs if it goes on to its end, with its usage as of now. */
async function draftOf({ store, countEvents, now }: Deps, orgId: string): Promise<Invoice> {
  const at = now()
  const row = await store.find(orgId)
  const span = row === null ? calendarMonth(at) : spanOf(row)
  const usage = await countEvents(orgId, span.start, within(span, at))
  const none = { number: null, status: 'draft', issued_at: null, due_at: null } as const
  return row === null ? { ...freeDraft(orgId, at, usage), ...none } : { ...paidDraft(row, usage), ...none }
}

type Draft = Omit<Invoice, 'number' | 'status' | 'issued_at' | 'due_at'>

function paidDraft(row: SubscriptionRow, usage: number): Draft {
  const { org_id: _, ...bill } = billOf(row, row.current_period_end, usage)
  return {
    ...bill,
    period_start: bill.period_start.toISOString(),
    period_end: bill.period_end.toISOString(),
  }
}

function freeDraft(orgId: string, at: Date, usage: number): Draft {
  const whole = calendarMonth(at)
  const lines = linesOf({ ...FREE, whole, until: whole.end, usage })
  return {
    id: invoiceId(orgId, whole.start),
    plan: FREE.plan,
    period_start: whole.start.toISOString(),
    period_end: whole.end.toISOString(),
    currency: CURRENCY,
    lines,
    total: totalOf(lines),
  }
}

function cursorAt(item: Invoice | 'draft' | undefined, side: Place[0], there: boolean): string | null {
  if (!there || item === undefined) return null
  const place: Place = [side, item === 'draft' ? TOP : item.period_start]
  return encodeCursor(place)
}
