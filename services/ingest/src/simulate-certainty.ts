// Whether a decision is certain although the record hides something of the call: whatever the hidden values were, the
// same rule decides the same. A rule that may or may not have held, had they been known, leaves two outcomes open.
import { rulesFor, type CompiledPolicy, type CompiledRule } from '@mcpshield/policy/compile'
import type { CallTest, FactTest, Tests } from '@mcpshield/policy/conditions'
import { FALSE, TRUE, UNKNOWN, type Kleene } from '@mcpshield/policy/kleene'
import { holds, mayHold } from '@mcpshield/policy/matching'
import { firstUnknown } from '@mcpshield/policy/unknown-facts'
import type { RecordedCall } from './simulate-record.ts'

export function isCertain(compiled: CompiledPolicy, call: RecordedCall): boolean {
  const { facts, hidden, hidesFacts } = call
  const tool = rulesFor(compiled, facts.method, facts.tool)
  if ('problem' in tool) return true
  const outcomes = new Outcomes()
  for (const rule of tool.all) {
    if (outcomes.several()) return false
    const turn = whatItDoes(rule, call, hidden)
    if (rule.decision === 'deny') {
      if (turn.mayHold !== 'no') outcomes.add(`deny ${rule.id}`)
      if (turn.mayHold === 'yes') return outcomes.single()
      continue
    }
    if (turn.holds !== 'no') {
      if (rule.decision === 'ask') outcomes.add(`ask ${rule.id}`)
      else outcomes.open(`allow ${rule.id}`)
    }
    if (turn.holds === 'yes') return outcomes.single()
    if (rule.decision === 'ask') outcomes.mark(`ask ${rule.id}`, turn.mayHold)
  }
  if (!compiled.allowByDefault) outcomes.add('deny default')
  else if (firstUnknown(facts) === undefined) outcomes.open('allow default')
  else if (hidesFacts) return false
  else outcomes.add('deny default')
  return outcomes.single()
}

/** How the call may be decided, so far. */
class Outcomes {
  readonly #found = new Set<string>()
  /** Asks that may have marked the call first, so that an allow becomes an ask. */
  readonly #marks: string[] = []
  #marked = false

  add(outcome: string): void {
    this.#found.add(outcome)
  }

  open(allow: string): void {
    for (const ask of this.#marks) this.add(ask)
    if (!this.#marked) this.add(allow)
  }

  mark(ask: string, sure: Answer): void {
    if (this.#marked || sure === 'no') return
    this.#marks.push(ask)
    this.#marked = sure === 'yes'
  }

  several(): boolean {
    return this.#found.size > 1
  }

  single(): boolean {
    return this.#found.size === 1
  }
}

/** `perhaps`: it depends on what is hidden. */
type Answer = 'yes' | 'no' | 'perhaps'

function whatItDoes(
  rule: CompiledRule,
  { facts, context }: RecordedCall,
  hidden: ReadonlySet<object>,
): { holds: Answer; mayHold: Answer } {
  // What is unknown can only keep a rule from holding, and a rule from not holding even perhaps.
  if (!mayHold(rule, facts, context)) return { holds: 'no', mayHold: 'no' }
  const revealed = { ...rule, tests: revealing(rule.tests, hidden) }
  return {
    mayHold: mayHold(revealed, facts, context) ? 'yes' : 'perhaps',
    holds: holds(rule, facts, context) ? 'yes' : holds(revealed, facts, context) ? 'perhaps' : 'no',
  }
}

/** Tests as if what is hidden were as the rule would have it to hold, and as it would have it to be ruled out. */
function revealing({ paths, urls, accesses, call }: Tests, hidden: ReadonlySet<object>): Tests {
  const known = (fact: unknown, answer: Kleene, otherwise: Kleene) =>
    answer === UNKNOWN && hidden.has(fact as object) ? otherwise : answer
  const ofFact = (test: FactTest): FactTest => ({
    ...test,
    strict: (fact) => known(fact, test.strict(fact), TRUE),
    wide: (fact) => known(fact, test.wide(fact), FALSE),
  })
  const ofCall = (test: CallTest): CallTest => ({
    ...test,
    strict: (facts, context) => known(valueOf(test, facts, context), test.strict(facts, context), TRUE),
    wide: (facts, context) => known(valueOf(test, facts, context), test.wide(facts, context), FALSE),
  })
  return {
    paths: paths.map(ofFact),
    urls: urls.map(ofFact),
    accesses: accesses.map(ofFact),
    call: call.map(ofCall),
  }
}

/** What a condition on the call looks at. */
function valueOf({ condition }: CallTest, ...[facts, context]: Parameters<CallTest['strict']>): unknown {
  return condition === 'parameters' ? facts.arguments : (context as Record<string, unknown>)[condition]
}
