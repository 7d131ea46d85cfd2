import { billing } from '@mcpshield/contracts/billing'
import { ingest } from '@mcpshield/contracts/ingest'
import { askedIn } from './spans.ts'
import type { PageServerLoad } from './$types'

const MONTHS = 12

export const load: PageServerLoad = async ({ locals, url }) => {
  const asked = askedIn((name) => url.searchParams.get(name))
  const { days, step, projectId } = asked
  const summary = (group_by: 'project' | 'tool' | 'decision' | typeof step) =>
    locals.api(ingest.rpc.getUsageSummary, {
      days,
      group_by,
      ...(projectId === undefined ? {} : { project_id: projectId }),
    })
  const [overTime, byProject, byTool, byDecision, monthly, subscription] = await Promise.all([
    summary(step),
    projectId === undefined ? summary('project') : undefined,
    summary('tool'),
    summary('decision'),
    locals.api(ingest.rpc.getMonthlyUsage, { months: MONTHS }),
    locals.api(billing.rpc.getSubscription, {}),
  ])
  return {
    asked,
    overTime,
    byProject: byProject?.items,
    byTool: byTool.items,
    byDecision: byDecision.items,
    months: monthly.items,
    plan: subscription.plan,
  }
}
