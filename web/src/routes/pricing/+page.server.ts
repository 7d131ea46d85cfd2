import { billing } from '@mcpshield/contracts/billing'
import type { PageServerLoad } from './$types'

export const load: PageServerLoad = async ({ locals }) => {
  const { items } = await locals.api(billing.rpc.listPlans, {})
  return { plans: items }
}
