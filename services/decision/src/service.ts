// Answers what the policy says of a call, and records it. The client enforces.
import type { Call } from '@mcpshield/bus/rpc'
import type { decision } from '@mcpshield/contracts/decision'
import type { Handlers } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import type { DecisionPoint } from '@mcpshield/pdp/decide-call'
import type { KeyUse } from '@mcpshield/pdp/key-use'
import type { KeyCredential, Snapshots } from '@mcpshield/pdp/snapshots'
import { healthOf } from '@mcpshield/runtime/health'

export type DecisionDeps = {
  pdp: DecisionPoint
  snapshots: Pick<Snapshots, 'credentialByDigest' | 'current'>
  limits: { ping(): Promise<number> }
  uses: Pick<KeyUse, 'seen'>
  ping(): Promise<number>
  now(): Date
}

export function decisionService(deps: DecisionDeps): Handlers<typeof decision.rpc, Call> {
  return {
    async evaluateCall(input, { caller, requestId }) {
      const credential = credentialOf(deps, caller)
      deps.uses.seen(credential.key_id, deps.now())
      const verdict = await deps.pdp.decideCall({
        credential,
        method: input.method,
        tool: input.tool,
        arguments: input.arguments,
        agent: input.context.agent ?? null,
        requestId: input.context.request_id ?? requestId,
      })
      await verdict.recorded
      const { decision, rule, reason, obligations } = verdict.decision
      return {
        decision,
        rule,
        reason,
        obligations:
          verdict.retryAfterMs === null
            ? obligations
            : { ...obligations, retry_after_ms: verdict.retryAfterMs },
        policy_version: verdict.policyVersion,
        decision_id: verdict.id,
      }
    },
    checkHealth: () =>
      healthOf({
        nats: () => deps.ping(),
        redis: () => deps.limits.ping(),
        policies: async () => {
          if (!deps.snapshots.current()) throw new Error('the watch is broken')
        },
      }),
  }
}

function credentialOf(deps: DecisionDeps, caller: Call['caller']): KeyCredential {
  const credential =
    caller.kind === 'key' ? deps.snapshots.credentialByDigest(caller.digest, deps.now()) : undefined
  if (credential === undefined)
    throw new AppError('UNAUTHENTICATED', 'This API key is not known, was revoked or has expired.')
  return credential
}
