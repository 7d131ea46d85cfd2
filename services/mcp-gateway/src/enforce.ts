// Pure: a decision → what the client is told. Denials of tools are results, so that the model can act on
// them; they carry the call's own fact and the rule, never the policy.
import { DENIED, type RpcAnswer } from '@mcpshield/mcp/messages'
import type { Verdict } from '@mcpshield/pdp/decide-call'
import type { JsonObject } from '@mcpshield/policy/facts'

type Refused = Pick<Verdict, 'decision' | 'id' | 'policyVersion' | 'retryAfterMs'>

export const DECISION_META = 'io.mcpshield/decision'

/** The denial of a request, in the form that its method's client looks at. `word` is what a person said of it. */
export function refusal(method: string, verdict: Refused, word?: string): RpcAnswer {
  const { decision, rule, reason } = verdict.decision
  const text =
    decision === 'ask'
      ? `Not run: rule ${rule} asks for a person’s approval. ${word ?? reason}`
      : `Denied by rule ${rule}: ${reason}`
  const meta = { [DECISION_META]: decisionMeta(verdict) }
  if (method === 'tools/call') return { result: { ...failureResult(text), _meta: meta } }
  return { error: { code: DENIED, message: text, data: meta } }
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

/** A request that was allowed but did not work out. */
export function failure(method: string, code: number, message: string): RpcAnswer {
  return method === 'tools/call' ? { result: failureResult(message) } : { error: { code, message } }
}

export function failureResult(message: string): JsonObject {
  return { content: [{ type: 'text', text: message }], isError: true }
}
