// The record of decisions: what is kept of a call, wherever it is kept.
import type { Facts, JsonObject, JsonValue } from '@mcpshield/policy/facts'
import type { Decision } from '@mcpshield/policy/schema'
import { redactText } from '@mcpshield/redact/redact-text'
import { redactValue } from '@mcpshield/redact/redact-value'
import { DEFAULT_REDACTIONS } from '@mcpshield/redact/redactions'

export type RecordedCall = {
  id: string
  time: string
  method: string
  tool: string
  arguments: JsonObject
  /** Null of a call that was denied before the policy looked at it. */
  facts: Facts | null
  decision: Decision
  agent: string | null
  /** The person at the client let it run. */
  approved: boolean
  policyVersion: number | null
}

/** What came of a call that was let through. */
export type Outcome = 'ok' | 'error' | 'cut' | 'timeout' | 'cancelled'

export type Records = {
  /** Rejects when the record cannot be kept: a call that leaves no trace must not run. */
  record(call: RecordedCall): Promise<void>
  /** Of a call that was allowed; what cannot be kept of it is lost. */
  finish(id: string, outcome: Outcome): void
}

/** A record is kept when all of these keep it. */
export function everyRecord(all: readonly Records[]): Records {
  return {
    async record(call) {
      for (const each of all) await each.record(call)
    },
    finish(id, outcome) {
      for (const each of all) each.finish(id, outcome)
    },
  }
}

/** The fields of the audit's records that there are here, by their names, without what the detectors find. */
export function recordOf(call: RecordedCall): JsonObject {
  const { id, time, method, decision, facts, agent } = call
  return {
    id,
    time,
    method,
    tool: text(call.tool),
    arguments: value(call.arguments),
    facts: facts === null ? null : factsOf(facts),
    decision: decision.decision,
    rule: decision.rule,
    // A reason tells the call's own fact, which may be what the arguments hid.
    reason: text(decision.reason),
    agent: agent === null ? null : text(agent),
    ...(call.approved ? { approved: true } : {}),
    ...(call.policyVersion === null ? {} : { policy_version: call.policyVersion }),
  }
}

function factsOf({ paths, urls, accesses, guessed }: Facts): JsonValue {
  return value({ paths, urls, accesses, ...(guessed ? { guessed } : {}) })
}

const noHash = () => ''

function text(told: string): string {
  return redactText(told, DEFAULT_REDACTIONS, noHash).text
}

function value(told: unknown): JsonValue {
  return redactValue(told, DEFAULT_REDACTIONS, { keyedHash: noHash }).value as JsonValue
}
