import { ai } from '@mcpshield/contracts/ai'
import { billing } from '@mcpshield/contracts/billing'
import { ingest } from '@mcpshield/contracts/ingest'
import { ApiError, type Api } from '#lib/server/api.ts'
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
  const [overTime, byProject, byTool, byDecision, monthly, subscription, assistant] = await Promise.all([
    summary(step),
    projectId === undefined ? summary('project') : undefined,
    summary('tool'),
    summary('decision'),
    locals.api(ingest.rpc.getMonthlyUsage, { months: MONTHS }),
    locals.api(billing.rpc.getSubscription, {}),
    assistantOf(locals.api),
  ])
  return {
    asked,
    overTime,
    byProject: byProject?.items,
    byTool: byTool.items,
    byDecision: byDecision.items,
    months: monthly.items,
    plan: subscription.plan,
    assistant,
  }
}

/** Undefined where the assistant's service cannot say, or is not there yet: the rest of the page goes on without it. */
async function assistantOf(api: Api) {
  try {
    const { used, input_tokens, output_tokens, months } = await api(ai.rpc.getAiUsage, {})
    return { used, input_tokens, output_tokens, months }
  } catch (refused) {
    if (refused instanceof ApiError && [404, 503, 504].includes(refused.status)) return undefined
    throw refused
  }
}
