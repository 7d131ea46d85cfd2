// What a policy opens that another one does not, as far as the documents show it: complete, and therefore cautious. Every
// call that is decided higher by the second policy (deny < ask < allow), or owes less, is of one of the openings
// listed; one may be listed though no call of it exists. Reads the documents alone, so it holds for calls nobody thought of.
//
// Why it is complete. A call that an allow rule R decides is lower in the first policy only when no allow rule there holds
// for it (R is new or wider), or when one does and a rule that denies or asks stood above that and may hold, and has
// no counterpart above R (order). The same goes for ask rules and denials, and for the default.
import { areApart } from './apart.ts'
import { ORGANIZATION_PREFIX } from './compile.ts'
import { holdsToo, mayHoldToo } from './implication.ts'
import type { Budget } from './implication.ts'
import { keepsOwed, owedOf } from './owed.ts'
import type { Owed } from './owed.ts'
import { patternsOf } from './parameters.ts'
import { unitsTestedBy } from './patterns.ts'
import { ruleId } from './schema.ts'
import type { Policy, Rule } from './schema.ts'
import { coversPart, coversSpot, speaks, spotsOf } from './spots.ts'
import type { Spot } from './spots.ts'

/** A project's policy, and the organisation's above it. */
export type Documents = { policy: Policy; above?: Policy | undefined }

export type NamedRule = { id: string; rule: Rule; index: number }

export type Opening = { spots: Spot[] } & (
  | { kind: 'rule'; to: 'allow' | 'ask'; rule: NamedRule }
  /** `blocker` stood above what `rule` opens, or kept the default from opening it. */
  | { kind: 'order'; to: 'allow' | 'ask'; rule: NamedRule | null; blocker: NamedRule }
  | { kind: 'default'; to: 'allow' }
  /** `rule` is the first policy's, which brought what is owed. */
  | { kind: 'owed'; rule: NamedRule; owed: Owed }
  /** Facts of these tools are drawn otherwise: what was known of their calls may be another thing now. */
  | { kind: 'facts'; pattern: string }
)

/** `complete` is false where there was too much to compare: then the list says nothing. */
export type Openings = { openings: Opening[]; complete: boolean }

const BUDGET = 20_000_000
const EVERYWHERE: Spot = { tool: '*', method: '*' }

type Side = { allowByDefault: boolean; rules: readonly NamedRule[]; patternUnits: number; policy: Policy }
type Comparison = { was: Side; is: Side; budget: Budget }

/** What `after` opens and `before` does not. */
export function openingsOf(before: Documents, after: Documents): Openings {
  const budget = { left: BUDGET }
  const compared: Comparison = { was: sideOf(before), is: sideOf(after), budget }
  const openings: Opening[] = []
  for (const part of [factOpenings, defaultOpenings, ruleOpenings, owedOpenings]) {
    openings.push(...part(compared))
    if (budget.left <= 0) return { openings: [], complete: false }
  }
  return { openings, complete: true }
}

function sideOf({ policy, above }: Documents): Side {
  const named = [
    ...(above?.rules ?? []).map((rule, i) => ({ rule, id: ORGANIZATION_PREFIX + ruleId(rule, i) })),
    ...(policy.rules ?? []).map((rule, i) => ({ rule, id: ruleId(rule, i) })),
  ].map((each, index) => ({ ...each, index }))
  const patterns = named.flatMap(({ rule }) => patternsOfRule(rule))
  return {
    allowByDefault: policy.default === 'allow',
    rules: named,
    patternUnits: unitsTestedBy(patterns),
    policy,
  }
}

function patternsOfRule({ conditions }: Rule): string[] {
  return Object.values(conditions?.parameters ?? {}).flatMap(patternsOf)
}

function factOpenings({ was, is }: Comparison): Opening[] {
  const [before, after] = [was.policy.facts ?? {}, is.policy.facts ?? {}]
  const patterns = new Set([...Object.keys(before), ...Object.keys(after)])
  const of = (section: typeof before, pattern: string) =>
    Object.hasOwn(section, pattern) ? JSON.stringify(section[pattern]) : undefined
  return [...patterns]
    .filter((pattern) => of(before, pattern) !== of(after, pattern))
    .map((pattern) => ({ kind: 'facts', pattern, spots: [{ tool: pattern, method: '*' }] }))
}

