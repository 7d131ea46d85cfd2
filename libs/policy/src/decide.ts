// The decision: a pure function of the policy, the call's facts and its context. Top to bottom, the first rule that
// decides, decides. Nothing here reads a clock, a file or chance.
import { rulesFor } from './compile.ts'
import type { CompiledPolicy, CompiledRule, ToolRules } from './compile.ts'
import { allowReason, askReason, denyReason, uncoveredReason, unknownReason } from './explain.ts'
import type { Context, Facts } from './facts.ts'
import { holds, mayHold } from './matching.ts'
import { NO_OBLIGATIONS, addUp } from './obligations.ts'
import { placedRules } from './rule-index.ts'
import type { Decision, Obligations, TraceEntry } from './schema.ts'
import { traceEntry } from './trace.ts'
import { firstUnknown } from './unknown-facts.ts'

export type DecideOptions = {
  /** Adds what every rule of the tool made of the call. Only for people who may read the policy. */
  trace?: boolean
}

type Note = (rule: CompiledRule, outcome: TraceEntry['outcome']) => void

/** Decides one call. An error while evaluating denies and says so; it never skips a rule. */
export function decide(
  compiled: CompiledPolicy,
  facts: Facts,
  context: Context,
  options: DecideOptions = {},
): Decision {
  const trace: TraceEntry[] = []
  const note: Note | undefined = options.trace
    ? (rule, outcome) => trace.push(traceEntry(rule, facts, context, outcome))
    : undefined
  const decision = decideOrDeny(compiled, facts, context, note)
  return note === undefined ? decision : { ...decision, trace }
}

function decideOrDeny(
  compiled: CompiledPolicy,
  facts: Facts,
  context: Context,
  note: Note | undefined,
): Decision {
  try {
    const tool = rulesFor(compiled, facts.method, facts.tool)
    if ('problem' in tool) return denial('default', tool.problem)
    return firstDecision(compiled, tool, facts, context, note)
  } catch (error) {
    const message = error instanceof Error ? error.message : 'unexpected error'
    return denial('default', `The policy could not be evaluated for this call (${message}), so it is denied.`)
  }
}

function firstDecision(
  compiled: CompiledPolicy,
  tool: ToolRules,
  facts: Facts,
  context: Context,
  note: Note | undefined,
): Decision {
  const relevant = relevantRules(tool, facts)
  const rules = note === undefined ? relevant : tool.all
  // Rules whose obligations the call owes, in order.
  const owed: CompiledRule[] = []
  let mark: CompiledRule | undefined
  for (const rule of rules) {
    const word = rule.decision
    if (word === 'deny') {
      if (mayHold(rule, facts, context)) {
        note?.(rule, 'decided')
        return denial(rule.id, denyReason(rule, facts, context))
      }
    } else if (holds(rule, facts, context)) {
      note?.(rule, 'decided')
      owed.push(rule)
      if (word === 'ask') {
        addThoseBelow(rules, rule, owed, facts, context, note)
        return asked(compiled, rule, owed, facts, context)
      }
      if (mark !== undefined) return asked(compiled, mark, owed, facts, context)
      return decided('allow', rule.id, allowReason(rule, facts), sumOf(compiled, owed))
    } else if (rule.obligations !== null && mayHold(rule, facts, context)) {
      // Every ask rule has obligations: the time it waits.
      note?.(rule, word === 'ask' ? 'marked' : 'added')
      owed.push(rule)
      if (word === 'ask') mark ??= rule
      continue
    }
    note?.(rule, 'passed')
  }
  if (!compiled.allowByDefault) return denial('default', uncoveredReason(tool, relevant, facts, context))
  const unknown = firstUnknown(facts)
  if (unknown !== undefined) return denial('default', unknownReason(facts, unknown))
  if (mark !== undefined) return asked(compiled, mark, owed, facts, context)
  return decided(
    'allow',
    'default',
    'No rule decides this call, and the policy allows by default.',
    sumOf(compiled, owed),
  )
}

/** Below an ask that decides: what an approved call would still owe, up to the first allow that holds. */
function addThoseBelow(
  rules: readonly CompiledRule[],
  asking: CompiledRule,
  owed: CompiledRule[],
  facts: Facts,
  context: Context,
  note: Note | undefined,
): void {
  for (const rule of rules) {
    if (rule.index <= asking.index || rule.decision === 'deny') continue
    const isOwed = rule.obligations !== null && mayHold(rule, facts, context)
    if (isOwed) owed.push(rule)
    note?.(rule, isOwed ? 'added' : 'passed')
    if (rule.decision === 'allow' && holds(rule, facts, context)) return
  }
}

/** The rules that can speak about the call, in order. */
function relevantRules({ all, index }: ToolRules, facts: Facts): readonly CompiledRule[] {
  if (index === null) return all
  const placed = placedRules(index, facts)
  if (placed === null) return all
  if (index.rest.length === 0) return placed
  return placed.length === 0 ? index.rest : merge(placed, index.rest)
}

function merge(a: readonly CompiledRule[], b: readonly CompiledRule[]): CompiledRule[] {
  const merged: CompiledRule[] = []
  let i = 0
  for (const rule of b) {
    for (let next = a[i]; next !== undefined && next.index < rule.index; next = a[++i]) merged.push(next)
    merged.push(rule)
  }
  for (let next = a[i]; next !== undefined; next = a[++i]) merged.push(next)
  return merged
}

const MAX_KNOWN_SUMS = 10_000

function sumOf(compiled: CompiledPolicy, owed: readonly CompiledRule[]): Obligations {
  const [only] = owed
  if (owed.length === 1) return only?.obligations ?? NO_OBLIGATIONS
  if (owed.length === 0) return NO_OBLIGATIONS
  const key = owed.map((rule) => rule.index).join()
  const known = compiled.sums.get(key)
  if (known !== undefined) return known
  const sum = addUp(owed.flatMap((rule) => rule.obligations ?? []))
  if (compiled.sums.size >= MAX_KNOWN_SUMS) compiled.sums.clear()
  compiled.sums.set(key, sum)
  return sum
}

function asked(
  compiled: CompiledPolicy,
  rule: CompiledRule,
  owed: readonly CompiledRule[],
  facts: Facts,
  context: Context,
): Decision {
  return decided('ask', rule.id, askReason(rule, facts, context), sumOf(compiled, owed))
}

/** A denial owes nothing: nothing of the call goes through. */
function denial(rule: string, reason: string): Decision {
  return decided('deny', rule, reason, NO_OBLIGATIONS)
}

function decided(
  decision: Decision['decision'],
  rule: string,
  reason: string,
  obligations: Obligations,
): Decision {
  return { decision, rule, reason, obligations }
}
