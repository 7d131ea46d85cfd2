// THE decision point: the only way to an allow. Decides one call by the project's policy, takes its rate
// limits, and hands the record to the audit log. Whatever is missing or fails means deny, with the reason.
import { randomUUIDv7 } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { AuditPublisher } from '@mcpshield/bus/audit'
import type { AuditEvent } from '@mcpshield/contracts/audit'
import { drawFacts } from '@mcpshield/facts/draw'
import type { Facts } from '@mcpshield/policy/facts'
import { namesHost } from '@mcpshield/policy/named-host'
import type { Decision } from '@mcpshield/policy/schema'
import type { KeyedHash } from '@mcpshield/redact/marker'
import { callDigest } from './approval-digest.ts'
import { currentCredential } from './current-credential.ts'
import { drawOptions } from './draw-options.ts'
import type { FactsCache } from './facts-cache.ts'
import { mayForward, onlyReads } from './forwarding.ts'
import type { LimitStore } from './limits.ts'
import { decideAsRead, decideByPolicy, denySecretArguments } from './policy-word.ts'
import { decisionEvent, outcomeEvent, type CallOutcome } from './record.ts'
import { reasonClass, type ReasonClass } from './reason-class.ts'
import { denied, refuseBeforePolicy } from './refusals.ts'
import type { Credential, ProjectPolicy, Snapshots } from './snapshots.ts'
import { takeLimits } from './take-limits.ts'
import type { CallToDecide, Verdict } from './verdict.ts'
import { visibility, type Visibility } from './visibility.ts'

export type PdpDeps = {
  snapshots: Snapshots
  limits: LimitStore
  audit: AuditPublisher
  factsCache: FactsCache
  /** Of the arguments' digest. */
  keyedHash: KeyedHash
  now(): Date
  /** Told of every decision: its word, and what gave it. */
  decided?: ((decision: Decision['decision'], reason: ReasonClass) => void) | undefined
}

export type DecisionPoint = Visibility & {
  decideCall(call: CallToDecide): Promise<Verdict>
  /** The record of a message that was refused unread: no call, no method, no tool. Resolves when it is stored. */
  recordMalformed(credential: Credential, refused: { reason: string; requestId: string }): Promise<void>
}

/** An outcome may be recorded a little late, and is not given up easily. */
const OUTCOME = { deadlineMs: 60_000, lingerMs: 20 }

export function decisionPoint(deps: PdpDeps): DecisionPoint {
  return {
    async decideCall(given) {
      const time = deps.now()
      const id = randomUUIDv7()
      const current = currentCredential(deps.snapshots, given.credential, time)
      const isAsGiven = current === undefined || current === given.credential
      const call: CallToDecide = isAsGiven ? given : { ...given, credential: current }
      const project = deps.snapshots.project(call.credential.project_id)
      const facts = project === undefined ? null : factsOf(deps.factsCache, project, call)
      const refused = refuseBeforePolicy(deps.snapshots, project, call, current !== undefined)
      const byPolicy = refused ?? decideAsRead(project, call, facts, time)
      const digest = () => callDigest(deps.keyedHash, project, call)
      const approved =
        byPolicy.decision === 'ask' && call.approval !== undefined && call.approval.digest === digest()
      const asked: Decision = approved ? { ...byPolicy, decision: 'allow' } : byPolicy
      let decision = refused ?? denySecretArguments(asked, { arguments: call.arguments, ...call.carried })
      let retryAfterMs: number | null = null
      if (decision.decision === 'allow' && decision.obligations.rate_limits.length > 0) {
        ;({ decision, retryAfterMs } = await takeLimits(deps.limits, call, decision, id))
      }
      deps.decided?.(decision.decision, reasonClass(decision, { refused, byPolicy, asked }))
      const event = decisionEvent(
        {
          ...call,
          id,
          time,
          project,
          facts,
          decision,
          approvedBy: approved ? (call.approval?.approvedBy ?? null) : null,
        },
        deps.keyedHash,
      )
      return {
        id,
        decision,
        facts,
        digest,
        retryAfterMs,
        forward: refused === null && mayForward(decision, project, facts, call),
        readOnly: facts !== null && onlyReads(facts),
        policyVersion: project?.snapshot.policy_version ?? null,
        owes: byPolicy.obligations,
        alsoAllows(touched) {
          if (facts === null || refused !== null) return false
          const other = { ...facts, ...touched }
          const again = decideByPolicy(project, call, other, time)
          const alike = isDeepStrictEqual(again.obligations, byPolicy.obligations)
          return alike && mayForward(again, project, other, call)
        },
        namesHost(url) {
          if (facts === null || refused !== null || project === undefined) return false
          const { decision: word, rule } = decideByPolicy(project, call, { ...facts, urls: [url] }, time)
          return word === 'allow' && namesHost(project.policy, rule, url)
        },
        recorded: recordDecision(deps.audit, event),
        finish: (outcome) => recordOutcome(deps.audit, event, outcome),
      }
    },
    ...visibility(deps.snapshots, () => deps.now()),
    recordMalformed(credential, { reason, requestId }) {
      const call = { credential, method: '', tool: '', arguments: {}, agent: null, requestId }
      const project = deps.snapshots.project(credential.project_id)
      const decision = denied('malformed', reason)
      deps.decided?.('deny', 'malformed')
      const unread = { id: randomUUIDv7(), time: deps.now(), project, facts: null, approvedBy: null }
      return recordDecision(deps.audit, decisionEvent({ ...call, ...unread, decision }, deps.keyedHash))
    },
  }
}

function recordDecision(audit: AuditPublisher, event: AuditEvent): Promise<void> {
  const recorded = audit.record(event)
  // The caller awaits it; should the call fail before, this must not count as unhandled.
  recorded.catch(() => undefined)
  return recorded
}

async function recordOutcome(audit: AuditPublisher, event: AuditEvent, outcome: CallOutcome): Promise<void> {
  await audit.record(outcomeEvent(event, outcome), OUTCOME).catch(() => undefined)
}

function factsOf(cache: FactsCache, project: ProjectPolicy, call: CallToDecide): Facts {
  // Written so that no name reads as the end of one and the beginning of the next.
  const prefix = JSON.stringify([project.cacheId, call.method, call.tool])
  return cache.get(prefix, call.arguments, () => {
    const { method, tool, arguments: args } = call
    return drawFacts({ method, tool, arguments: args }, drawOptions(project.policy, project.snapshot, tool))
  })
}
