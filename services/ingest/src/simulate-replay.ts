// One recorded call decided by a draft: the same engine as when it was made, on the facts that were stored.
import type { NotReplayable } from '@mcpshield/contracts/ingest'
import { compile, type CompiledPolicy } from '@mcpshield/policy/compile'
import type { ConditionName } from '@mcpshield/policy/conditions'
import { decide } from '@mcpshield/policy/decide'
import type { Decision, Policy } from '@mcpshield/policy/schema'
import { redactValue } from '@mcpshield/redact/redact-value'
import { isCertain } from './simulate-certainty.ts'
import { declarations, type FactsSection } from './simulate-declared.ts'
import type { CallRow } from './simulate-queries.ts'
import { recordedCall, type KnownKey, type RecordedCall } from './simulate-record.ts'

export type Draft = {
  policy: Policy
  /** The organisation's, which stands above. */
  above: Policy | null
  environment: string
  keys: ReadonlyMap<string, KnownKey>
  factsSections: readonly FactsSection[]
}

export type Replayed = Pick<Decision, 'decision' | 'rule' | 'reason'>
export type Replay = Replayed | NotReplayable

export type Replayer = {
  /** Ids in order; `default` is the last. */
  rules: string[]
  /** Whether recorded arguments are needed. */
  readsArguments: boolean
  replay(row: CallRow): Replay
}

/** Throws on a draft that was not checked. */
export function replayer({ policy, above, environment, keys, factsSections }: Draft): Replayer {
  const compiled = compile(policy, above === null ? {} : { above })
  const declared = declarations(policy.facts, factsSections)
  const readsArguments = looksAtArguments(compiled)
  const readsKeys = tests(compiled, 'key') || tests(compiled, 'labels')
  return {
    rules: [...compiled.rules.map(({ id }) => id), 'default'],
    readsArguments,
    replay(row) {
      const call = recordedCall(row, { environment, keys, readsArguments, readsKeys })
      if (typeof call === 'string') return call
      if (!declared.areSame(row.policy_version, row.tool)) return 'facts_declared_otherwise'
      return replayCall(compiled, call)
    },
  }
}

/** With `default: allow` a call whose arguments are unknown is denied, so they are looked at too. */
function looksAtArguments(compiled: CompiledPolicy): boolean {
  return (
    compiled.allowByDefault ||
    tests(compiled, 'parameters') ||
    compiled.rules.some(({ obligations }) => obligations?.deny_arguments !== undefined)
  )
}

/** Whether some rule has a condition of this name on the call. */
function tests({ rules }: CompiledPolicy, condition: ConditionName): boolean {
  return rules.some((rule) => rule.tests.call.some((test) => test.condition === condition))
}

function replayCall(compiled: CompiledPolicy, call: RecordedCall): Replay {
  const unsure = call.hidesFacts || call.hidesArguments || !call.hidesKey ? 'redacted' : 'key_unknown'
  const decision = decide(compiled, call.facts, call.context)
  if (call.hidden.size > 0 && !isCertain(compiled, call)) return unsure
  const forbidden = decision.decision === 'deny' ? [] : (decision.obligations.deny_arguments ?? [])
  // An obligation of a rule that only may hold may not be owed; and what a detector finds is what the record hides.
  if (forbidden.length > 0 && call.hidden.size > 0) return unsure
  for (const { rule, detector } of forbidden) {
    if (redactValue(call.arguments, [{ detector }], { keyedHash: () => '' }).count > 0) {
      const reason = `The arguments carry something that looks like a secret (${detector}).`
      return { decision: 'deny', rule, reason }
    }
  }
  return decision
}