function defaultOpenings(compared: Comparison): Opening[] {
  const { was, is } = compared
  if (!is.allowByDefault) return []
  if (!was.allowByDefault) return [{ kind: 'default', to: 'allow', spots: [EVERYWHERE] }]
  return was.rules
    .filter(({ rule }) => rule.decision !== 'allow')
    .flatMap((blocker) =>
      gathered(
        spotsOf(blocker.rule).map((spot) => ({ spot, left: leftOf(compared, blocker, is.rules, spot) })),
      ).map(({ to, spots }) => ({ kind: 'order', to, rule: null, blocker, spots })),
    )
}

function ruleOpenings(compared: Comparison): Opening[] {
  const openings: Opening[] = []
  for (const rule of compared.is.rules) {
    if (rule.rule.decision === 'deny') continue
    const found = spotsOf(rule.rule).map((spot) => ({ spot, ...openedAt(compared, rule, spot) }))
    const fresh = found.filter(({ covered }) => !covered).map(({ spot }) => spot)
    if (fresh.length > 0) openings.push({ kind: 'rule', to: rule.rule.decision, rule, spots: fresh })
    const blockers = new Set(found.flatMap(({ unblocked }) => unblocked.map(({ blocker }) => blocker)))
    for (const blocker of blockers) {
      const at = found.flatMap(({ spot, unblocked }) =>
        unblocked.filter((each) => each.blocker === blocker).map(({ left }) => ({ spot, left })),
      )
      for (const { to, spots } of gathered(at)) openings.push({ kind: 'order', to, rule, blocker, spots })
    }
    if (compared.budget.left <= 0) break
  }
  return openings
}

/** What is left of a rule that stood in the way: `all` of it, only a question in place of a denial, or nothing. */
type Left = 'all' | 'question' | 'nothing'
type Unblocked = { blocker: NamedRule; left: Left }

/** Whether rules of the first policy open as much, and which of those above them stand in the way no more. */
function openedAt(
  compared: Comparison,
  opening: NamedRule,
  spot: Spot,
): { covered: boolean; unblocked: Unblocked[] } {
  const { was, budget } = compared
  let best: Unblocked[] | undefined
  for (const other of was.rules) {
    if (best?.length === 0 || budget.left <= 0) break
    if (other.rule.decision === 'deny') continue
    if (opening.rule.decision === 'allow' && other.rule.decision !== 'allow') continue
    if (!coversSpot(other.rule, spot, budget) || !impliesHolds(compared, other.rule, opening.rule)) continue
    const unblocked = unblockedAbove(compared, other, opening, spot)
    if (best === undefined || weight(unblocked) < weight(best)) best = unblocked
  }
  return { covered: best !== undefined, unblocked: best ?? [] }
}

const weight = (unblocked: readonly Unblocked[]) =>
  unblocked.reduce((sum, { left }) => sum + (left === 'nothing' ? 1_000 : 1), 0)

function unblockedAbove(compared: Comparison, other: NamedRule, opening: NamedRule, spot: Spot): Unblocked[] {
  const { was, is, budget } = compared
  const above = is.rules.slice(0, opening.index)
  const found: Unblocked[] = []
  for (const blocker of was.rules.slice(0, other.index)) {
    const { decision } = blocker.rule
    if (decision === 'allow' || (decision === 'ask' && opening.rule.decision === 'ask')) continue
    if (!speaks(blocker.rule, spot, budget) || areApart(opening.rule, blocker.rule, budget)) continue
    const left = leftOf(compared, blocker, above, spot)
    if (left === 'all') continue
    // An ask rule opens no more than a question, whatever is left.
    found.push({ blocker, left: opening.rule.decision === 'ask' ? 'question' : left })
  }
  return found
}

