// What each rule made of a call, and why it did not decide. Names conditions of the policy: only for people who may
// read it.
import type { CompiledRule } from './compile.ts'
import type { CallTest } from './conditions.ts'
import { callInWords } from './call-wording.ts'
import type { Context, Facts } from './facts.ts'
import { FALSE, TRUE, UNKNOWN } from './kleene.ts'
import type { Kleene } from './kleene.ts'
import { KINDS, factsOf, holds, mayHold } from './matching.ts'
import type { Kind } from './matching.ts'
import type { TraceEntry } from './schema.ts'
import { factInWords } from './wording.ts'

export function traceEntry(
  rule: CompiledRule,
  facts: Facts,
  context: Context,
  outcome: TraceEntry['outcome'],
): TraceEntry {
  const matches = holds(rule, facts, context) ? 'holds' : mayHold(rule, facts, context) ? 'may_hold' : 'no'
  const why = whyOf(rule, facts, context, matches, outcome)
  return { rule: rule.id, decision: rule.decision, matches, outcome, why }
}

function whyOf(
  rule: CompiledRule,
  facts: Facts,
  context: Context,
  matches: TraceEntry['matches'],
  outcome: TraceEntry['outcome'],
): string {
  if (matches === 'holds')
    return rule.rule.conditions === undefined ? 'It has no conditions.' : 'Every condition is true.'
  if (matches === 'may_hold' && outcome === 'decided') return 'Something of the call satisfies it, or may.'
  for (const test of rule.tests.call) {
    const result = matches === 'no' ? test.wide(facts, context) : test.strict(facts, context)
    if (matches === 'no' ? result === FALSE : result !== TRUE) {
      return `${nameOf(test)}: ${callInWords(test, facts, context, result === UNKNOWN)} ${faultOf(result)}.`
    }
  }
  for (const kind of KINDS) {
    const why = whyOfKind(rule, kind, facts)
    if (why !== undefined) return why
  }
  return 'Not every condition is true.'
}

function nameOf({ condition, argument }: CallTest): string {
  return argument === undefined ? condition : `${condition} (${argument})`
}

function faultOf(result: Kleene): string {
  return result === UNKNOWN ? 'is not fully known' : 'does not fit'
}

function whyOfKind(rule: CompiledRule, kind: Kind, facts: Facts): string | undefined {
  const tests = rule.tests[kind]
  const listed = factsOf(facts, kind)
  if (tests.length === 0) {
    if (!rule.testsKinds || listed.length === 0) return undefined
    return `It leaves ${kind} untested, and the call has ${factInWords(kind, listed[0], 'within')}.`
  }
  if (listed.length === 0) return `It tests ${kind}, and the call has none.`
  for (const fact of listed) {
    for (const test of tests) {
      const result = test.strict(fact)
      if (result !== TRUE) return `${test.condition}: ${factInWords(kind, fact, 'start')} ${faultOf(result)}.`
    }
  }
  return undefined
}
