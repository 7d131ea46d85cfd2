// A checked policy, made ready for many decisions: conditions as closures, rules found by tool name. The cost of a
// decision depends on the rules that can speak about the call, not on the rules there are.
import { compileConditions, testsKinds } from './conditions.ts'
import type { Tests } from './conditions.ts'
import { anyGlob, globMatcher, isGlob } from './globs.ts'
import type { Matcher } from './globs.ts'
import { obligationsOf } from './obligations.ts'
import { indexRules } from './rule-index.ts'
import type { RuleIndex } from './rule-index.ts'
import { patternsOf } from './parameters.ts'
import { unitsTestedBy } from './patterns.ts'
import { listOf, ruleId } from './schema.ts'
import { DEFAULT_METHOD, nameProblem } from './tool-name.ts'
import type { DecisionWord, Obligations, Policy, Rule } from './schema.ts'

export type CompiledRule = {
  /** Place in the order of all rules, those of the organisation first. */
  index: number
  id: string
  decision: DecisionWord
  rule: Rule
  tests: Tests
  /** Whether the rule tests a kind of facts, and so must not hold for calls with facts of the others. */
  testsKinds: boolean
  matchesMethod: Matcher
  obligations: Obligations | null
}

/** The rules that speak about one tool, in order. */
export type ToolRules = {
  all: readonly CompiledRule[]
  /** Whether some of them allow. */
  allows: boolean
  index: RuleIndex | null
}

export type CompiledPolicy = {
  allowByDefault: boolean
  rules: readonly CompiledRule[]
  /** By tool names written without wildcards. */
  exact: ReadonlyMap<string, CompiledRule[]>
  globs: readonly { matches: Matcher; rules: CompiledRule[] }[]
  /** Method → tool → rules; bounded. Only saves the search. */
  known: Map<string, Map<string, ToolRules>>
  /** Sums of obligations by the rules they come from; bounded. */
  sums: Map<string, Obligations>
}

export const ORGANIZATION_PREFIX = 'organization/'

/** From here on looking rules up by table, path or host is cheaper than testing each. */
const INDEX_FROM_RULES = 6
const MAX_KNOWN_TOOLS = 20_000
const MAX_KNOWN_METHODS = 16
/** Longer names are not kept: a caller chooses them. */
const MAX_KNOWN_UNITS = 256

/**
 * Makes a checked policy ready to decide. `above` is the organisation's policy, whose rules come first, with ids
 * `organization/<id>`. Throws on a policy that was not checked.
 */
export function compile(policy: Policy, options: { above?: Policy } = {}): CompiledPolicy {
  const above = options.above?.rules ?? []
  if (above.some((rule) => rule.decision === 'allow')) {
    throw new Error("An organisation's policy holds deny and ask rules only.")
  }
  const named = [
    ...above.map((rule, i) => ({ rule, id: ORGANIZATION_PREFIX + ruleId(rule, i) })),
    ...(policy.rules ?? []).map((rule, i) => ({ rule, id: ruleId(rule, i) })),
  ]
  const testsOf = sharedTests(unitsTestedBy(named.flatMap(({ rule }) => patternsOfRule(rule))))
  const rules = named.map(({ rule, id }, index) => compileRule(rule, id, index, testsOf))
  return {
    allowByDefault: policy.default === 'allow',
    rules,
    ...byTool(rules),
    known: new Map(),
    sums: new Map(),
  }
}

function patternsOfRule({ conditions }: Rule): string[] {
  return Object.values(conditions?.parameters ?? {}).flatMap(patternsOf)
}

type TestsOf = (rule: Rule) => Tests

/** Rules of the same conditions share their tests: less to build, less to keep in the processor's cache. */
function sharedTests(patternUnits: number): TestsOf {
  const known = new Map<string, Tests>()
  return ({ conditions = {}, decision }) => {
    const key = decision + JSON.stringify(conditions)
    let tests = known.get(key)
    if (tests === undefined) known.set(key, (tests = compileConditions(conditions, decision, patternUnits)))
    return tests
  }
}

const isToolCall: Matcher = (method) => method === DEFAULT_METHOD

function compileRule(rule: Rule, id: string, index: number, testsOf: TestsOf): CompiledRule {
  const tests = testsOf(rule)
  return {
    index,
    id,
    decision: rule.decision,
    rule,
    tests,
    testsKinds: testsKinds(tests),
    matchesMethod: rule.method === undefined ? isToolCall : anyGlob(listOf(rule.method)),
    obligations: obligationsOf(rule, id),
  }
}

function byTool(rules: readonly CompiledRule[]): Pick<CompiledPolicy, 'exact' | 'globs'> {
  const exact = new Map<string, CompiledRule[]>()
  const globs = new Map<string, { matches: Matcher; rules: CompiledRule[] }>()
  for (const rule of rules) {
    for (const tool of listOf(rule.rule.tool)) {
      if (isGlob(tool)) {
        const entry = globs.get(tool)
        if (entry === undefined) globs.set(tool, { matches: globMatcher(tool), rules: [rule] })
        else entry.rules.push(rule)
      } else {
        const entry = exact.get(tool)
        if (entry === undefined) exact.set(tool, [rule])
        else entry.push(rule)
      }
    }
  }
  return { exact, globs: [...globs.values()] }
}

/** The rules whose `tool` and `method` match, in order, or why a call of that name is denied before any rule. */
export function rulesFor(
  compiled: CompiledPolicy,
  method: string,
  tool: string,
): ToolRules | { problem: string } {
  const known = compiled.known.get(method)?.get(tool)
  if (known !== undefined) return known
  const problem = nameProblem(method, tool)
  if (problem !== undefined) return { problem }
  const found = findRules(compiled, method, tool)
  if (method.length + tool.length <= MAX_KNOWN_UNITS) keep(compiled.known, method, tool, found)
  return found
}

function findRules(compiled: CompiledPolicy, method: string, tool: string): ToolRules {
  const matching = new Set(compiled.exact.get(tool))
  for (const { matches, rules } of compiled.globs) {
    if (matches(tool)) for (const rule of rules) matching.add(rule)
  }
  const all = [...matching].filter((rule) => rule.matchesMethod(method)).sort((a, b) => a.index - b.index)
  const allows = all.some(({ decision }) => decision === 'allow')
  return { all, allows, index: all.length < INDEX_FROM_RULES ? null : indexRules(all) }
}

function keep(known: CompiledPolicy['known'], method: string, tool: string, rules: ToolRules): void {
  let tools = known.get(method)
  if (tools === undefined) {
    if (known.size >= MAX_KNOWN_METHODS) known.clear()
    known.set(method, (tools = new Map<string, ToolRules>()))
  }
  if (tools.size >= MAX_KNOWN_TOOLS) tools.clear()
  tools.set(tool, rules)
}
