// Pure: a decision → what the client is told. Denials of tools are results, so that the model can act on
// them; they carry the call's own fact and the rule, never the policy.
import type { Verdict } from '@mcpshield/pdp/decide-call'
import type { JsonObject } from '@mcpshield/policy/facts'

type Refused = Pick<Verdict, 'decision' | 'id' | 'policyVersion' | 'retryAfterMs'>

export const DECISION_META = 'io.mcpshield/decision'

export function refusalResult(verdict: Refused): JsonObject {
  const { decision, rule, reason } = verdict.decision
  const text =
    decision === 'ask'
      ? `Not run: rule ${rule} asks for a person's approval, and this gateway cannot hold calls yet. ${reason}`
      : `Denied by rule ${rule}: ${reason}`
  return {
    content: [{ type: 'text', text }],
    isError: true,
    _meta: { [DECISION_META]: decisionMeta(verdict) },
  }
}

export function decisionMeta(verdict: Refused): JsonObject {
  const { decision, rule, reason } = verdict.decision
  return {
    decision,
    rule,
    reason,
    decision_id: verdict.id,
    policy_version: verdict.policyVersion,
    ...(verdict.retryAfterMs === null ? {} : { retry_after_ms: verdict.retryAfterMs }),
  }
}

/** A call that was allowed but did not work out. */
export function failureResult(message: string): JsonObject {
  return { content: [{ type: 'text', text: message }], isError: true }
}
