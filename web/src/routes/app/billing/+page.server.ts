import { redirect } from '@sveltejs/kit'
import { billing } from '@mcpshield/contracts/billing'
import { ingest } from '@mcpshield/contracts/ingest'
import { PLAN_CODES } from '@mcpshield/contracts/plans'
import { hasRight } from '@mcpshield/contracts/rights'
import { orRefusal, textsIn } from '#lib/server/refusal.ts'
import { PERIODS, type Period } from './changes.ts'
import type { Actions, PageServerLoad } from './$types'

const INVOICES = 25

const planIn = (text: string | null | undefined) => PLAN_CODES.find((code) => code === text)
const periodIn = (text: string | null | undefined): Period | undefined =>
  PERIODS.find(({ value }) => value === text)?.value

export const load: PageServerLoad = async ({ locals, url, parent }) => {
  const { organization } = await parent()
  const cursor = url.searchParams.get('cursor') ?? undefined
  const [plans, subscription, invoices, usage] = await Promise.all([
    locals.api(billing.rpc.listPlans, {}),
    locals.api(billing.rpc.getSubscription, {}),
    hasRight(organization.role, 'administer')
      ? locals.api(billing.rpc.listInvoices, { limit: INVOICES, ...(cursor === undefined ? {} : { cursor }) })
      : undefined,
    locals.api(ingest.rpc.getMonthlyUsage, { months: 1 }),
  ])
  return {
    plans: plans.items,
    subscription,
    period: periodIn(url.searchParams.get('period')) ?? subscription.period,
    wanted: planIn(url.searchParams.get('change')),
    changed: url.searchParams.has('changed'),
    invoices: invoices?.items,
    next: invoices?.next_cursor ?? null,
    previous: invoices?.prev_cursor ?? null,
    events: usage.items[0]?.count ?? 0,
  }
}

export const actions: Actions = {
  subscribe: async ({ request, locals }) => {
    const texts = textsIn(await request.formData())
    const [plan, period] = [planIn(texts['plan']), periodIn(texts['period'])]
    return orRefusal(texts, async () => {
      if (plan !== undefined)
        await locals.api(billing.rpc.subscribe, { plan, ...(period === undefined ? {} : { period }) })
      redirect(303, '/app/billing?changed')
    })
  },
}
