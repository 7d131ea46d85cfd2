// A text that somebody proposes, disposed of by code alone: checked as saving checks it, its tests run, told in plain words, and
// compared with what is in force. Model and templates come through here; nothing is saved.
import type { Draft, DraftTest } from '@mcpshield/contracts/ai'
import { drawFacts } from '@mcpshield/facts/draw'
import { drawOptions, type Systems } from '@mcpshield/pdp/draw-options'
import { compile } from '@mcpshield/policy/compile'
import { decide } from '@mcpshield/policy/decide'
import type { Facts } from '@mcpshield/policy/facts'
import { parsePolicy } from '@mcpshield/policy/parse'
import { policyChanges, type Change, type Changes } from '@mcpshield/policy/policy-changes'
import { probesOf } from '@mcpshield/policy/probes'
import { policyInWords } from '@mcpshield/policy/rule-wording'
import { runPolicyTests, type TestCall } from '@mcpshield/policy/run-tests'
import { ruleId, type DecisionWord, type Policy, type PolicyTest } from '@mcpshield/policy/schema'
import { knownSystems, touchable, type Knowledge } from './knowledge.ts'
import type { ComposedTest } from './compose.ts'
import { diffOf } from './text-diff.ts'
import { typicalCalls } from './typical-calls.ts'

export type Disposed = {
  text: string
  /** What the draft began from. */
  base: string
  source: Draft['source']
  attempts: number
  /** What saving says of the text. */
  diagnostics: Draft['problems']
}

const TESTS_WITHIN_MS = 2_000
const MAX_SHOWN_TESTS = 100
/** Changes of a draft together; an event has to fit into a message of the bus. */
const MAX_CHANGES = 300
const MAX_SUMMARY = 200

export function draftOf(
  { text, base, source, attempts, diagnostics }: Disposed,
  knowledge: Knowledge,
): Draft {
  const valid = !diagnostics.some(({ severity }) => severity === 'error')
  const { policy } = parsePolicy(text)
  const common = { policy: text, problems: diagnostics, diff: diffOf(base, text), attempts, source }
  if (policy === undefined) {
    const nothing = { summary: [], newly_allowed: [], newly_asked: [], newly_denied: [], tests: [] }
    return { ...common, ...nothing, valid: false, compared: false }
  }
  const { inForce } = knowledge
  const probes = probesOf([inForce.policy, ...(inForce.above === undefined ? [] : [inForce.above]), policy], {
    tools: knowledge.tools.map(({ name }) => name),
    resources: touchable(knowledge).map(({ name }) => name),
    connections: knowledge.systems.connections.map(({ name }) => name),
    context: { environment: knowledge.environment },
  })
  const changes = readable(policyChanges(inForce, { policy, above: inForce.above }, probes))
  return {
    ...common,
    valid,
    summary: summaryOf(policy),
    newly_allowed: changes.newly_allowed.map(shownChange),
    newly_asked: changes.newly_asked.map(shownChange),
    newly_denied: changes.newly_denied.map(shownChange),
    compared: changes.complete,
    tests: testsOf(policy, knowledge.systems),
  }
}

/** More than anybody reads is as good as not compared, and is said to be so. */
function readable(changes: Changes): Changes {
  const { newly_allowed, newly_asked, newly_denied } = changes
  if (newly_allowed.length + newly_asked.length + newly_denied.length <= MAX_CHANGES) return changes
  return { newly_allowed: [], newly_asked: [], newly_denied: [], complete: false }
}

function summaryOf(policy: Policy): string[] {
  const all = policyInWords(policy)
  if (all.length <= MAX_SUMMARY) return all
  return [...all.slice(0, MAX_SUMMARY - 1), `And ${all.length - MAX_SUMMARY + 1} more.`]
}

function shownChange({ spots: _, ...change }: Change): Draft['newly_allowed'][number] {
  return change
}

function drawer(policy: Policy, systems: Systems): (call: TestCall) => Facts {
  return (call) => drawFacts(call, drawOptions(policy, systems, call.tool))
}

/** Every test that the policy carries, as it comes out. Saving runs the same ones. */
function testsOf(policy: Policy, systems: Systems): DraftTest[] {
  const compiled = compile(policy)
  const draw = drawer(policy, systems)
  const untilMs = performance.now() + TESTS_WITHIN_MS
  const results: DraftTest[] = []
  for (const test of (policy.tests ?? []).slice(0, MAX_SHOWN_TESTS)) {
    if (performance.now() > untilMs) break
    const [result] = runPolicyTests({ ...policy, tests: [test] }, draw, compiled)
    if (result === undefined) continue
    const { got, passed } = result
    results.push({
      name: test.name,
      tool: test.call.tool,
      arguments: test.call.arguments ?? {},
      expected: expectedOf(test, got.decision),
      got: got.decision,
      rule: got.rule,
      reason: got.reason,
      passed,
    })
  }
  return results
}

function expectedOf({ expect }: PolicyTest, got: DecisionWord): DecisionWord {
  return typeof expect === 'string' ? expect : (expect.decision ?? got)
}

const MAX_NAME_UNITS = 200

/**
 * Tests of the rules named: a call inside each is decided as it says, and the nearest call beside it as it is decided now,
 * so that a rule that opens more than it says fails its own test.
 */
export function testsOfRules(text: string, ids: ReadonlySet<string>, knowledge: Knowledge): ComposedTest[] {
  const { policy } = parsePolicy(text)
  if (policy === undefined) return []
  const systems = knownSystems(knowledge)
  const [before, after] = [compile(knowledge.inForce.policy), compile(policy)]
  const draw = drawer(knowledge.inForce.policy, knowledge.systems)
  return (policy.rules ?? []).flatMap((rule, i) => {
    const id = ruleId(rule, i)
    if (!ids.has(id)) return []
    const { inside, beside } = typicalCalls(id, rule, systems)
    const testOf = (call: (typeof inside)[number], expect: DecisionWord): ComposedTest => ({
      ...call,
      name: call.name.slice(0, MAX_NAME_UNITS),
      expect,
    })
    const decided = (
      compiled: typeof before,
      { tool, arguments: args, context = {} }: (typeof inside)[number],
    ) => decide(compiled, draw({ method: 'tools/call', tool, arguments: args }), context)
    // What lies beside one rule may be what another one of them is for.
    const isMeant = (call: (typeof inside)[number]) => {
      const { rule: by } = decided(after, call)
      return by !== id && ids.has(by)
    }
    return [
      ...inside.map((call) => testOf(call, rule.decision)),
      ...beside.filter((call) => !isMeant(call)).map((call) => testOf(call, decided(before, call).decision)),
    ]
  })
}
