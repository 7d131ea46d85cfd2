// What the client is told of a call that did not go through. The shape of a denial is the gateway's.
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Decision } from '@mcpshield/policy/schema'
import { DENIED, type RpcError } from './messages.ts'

export const DECISION_META = 'io.mcpshield/decision'

export type Verdict = { id: string; decision: Decision; retryAfterMs: number | null }

/** Of a tool call: a result, so that the model can act on it. */
export function refusalResult(verdict: Verdict): JsonObject {
  return { ...failureResult(refusalText(verdict)), _meta: { [DECISION_META]: decisionMeta(verdict) } }
}

/** Of every other method. */
export function refusalError(verdict: Verdict): RpcError {
  return {
    code: DENIED,
    message: refusalText(verdict),
    data: { [DECISION_META]: decisionMeta(verdict) },
  }
}

/** A call that was allowed but did not work out. */
export function failureResult(message: string): JsonObject {
  return { content: [{ type: 'text', text: message }], isError: true }
}

function refusalText({ decision: { decision, rule, reason } }: Verdict): string {
  return decision === 'ask'
    ? `Not run: rule ${rule} asks for a person's approval, and nobody can be asked here. ${reason}`
    : `Denied by rule ${rule}: ${reason}`
}

function decisionMeta({ id, decision: { decision, rule, reason }, retryAfterMs }: Verdict): JsonObject {
  return {
    decision,
    rule,
    reason,
    decision_id: id,
    // A file has no version.
    policy_version: null,
    ...(retryAfterMs === null ? {} : { retry_after_ms: retryAfterMs }),
  }
}
