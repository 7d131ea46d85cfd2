// What a client is told of a request that did not go through. Denials of tools are results, so that the model can act on
// them; they carry the call's own fact and the rule, never the policy.
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Decision } from '@mcpshield/policy/schema'
import { DENIED, type Era, type RpcAnswer } from './messages.ts'

/** What of a decision is told. */
export type Refused = {
  /** Of the decision, and of its record. */
  id: string
  decision: Pick<Decision, 'decision' | 'rule' | 'reason'>
  /** Null where the policy has no versions. */
  policyVersion: number | null
  /** Milliseconds until a rate-limited call may come again. */
  retryAfterMs: number | null
}

export const DECISION_META = 'io.mcpshield/decision'

/** The denial of a request, in the form that its method's client looks at. `word` is what a person said of it. */
export function refusal(method: string, refused: Refused, word?: string): RpcAnswer {
  const { decision, rule, reason } = refused.decision
  const text =
    decision === 'ask'
      ? `Not run: rule ${rule} asks for a person’s approval. ${word ?? reason}`
      : `Denied by rule ${rule}: ${reason}`
  const meta = { [DECISION_META]: decisionMeta(refused) }
  if (method === 'tools/call') return { result: { ...failureResult(text), _meta: meta } }
  return { error: { code: DENIED, message: text, data: meta } }
}

function decisionMeta({
  id,
  decision: { decision, rule, reason },
  policyVersion,
  retryAfterMs,
}: Refused): JsonObject {
  return {
    decision,
    rule,
    reason,
    decision_id: id,
    policy_version: policyVersion,
    ...(retryAfterMs === null ? {} : { retry_after_ms: retryAfterMs }),
  }
}

/** A request that was allowed but did not work out. */
export function failure(method: string, code: number, message: string): RpcAnswer {
  return method === 'tools/call' ? { result: failureResult(message) } : { error: { code, message } }
}

export function failureResult(message: string): JsonObject {
  return { content: [{ type: 'text', text: message }], isError: true }
}

/** An answer of our own in the words of an era: every result of the modern one says what kind it is. */
export function ownAnswer(era: Era, answer: RpcAnswer): RpcAnswer {
  if (era === 'legacy' || 'error' in answer) return answer
  return { result: { resultType: 'complete', ...answer.result } }
}
