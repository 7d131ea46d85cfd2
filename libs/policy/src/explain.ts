// Why a call was decided as it was: one sentence that names the call's own fact and never the policy's lists.
import { callInWords, circumstanceInWords } from './call-wording.ts'
import type { CompiledRule, ToolRules } from './compile.ts'
import type { CallTest } from './conditions.ts'
import type { Context, Facts } from './facts.ts'
import { TRUE, UNKNOWN } from './kleene.ts'
import { KINDS, factsOf, firstMatch, satisfies } from './matching.ts'
import type { Kind } from './matching.ts'
import { accessInWords, factInWords, shown, whyUnknown } from './wording.ts'

export function allowReason(rule: CompiledRule, facts: Facts): string {
  return `${subject(rule, facts)} is allowed by rule ${rule.id}.`
}

export function askReason(rule: CompiledRule, facts: Facts, context: Context): string {
  const unsure = unsureOf(rule, facts, context)
  if (unsure !== undefined) return `${unsure}, and rule ${rule.id} may ask for approval.`
  return `${matchInWords(rule, facts, context)} needs approval by rule ${rule.id}.`
}

export function denyReason(rule: CompiledRule, facts: Facts, context: Context): string {
  const unsure = unsureOf(rule, facts, context)
  if (unsure !== undefined) return `${unsure}, and rule ${rule.id} may deny it.`
  return `${matchInWords(rule, facts, context)} is denied by rule ${rule.id}.`
}

/** For the default denial: the fact that no allow rule covers. */
export function uncoveredReason(
  tool: ToolRules,
  relevant: readonly CompiledRule[],
  facts: Facts,
  context: Context,
): string {
  if (!tool.allows) return `${shown(facts.tool)} is not covered by any allow rule.`
  const allows = relevant.filter(({ decision }) => decision === 'allow')
  const uncovered = uncoveredFact(allows, facts) ?? uncoveredCircumstance(allows, facts, context)
  if (uncovered !== undefined) return uncovered
  const touched = touchedInWords(facts)
  if (allows.length === 0 || touched.length === 0) {
    return `This call of ${shown(facts.tool)} is not covered by any allow rule.`
  }
  const [only, ...others] = touched
  const all = others.length === 0 ? only : `${only} and ${others.join(' and ')}`
  return `No single allow rule covers all that this call of ${shown(facts.tool)} touches: ${all}.`
}

/** With `default: allow`: what the call leaves open. */
export function unknownReason(facts: Facts, unknown: { kind: Kind | 'arguments'; fact: unknown }): string {
  return `${notKnown(facts, unknown.fact)}, so it is not allowed.`
}

/** What of the call a rule that may hold cannot judge, if anything. */
function unsureOf(rule: CompiledRule, facts: Facts, context: Context): string | undefined {
  const match = firstMatch(rule, facts)
  if (match?.result === UNKNOWN) return notKnown(facts, match.fact)
  const unsure = rule.tests.call.find((test) => test.wide(facts, context) === UNKNOWN)
  return unsure === undefined ? undefined : `${callInWords(unsure, facts, context, true)} cannot be judged`
}

function notKnown(facts: Facts, fact: unknown): string {
  const why = whyUnknown(fact)
  const { resource } = (fact ?? {}) as { resource?: unknown }
  const what =
    typeof resource === 'string'
      ? accessInWords(fact, 'start')
      : `What this call of ${shown(facts.tool)} touches`
  return `${what} is not fully known${why === undefined ? '' : ` (${why})`}`
}

/** The first fact the rule looks at, of a call all of whose facts it covers. */
function subject(rule: CompiledRule, facts: Facts): string {
  for (const kind of KINDS) {
    if (rule.tests[kind].length > 0) return factInWords(kind, factsOf(facts, kind)[0], 'start')
  }
  return shown(facts.tool)
}

/** What of the call a rule that may hold speaks of, and under which circumstance. */
function matchInWords(rule: CompiledRule, facts: Facts, context: Context): string {
  const [first] = rule.tests.call
  const circumstance = first === undefined ? '' : circumstanceInWords(first, facts, context)
  return matchedFact(rule, facts) + circumstance
}

function matchedFact(rule: CompiledRule, facts: Facts): string {
  const match = firstMatch(rule, facts)
  if (match === undefined) return shown(facts.tool)
  if (match.kind !== 'accesses') return factInWords(match.kind, match.fact, 'start')
  for (const test of rule.tests.accesses) {
    const member = test.member?.(match.fact, 'wide')
    if (member !== undefined) return accessInWords(match.fact, 'start', { member })
  }
  return accessInWords(match.fact, 'start')
}

function uncoveredFact(allows: readonly CompiledRule[], facts: Facts): string | undefined {
  for (const kind of KINDS) {
    for (const fact of factsOf(facts, kind)) {
      if (allows.some((allow) => coversFact(allow, kind, fact))) continue
      const why = whyUnknown(fact)
      if (why !== undefined) return `${notKnown(facts, fact)}, and is not covered by any allow rule.`
      const words = kind === 'accesses' ? uncoveredAccess(allows, fact) : factInWords(kind, fact, 'start')
      return `${words} is not covered by any allow rule.`
    }
  }
  return undefined
}

function coversFact(allow: CompiledRule, kind: Kind, fact: unknown): boolean {
  if (!allow.testsKinds) return true
  const tests = allow.tests[kind]
  return tests.length > 0 && satisfies(tests, fact, 'strict') === TRUE
}

/** Of the rules that cover all that the call touches, what the first one misses; else of the first rule. */
function uncoveredCircumstance(
  allows: readonly CompiledRule[],
  facts: Facts,
  context: Context,
): string | undefined {
  const fails = (test: CallTest) => test.strict(facts, context) !== TRUE
  const covering = allows.filter((allow) =>
    KINDS.every((kind) => factsOf(facts, kind).every((fact) => coversFact(allow, kind, fact))),
  )
  for (const { tests } of covering.length > 0 ? covering : allows) {
    const failed = tests.call.find(fails)
    if (failed === undefined) continue
    const unsure = failed.strict(facts, context) === UNKNOWN
    return `${callInWords(failed, facts, context, unsure)} is not covered by any allow rule.`
  }
  return undefined
}

/** Names the field or function, or the connection, where it is all that an allow rule misses. */
function uncoveredAccess(allows: readonly CompiledRule[], fact: unknown): string {
  for (const { tests } of allows) {
    const [missed, ...others] = tests.accesses.filter((test) => test.strict(fact) !== TRUE)
    if (others.length > 0) continue
    if (missed?.condition === 'connection') return accessInWords(fact, 'start', { connection: true })
    const member = missed?.member?.(fact, 'strict')
    if (member !== undefined) return accessInWords(fact, 'start', { member })
  }
  return accessInWords(fact, 'start')
}

const MAX_TOUCHED = 3

function touchedInWords(facts: Facts): string[] {
  const words = KINDS.flatMap((kind) =>
    factsOf(facts, kind)
      .slice(0, MAX_TOUCHED)
      .map((fact) => factInWords(kind, fact, 'within')),
  )
  const named = [...new Set(words)]
  return named.length > MAX_TOUCHED ? [...named.slice(0, MAX_TOUCHED - 1), 'more'] : named
}
