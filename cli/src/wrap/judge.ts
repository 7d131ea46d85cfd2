// The decision of one request: the policy's, then its rate limits, then its record.
import { randomUUIDv7 } from 'node:crypto'
import { canonicalHash } from '@mcpshield/mcp/canonical-hash'
import type { Refused } from '@mcpshield/mcp/refusal'
import type { Context, Facts, JsonObject } from '@mcpshield/policy/facts'
import type { Decision, Obligations } from '@mcpshield/policy/schema'
import type { PolicySource } from './policy-in-force.ts'
import { rateLimits } from './rate-limits.ts'
import type { Outcome, Records } from './records.ts'

export type CallToJudge = {
  method: string
  /** As rules name it. */
  tool: string
  arguments: JsonObject
  agent: string | null
  /** Why the tool's definition is not the approved one. */
  quarantined?: string | undefined
  /** The digest of the call that a person approved. */
  approval?: string | undefined
  /** A person's word against it, as a sentence. */
  refused?: string | undefined
}

export type Verdict = Refused & {
  decision: Decision
  /** What the call accesses, as far as it is known. */
  accesses: Facts['accesses']
  /** What an approval of this call is bound to: method, tool, arguments and the policy in force. */
  digest: string
}

export type Judge = {
  /** Resolves once the record is kept: nothing of the call may go on before. */
  judge(call: CallToJudge): Promise<Verdict>
  /** Whether the policy denies it as things are; takes no rate limit and leaves no record. */
  denies(call: CallToJudge): boolean
  /** What came of a call. */
  finish(verdict: Verdict, outcome: Outcome): void
  /** Whether some call of it could be allowed or asked for: what lists may show. */
  couldShow(method: string, tool: string, agent: string | null): boolean
  /** What is looked for in what belongs to no decided call. */
  standing(): Obligations['redact']
}

export type JudgeDeps = { policy: PolicySource; records: Records; now(): Date; monotonicMs(): number }

type Judged = { decision: Decision; facts: Facts | null; retryAfterMs: number | null }

export function openJudge({ policy, records, now, monotonicMs }: JudgeDeps): Judge {
  const limits = rateLimits()

  function judged(call: CallToJudge, digest: string, time: string): Judged {
    const current = policy()
    if ('unavailable' in current) return refused('policy_unavailable', current.unavailable)
    if (call.quarantined !== undefined) return refused('quarantined', call.quarantined)
    const { decision, facts } = current.decisions.decide(call, contextOf(time, call.agent))
    if (call.refused !== undefined && decision.decision !== 'deny')
      return { ...refused(decision.rule, call.refused), facts }
    const isApproved = decision.decision === 'ask' && call.approval === digest
    return { facts, ...limited(isApproved ? { ...decision, decision: 'allow' } : decision) }
  }

  function limited(decision: Decision): Omit<Judged, 'facts'> {
    if (decision.decision !== 'allow') return { decision, retryAfterMs: null }
    const taken = limits.take(decision.obligations.rate_limits, monotonicMs())
    if (taken.taken) return { decision, retryAfterMs: null }
    const { rule, retryAfterMs } = taken
    return { decision: denial(rule, `rate_limited: try again in ${retryAfterMs} ms.`), retryAfterMs }
  }

  return {
    async judge(call) {
      const time = now().toISOString()
      const current = policy()
      const digest = digestOf(call, current)
      const { decision, facts, retryAfterMs } = judged(call, digest, time)
      const policyVersion = 'unavailable' in current ? null : current.version
      const verdict: Verdict = {
        id: randomUUIDv7(),
        decision,
        retryAfterMs,
        policyVersion,
        accesses: facts?.accesses ?? [],
        digest,
      }
      const approved = decision.decision === 'allow' && call.approval === digest
      try {
        await records.record({ ...call, id: verdict.id, time, decision, facts, approved, policyVersion })
      } catch (error) {
        const reason = `The decision could not be recorded (${(error as Error).message}), so the call is denied.`
        return { ...verdict, decision: denial(decision.rule, reason), retryAfterMs: null }
      }
      return verdict
    },
    denies(call) {
      const current = policy()
      if ('unavailable' in current) return true
      const { decision } = current.decisions.decide(call, contextOf(now().toISOString(), call.agent))
      return decision.decision === 'deny'
    },
    finish: ({ id }, outcome) => records.finish(id, outcome),
    couldShow(method, tool, agent) {
      const current = policy()
      if ('unavailable' in current) return false
      return current.decisions.couldShow(method, tool, contextOf(now().toISOString(), agent))
    },
    standing() {
      const current = policy()
      return 'unavailable' in current ? [] : current.standing
    },
  }
}

/** In one order of members, as a client may write them in another when it comes again. */
function digestOf({ method, tool, arguments: args }: CallToJudge, current: ReturnType<PolicySource>): string {
  const hash = 'unavailable' in current ? null : current.hash
  return canonicalHash([method, tool, args, hash])
}

/** The environment, the key and the user are a project's to say: here they are unknown. */
function contextOf(time: string, agent: string | null): Context {
  return { time, ...(agent === null ? {} : { agent }) }
}

function refused(rule: string, reason: string): Judged {
  return { decision: denial(rule, reason), facts: null, retryAfterMs: null }
}

function denial(rule: string, reason: string): Decision {
  return { decision: 'deny', rule, reason, obligations: { rate_limits: [], redact: [] } }
}