/** What the rules given still keep of what the blocker kept at that spot. */
function leftOf(compared: Comparison, blocker: NamedRule, rules: readonly NamedRule[], spot: Spot): Left {
  let left: Left = 'nothing'
  for (const other of rules) {
    if (compared.budget.left <= 0) break
    const { decision } = other.rule
    if (decision === 'allow' || (left === 'question' && decision === 'ask')) continue
    if (!coversPart(other.rule, blocker.rule, spot, compared.budget)) continue
    if (!impliesMayHold(compared, other.rule, blocker.rule)) continue
    if (decision === 'deny' || blocker.rule.decision === 'ask') return 'all'
    left = 'question'
  }
  return left
}

function gathered(found: { spot: Spot; left: Left }[]): { to: 'allow' | 'ask'; spots: Spot[] }[] {
  const at = (left: Left) => found.filter((each) => each.left === left).map(({ spot }) => spot)
  const groups = [
    { to: 'allow' as const, spots: at('nothing') },
    { to: 'ask' as const, spots: at('question') },
  ]
  return groups.filter(({ spots }) => spots.length > 0)
}

function owedOpenings(compared: Comparison): Opening[] {
  return compared.was.rules.flatMap((rule) =>
    owedOf(rule.rule).flatMap((owed): Opening[] => {
      const spots = spotsOf(rule.rule).filter((spot) => isDropped(compared, rule, owed, spot))
      return spots.length === 0 ? [] : [{ kind: 'owed', rule, owed, spots }]
    }),
  )
}

/**
 * A call owes what every allow or ask rule brings that may hold, up to and with the first allow rule that holds. So it
 * is still owed where such a rule brings as much, and no allow rule above that ends the search earlier than before.
 */
function isDropped(compared: Comparison, rule: NamedRule, owed: Owed, spot: Spot): boolean {
  const { is, budget } = compared
  const goesThrough =
    is.allowByDefault ||
    is.rules.some(
      (each) =>
        each.rule.decision !== 'deny' &&
        speaks(each.rule, spot, budget) &&
        !areApart(each.rule, rule.rule, budget),
    )
  if (!goesThrough) return false
  return !is.rules.some(
    (each) =>
      keepsOwed(each.rule, owed) &&
      coversSpot(each.rule, spot, budget) &&
      impliesMayHold(compared, each.rule, rule.rule) &&
      !endsEarlier(compared, each, rule, spot),
  )
}

function endsEarlier(compared: Comparison, keeper: NamedRule, rule: NamedRule, spot: Spot): boolean {
  const { was, is, budget } = compared
  const before = was.rules.slice(0, rule.index).filter((each) => each.rule.decision === 'allow')
  return is.rules
    .slice(0, keeper.index)
    .some(
      (ends) =>
        ends.rule.decision === 'allow' &&
        speaks(ends.rule, spot, budget) &&
        !areApart(ends.rule, rule.rule, budget) &&
        !before.some(
          (each) =>
            coversPart(each.rule, ends.rule, spot, budget) && impliesHolds(compared, each.rule, ends.rule),
        ),
    )
}

/** Of rules of the two policies. How long a text patterns are held against depends on all patterns of a policy. */
function impliesHolds(compared: Comparison, outer: Rule, inner: Rule): boolean {
  return samePatterns(compared, outer, inner) && holdsToo(outer, inner, compared.budget)
}

function impliesMayHold(compared: Comparison, outer: Rule, inner: Rule): boolean {
  if (!samePatterns(compared, outer, inner)) return false
  const implied = mayHoldToo(outer, inner, compared.budget)
  return implied === 'yes' || (implied === 'but_empty' && isAsEmpty(outer, inner))
}

/** Of what touches no stored data, or names no field, rules that deny and rules that ask say nearly the same. */
function isAsEmpty({ decision, conditions = {} }: Rule, inner: Rule): boolean {
  if (decision === 'ask') return inner.decision === 'deny'
  const namesMembers = conditions.fields !== undefined || conditions.functions !== undefined
  return decision === 'deny' && inner.decision === 'ask' && !namesMembers
}

function samePatterns({ was, is }: Comparison, ...rules: Rule[]): boolean {
  return was.patternUnits === is.patternUnits || rules.every((rule) => patternsOfRule(rule).length === 0)
}
