// When a rule holds, and when it may hold (the language's truth table; see README.md).
import type { CompiledRule } from './compile.ts'
import type { FactTest, Tests } from './conditions.ts'
import type { Context, Facts } from './facts.ts'
import { FALSE, TRUE, UNKNOWN, and } from './kleene.ts'
import type { Kleene } from './kleene.ts'

/**
 * Every fact of each kind the rule tests satisfies it, and there is at least one; the call has no facts of the kinds
 * it leaves untested, if it tests any; every other condition is true.
 */
export function holds(rule: CompiledRule, facts: Facts, context: Context): boolean {
  const { tests } = rule
  if (rule.testsKinds) {
    if (!kindHolds(tests.paths, facts.paths)) return false
    if (!kindHolds(tests.urls, facts.urls)) return false
    if (!kindHolds(tests.accesses, facts.accesses)) return false
  }
  for (const test of tests.call) if (test.strict(facts, context) !== TRUE) return false
  return true
}

/** For each kind tested at least one fact satisfies the rule or is unknown, and no other condition is false. */
export function mayHold(rule: CompiledRule, facts: Facts, context: Context): boolean {
  const { tests } = rule
  if (rule.testsKinds) {
    if (tests.paths.length > 0 && !kindMayHold(tests.paths, facts.paths)) return false
    if (tests.urls.length > 0 && !kindMayHold(tests.urls, facts.urls)) return false
    if (tests.accesses.length > 0 && !kindMayHold(tests.accesses, facts.accesses)) return false
  }
  for (const test of tests.call) if (test.wide(facts, context) === FALSE) return false
  return true
}

function kindHolds(tests: readonly FactTest[], facts: unknown): boolean {
  if (!Array.isArray(facts)) return false
  if (tests.length === 0) return facts.length === 0
  if (facts.length === 0) return false
  for (let i = 0; i < facts.length; i++) {
    if (satisfies(tests, facts[i], 'strict') !== TRUE) return false
  }
  return true
}

function kindMayHold(tests: readonly FactTest[], facts: unknown): boolean {
  if (!Array.isArray(facts)) return true
  for (let i = 0; i < facts.length; i++) {
    if (satisfies(tests, facts[i], 'wide') !== FALSE) return true
  }
  return false
}

/** All tests of one kind together on one fact. */
export function satisfies(tests: readonly FactTest[], fact: unknown, reading: 'strict' | 'wide'): Kleene {
  let result: Kleene = TRUE
  for (let i = 0; i < tests.length; i++) {
    const test = tests[i] as FactTest
    result = and(result, reading === 'strict' ? test.strict(fact) : test.wide(fact))
    if (result === FALSE) return FALSE
  }
  return result
}

export const KINDS = ['paths', 'urls', 'accesses'] as const satisfies readonly (keyof Facts & keyof Tests)[]
export type Kind = (typeof KINDS)[number]

/** The facts of a kind; of a kind that is not known as a whole, that one unknown fact. */
export function factsOf(facts: Facts, kind: Kind): readonly unknown[] {
  const listed: unknown = facts[kind]
  return Array.isArray(listed) ? (listed as unknown[]) : [listed]
}

/** The call's facts that satisfy the rule, or cannot be told not to, with how sure that is. */
export function firstMatch(
  rule: CompiledRule,
  facts: Facts,
): { kind: Kind; fact: unknown; result: Kleene } | undefined {
  let unsure: { kind: Kind; fact: unknown; result: Kleene } | undefined
  for (const kind of KINDS) {
    const tests = rule.tests[kind]
    if (tests.length === 0) continue
    for (const fact of factsOf(facts, kind)) {
      const result = satisfies(tests, fact, 'wide')
      if (result === TRUE) return { kind, fact, result }
      if (result === UNKNOWN) unsure ??= { kind, fact, result }
    }
  }
  return unsure
}
