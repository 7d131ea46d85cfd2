// Why a call was decided as it was: one sentence that names the call's own fact and never the policy's lists.
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

export function askReason(rule: CompiledRule, facts: Facts): string {
  const match = firstMatch(rule, facts)
  if (match?.result === UNKNOWN)
    return `${notKnown(facts, match.fact)}, and rule ${rule.id} may ask for approval.`
  return `${matchInWords(rule, facts, match)} needs approval by rule ${rule.id}.`
}

export function denyReason(rule: CompiledRule, facts: Facts, context: Context): string {
  const match = firstMatch(rule, facts)
  if (match?.result === UNKNOWN) return `${notKnown(facts, match.fact)}, and rule ${rule.id} may deny it.`
  const unsure = rule.tests.call.find((test) => test.wide(facts, context) === UNKNOWN)
  if (unsure !== undefined) {
    return `${callInWords(unsure, facts, context)} cannot be judged, and rule ${rule.id} may deny it.`
  }
  return `${matchInWords(rule, facts, match)} is denied by rule ${rule.id}.`
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
  const uncovered = uncoveredFact(allows, facts)
  if (uncovered !== undefined) return uncovered
  for (const allow of allows) {
    const failed = allow.tests.call.find((test) => test.strict(facts, context) !== TRUE)
    if (failed !== undefined)
      return `${callInWords(failed, facts, context)} is not covered by any allow rule.`
  }
  return allows.length === 0
    ? `This call of ${shown(facts.tool)} is not covered by any allow rule.`
    : `No single allow rule covers all that this call of ${shown(facts.tool)} touches.`
}

/** With `default: allow`: what the call leaves open. */
export function unknownReason(facts: Facts, unknown: { kind: Kind | 'arguments'; fact: unknown }): string {
  return `${notKnown(facts, unknown.fact)}, so it is not allowed.`
}

function notKnown(facts: Facts, fact: unknown): string {
  const why = whyUnknown(fact)
  return `What this call of ${shown(facts.tool)} touches is not fully known${why === undefined ? '' : ` (${why})`}`
}

/** The first fact the rule looks at, of a call all of whose facts it covers. */
function subject(rule: CompiledRule, facts: Facts): string {
  for (const kind of KINDS) {
    if (rule.tests[kind].length > 0) return factInWords(kind, factsOf(facts, kind)[0], 'start')
  }
  return shown(facts.tool)
}

function matchInWords(rule: CompiledRule, facts: Facts, match: ReturnType<typeof firstMatch>): string {
  if (match === undefined) return shown(facts.tool)
  if (match.kind !== 'accesses') return factInWords(match.kind, match.fact, 'start')
  for (const test of rule.tests.accesses) {
    const member = test.member?.(match.fact, 'wide')
    if (member !== undefined) return accessInWords(match.fact, 'start', member)
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

/** Names the field or function where it is all that an allow rule misses. */
function uncoveredAccess(allows: readonly CompiledRule[], fact: unknown): string {
  for (const { tests } of allows) {
    const [missed, ...others] = tests.accesses.filter((test) => test.strict(fact) !== TRUE)
    const member = others.length === 0 ? missed?.member?.(fact, 'strict') : undefined
    if (member !== undefined) return accessInWords(fact, 'start', member)
  }
  return accessInWords(fact, 'start')
}

/** The call's own value that a condition looked at, to begin a sentence. */
export function callInWords({ condition, argument }: CallTest, facts: Facts, context: Context): string {
  if (condition === 'parameters') {
    const name = argument?.split('.')[0] ?? ''
    const isGiven = typeof facts.arguments === 'object' && Object.hasOwn(facts.arguments, name)
    return isGiven ? `The argument ${shown(name)}` : 'A call without the arguments it needs'
  }
  if (condition === 'time') return 'The time of this call'
  const value = (context as Record<string, unknown>)[condition]
  const text = Array.isArray(value) ? value.filter((each) => typeof each === 'string').join(', ') : value
  return typeof text === 'string' && text !== ''
    ? `The ${condition} ${shown(text)}`
    : `A call whose ${condition} is not known`
}
