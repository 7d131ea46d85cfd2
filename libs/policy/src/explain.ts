// Why a call was decided as it was: one sentence that names the call's own fact and never the policy's lists, and,
// for those who may read the policy, the trace.
import type { CompiledRule, ToolRules } from './compile.ts'
import type { CallTest } from './conditions.ts'
import { isUnknown } from './facts.ts'
import type { Context, Facts } from './facts.ts'
import { FALSE, TRUE, UNKNOWN } from './kleene.ts'
import { KINDS, factsOf, firstMatch, holds, mayHold, satisfies } from './matching.ts'
import type { Kind } from './matching.ts'
import type { TraceEntry } from './schema.ts'
import { accessInWords, factInWords, sentence, shown, whyUnknown } from './wording.ts'

export function allowReason(rule: CompiledRule, facts: Facts): string {
  return sentence(`${subject(rule, facts)} is allowed by rule ${rule.id}`)
}

export function askReason(rule: CompiledRule, facts: Facts): string {
  const why = unsureOf(rule, facts)
  if (why !== undefined) return sentence(`${why}, and rule ${rule.id} may ask for approval`)
  return sentence(`${subject(rule, facts)} needs approval by rule ${rule.id}`)
}

export function denyReason(rule: CompiledRule, facts: Facts, context: Context): string {
  const why = unsureOf(rule, facts) ?? unsureOfCall(rule, facts, context)
  if (why !== undefined) return sentence(`${why}, and rule ${rule.id} may deny it`)
  return sentence(`${subject(rule, facts)} is denied by rule ${rule.id}`)
}

/** For the default denial: the fact that no allow rule covers. */
export function uncoveredReason(
  tool: ToolRules,
  relevant: readonly CompiledRule[],
  facts: Facts,
  context: Context,
): string {
  const name = shown(facts.tool)
  if (!tool.allows) return sentence(`${name} is not covered by any allow rule`)
  const allows = relevant.filter(({ rule }) => rule.decision === 'allow')
  const fact = uncoveredFact(allows, facts)
  if (fact !== undefined) return sentence(`${fact} is not covered by any allow rule`)
  for (const allow of allows) {
    const failed = allow.tests.call.find((test) => test.strict(facts, context) !== TRUE)
    if (failed !== undefined)
      return sentence(`${callInWords(failed, facts, context)} is not covered by any allow rule`)
  }
  return sentence(`No single allow rule covers all that this call of ${name} touches`)
}

/** With `default: allow`: what the call leaves open. */
export function unknownReason(facts: Facts, unknown: { kind: Kind | 'arguments'; fact: unknown }): string {
  const why = whyUnknown(unknown.fact)
  const what = { paths: 'paths', urls: 'URLs', accesses: 'data', arguments: 'arguments' }[unknown.kind]
  const because = why === undefined ? '' : ` (${why})`
  return sentence(
    `The ${what} of this call of ${shown(facts.tool)} are not fully known${because}, so it is not allowed`,
  )
}

function subject(rule: CompiledRule, facts: Facts): string {
  const match = firstMatch(rule, facts)
  if (match === undefined) return shown(facts.tool)
  return match.kind === 'accesses' ? accessSubject(rule, match.fact) : factInWords(match.kind, match.fact)
}

function accessSubject(rule: CompiledRule, fact: unknown): string {
  for (const test of rule.tests.accesses) {
    const member = test.member?.(fact, 'wide')
    if (member !== undefined) return accessInWords(fact, member)
  }
  return accessInWords(fact)
}

function unsureOf(rule: CompiledRule, facts: Facts): string | undefined {
  const match = firstMatch(rule, facts)
  if (match?.result !== UNKNOWN) return undefined
  const why = whyUnknown(match.fact) ?? 'it cannot be told from the call'
  return `what this call of ${shown(facts.tool)} touches is not fully known (${why})`
}

