// The decision of one request: the policy's, then its rate limits, then the log.
import { randomUUIDv7 } from 'node:crypto'
import type { Context, Facts } from '@mcpshield/policy/facts'
import type { Decision } from '@mcpshield/policy/schema'
import type { OfflineCall, OfflineDecisions } from '../offline-decision.ts'
import type { Verdict } from './answers.ts'
import type { DecisionLog } from './decision-log.ts'
import { rateLimits } from './rate-limits.ts'

export type Judge = {
  /** The verdict, and what the call accesses, as far as it is known. */
  judge(call: OfflineCall, agent: string | null): Verdict & Pick<Facts, 'accesses'>
  couldShow(method: string, tool: string, agent: string | null): boolean
}

export type JudgeDeps = { decisions: OfflineDecisions; log: DecisionLog; now(): Date; monotonicMs(): number }

export function openJudge({ decisions, log, now, monotonicMs }: JudgeDeps): Judge {
  const limits = rateLimits()
  return {
    judge(call, agent) {
      const time = now().toISOString()
      const { decision: decided, facts } = decisions.decide(call, contextOf(time, agent))
      const verdict = { id: randomUUIDv7(), ...limited(decided), accesses: facts.accesses }
      try {
        log.record({ time, method: call.method, facts, agent, verdict })
      } catch (error) {
        const reason = `The decision could not be logged (${(error as Error).message}), so the call is denied.`
        return { ...verdict, decision: denial(decided.rule, reason), retryAfterMs: null }
      }
      return verdict
    },
    couldShow: (method, tool, agent) =>
      decisions.couldShow(method, tool, contextOf(now().toISOString(), agent)),
  }

  function limited(decision: Decision): Omit<Verdict, 'id'> {
    if (decision.decision !== 'allow') return { decision, retryAfterMs: null }
    const taken = limits.take(decision.obligations.rate_limits, monotonicMs())
    if (taken.taken) return { decision, retryAfterMs: null }
    const { rule, retryAfterMs } = taken
    return { decision: denial(rule, `rate_limited: try again in ${retryAfterMs} ms.`), retryAfterMs }
  }
}

/** The environment, the key and the user are a project's to say: here they are unknown. */
function contextOf(time: string, agent: string | null): Context {
  return { time, ...(agent === null ? {} : { agent }) }
}

function denial(rule: string, reason: string): Decision {
  return { decision: 'deny', rule, reason, obligations: { rate_limits: [], redact: [] } }
}
