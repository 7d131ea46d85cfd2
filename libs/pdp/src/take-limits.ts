// The rate limits that a decision brings with it: taken all or none, and without an answer the call is denied.
import type { Decision } from '@mcpshield/policy/schema'
import type { LimitStore, Window } from './limits.ts'
import { denied } from './refusals.ts'
import type { CallToDecide } from './verdict.ts'

/** Takes the decision's windows; a full one denies for good, and so does a store that does not answer. */
export async function takeLimits(
  limits: LimitStore,
  call: CallToDecide,
  decision: Decision,
  id: string,
): Promise<{ decision: Decision; retryAfterMs: number | null }> {
  const rates = decision.obligations.rate_limits
  const windows: Window[] = rates.map((rate) => ({
    key: `limit:${call.credential.project_id}:${rate.rule}:${rate.by}:${subjectOf(rate.by, call)}`,
    calls: rate.calls,
    perMs: rate.per_ms,
  }))
  try {
    const taken = await limits.take(windows, id)
    if (taken.taken) return { decision, retryAfterMs: null }
    const rate = rates[taken.exceeded]
    return {
      decision: {
        ...denied(rate?.rule ?? decision.rule, `rate_limited: try again in ${taken.retryAfterMs} ms.`),
      },
      retryAfterMs: taken.retryAfterMs,
    }
  } catch {
    return {
      decision: denied(
        decision.rule,
        'limit_unavailable: the rate limit could not be checked; try again in a moment.',
      ),
      retryAfterMs: null,
    }
  }
}

function subjectOf(by: 'key' | 'agent' | 'project' | 'user', call: CallToDecide): string {
  if (by === 'key' || (by === 'user' && call.credential.user !== undefined)) return call.credential.subject
  if (by === 'agent') return call.agent ?? ''
  return call.credential.project_id // One window for all where nobody is told apart.
}