function unsureOfCall(rule: CompiledRule, facts: Facts, context: Context): string | undefined {
  const test = rule.tests.call.find((each) => each.wide(facts, context) === UNKNOWN)
  return test === undefined ? undefined : `${callInWords(test, facts, context)} cannot be judged`
}

function uncoveredFact(allows: readonly CompiledRule[], facts: Facts): string | undefined {
  if (allows.length === 0 && KINDS.every((kind) => factsOf(facts, kind).length === 0))
    return shown(facts.tool)
  for (const kind of KINDS) {
    for (const fact of factsOf(facts, kind)) {
      if (allows.some((allow) => coversFact(allow, kind, fact))) continue
      if (isUnknown(fact))
        return `what this call of ${shown(facts.tool)} touches is not known (${whyUnknown(fact)}), which`
      if (kind === 'accesses') return uncoveredAccess(allows, fact)
      return factInWords(kind, fact)
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
    const missed = tests.accesses.filter((test) => test.strict(fact) !== TRUE)
    const [only] = missed
    const member = missed.length === 1 ? only?.member?.(fact, 'strict') : undefined
    if (member !== undefined) return accessInWords(fact, member)
  }
  const why = whyUnknown(fact)
  return why === undefined ? accessInWords(fact) : `${accessInWords(fact)} (${why})`
}

/** The call's own value that a condition looked at. */
function callInWords({ condition, argument }: CallTest, facts: Facts, context: Context): string {
  if (condition === 'parameters') {
    const name = argument?.split('.')[0] ?? ''
    const isGiven = typeof facts.arguments === 'object' && Object.hasOwn(facts.arguments, name)
    return isGiven ? `the argument ${shown(name)}` : 'a call without the arguments it needs'
  }
  if (condition === 'time') return `the time of this call`
  const value = (context as Record<string, unknown>)[condition]
  const text = Array.isArray(value) ? value.filter((each) => typeof each === 'string').join(', ') : value
  return typeof text === 'string' && text !== ''
    ? `the ${condition} ${shown(text)}`
    : `a call whose ${condition} is not known`
}

/** What one rule made of the call. Says the policy's conditions by name: only for people who may read it. */
export function traceEntry(
  rule: CompiledRule,
  facts: Facts,
  context: Context,
  outcome: TraceEntry['outcome'],
): TraceEntry {
  const matches = holds(rule, facts, context) ? 'holds' : mayHold(rule, facts, context) ? 'may_hold' : 'no'
  return {
    rule: rule.id,
    decision: rule.rule.decision,
    matches,
    outcome,
    why: whyOf(rule, facts, context, matches),
  }
}

function whyOf(rule: CompiledRule, facts: Facts, context: Context, matches: TraceEntry['matches']): string {
  if (matches === 'holds')
    return rule.rule.conditions === undefined ? 'It has no conditions.' : 'Every condition is true.'
  for (const test of rule.tests.call) {
    const result = matches === 'no' ? test.wide(facts, context) : test.strict(facts, context)
    if (matches === 'no' ? result === FALSE : result !== TRUE) {
      return sentence(
        `${nameOf(test)}: ${callInWords(test, facts, context)} ${result === UNKNOWN ? 'is not known' : 'does not fit'}`,
      )
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

function whyOfKind(rule: CompiledRule, kind: Kind, facts: Facts): string | undefined {
  const tests = rule.tests[kind]
  const listed = factsOf(facts, kind)
  if (tests.length === 0) {
    const [untested] = listed
    if (!rule.testsKinds || listed.length === 0) return undefined
    return sentence(`It leaves ${kind} untested, and the call has ${factInWords(kind, untested)}`)
  }
  if (listed.length === 0) return sentence(`It tests ${kind}, and the call has none`)
  for (const fact of listed) {
    for (const test of tests) {
      const result = test.strict(fact)
      if (result === TRUE) continue
      return sentence(
        `${test.condition}: ${factInWords(kind, fact)} ${result === UNKNOWN ? 'is not fully known' : 'does not fit'}`,
      )
    }
  }
  return undefined
}
