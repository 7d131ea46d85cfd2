// How fast decisions are as policies grow, beside a loop over the same compiled rules and beside Cedar.
// `node bench/policy.ts` prints the table.
import { table } from '@mcpshield/infra/dev/table.ts'
import { compile } from '@mcpshield/policy/compile'
import type { CompiledPolicy } from '@mcpshield/policy/compile'
import { decide } from '@mcpshield/policy/decide'
import type { Context, Facts } from '@mcpshield/policy/facts'
import { holds, mayHold } from '@mcpshield/policy/matching'
import { checkPolicy } from '@mcpshield/policy/parse'
import type { DecisionWord, Policy, Rule } from '@mcpshield/policy/schema'
import { cedarEngine } from './cedar.ts'
import { callsOfEveryKind, policyOfEveryKind } from './policy-kinds.ts'

export type Row = {
  engine: 'mcpshield' | 'loop' | 'cedar'
  /** `spread`: ten rules for each tool. `one tool`: all rules for the same one. `every kind`: see policy-kinds.ts. */
  layout: 'spread' | 'one tool' | 'every kind'
  rules: number
  decisionsPerSecond: number
  meanUs: number
  p99Us: number
}
export type PolicyFigures = {
  rows: Row[]
  load: { rules: number; jsonMs: number; checkMs: number; compileMs: number }
  /** Cost at 10,000 rules over that at 10, rules spread over tools. */
  growth: number
}

const SIZES = [10, 100, 1_000, 10_000]
const RULES_PER_TOOL = 10
const SLICES = 12
const CONTEXT: Context = {
  environment: 'prod',
  key: 'bench',
  labels: ['team-a'],
  time: '2026-01-05T09:00:00Z',
}

export async function benchPolicy(): Promise<PolicyFigures> {
  const growth = growthOf(SIZES[0] ?? 10, SIZES.at(-1) ?? 10_000)
  const rows: Row[] = []
  for (const layout of ['spread', 'one tool', 'every kind'] as const) {
    for (const rules of SIZES) rows.push(...(await rowsOf(layout, rules)))
  }
  return { rows, load: loadTimes(), growth }
}

/** Slices of both sizes in turn, the lowest of each: whatever else the machine does meets both. */
function growthOf(few: number, many: number): number {
  const [small, large] = [few, many].map((rules) => {
    const compiled = compile(policyOf('spread', rules))
    const calls = callsOf('spread', rules)
    return {
      slice: () => round((call) => decide(compiled, call, CONTEXT).decision, calls, 50),
      lowestUs: Infinity,
    }
  })
  for (let i = 0; i < 30; i++) {
    for (const each of [small, large])
      if (each !== undefined) each.lowestUs = Math.min(each.lowestUs, each.slice())
  }
  return (large?.lowestUs ?? NaN) / (small?.lowestUs ?? NaN)
}

async function rowsOf(layout: Row['layout'], rules: number): Promise<Row[]> {
  const policy = policyOf(layout, rules)
  const calls = callsOf(layout, rules)
  const compiled = compile(policy)
  const ours = (call: Facts) => decide(compiled, call, CONTEXT).decision
  const want = calls.map(ours)
  const engines = {
    mcpshield: ours,
    loop: (call: Facts) => loop(compiled, call),
    // Cedar knows accesses only.
    ...(layout === 'every kind' ? {} : { cedar: await cedarEngine(policy) }),
  }
  return Object.entries(engines).map(([engine, ask]) => {
    const disagrees = calls.slice(0, 40).findIndex((call, i) => ask(call) !== want[i])
    if (disagrees !== -1) throw new Error(`${engine} decides call ${disagrees} of ${rules} rules otherwise.`)
    const budgetMs = engine === 'mcpshield' ? 400 : 250
    return { engine: engine as Row['engine'], layout, rules, ...measure(ask, calls, budgetMs) }
  })
}

/** CPU time for each decision, the lowest of several slices (the steadiest figure on a shared machine); single decisions are timed apart for the 99th percentile. */
function measure(ask: (call: Facts) => DecisionWord, calls: readonly Facts[], budgetMs: number) {
  for (let i = 0; i < 3; i++) round(ask, calls, budgetMs / 8)
  const meanUs = Math.min(...Array.from({ length: SLICES }, () => round(ask, calls, budgetMs / 8)))
  const times: number[] = []
  const endMs = performance.now() + budgetMs
  for (let i = 0; times.length < 200_000 && performance.now() < endMs; i++) {
    const call = calls[i % calls.length] as Facts
    const startMs = performance.now()
    ask(call)
    times.push((performance.now() - startMs) * 1_000)
  }
  times.sort((a, b) => a - b)
  return { meanUs, p99Us: times[Math.floor(times.length * 0.99)] ?? NaN, decisionsPerSecond: 1e6 / meanUs }
}

/** Microseconds of CPU time per decision. Calls come in an order that no prefetcher guesses. */
function round(ask: (call: Facts) => DecisionWord, calls: readonly Facts[], budgetMs: number): number {
  let done = 0
  let at = 0
  const before = process.cpuUsage()
  const endMs = performance.now() + budgetMs
  while (performance.now() < endMs) {
    const batch = Math.min(5_000, done + 1)
    for (let i = 0; i < batch; i++) {
      ask(calls[at] as Facts)
      at = (at + 7_919) % calls.length
    }
    done += batch
  }
  const { user, system } = process.cpuUsage(before)
  return (user + system) / done
}

/** First match over all rules, with the same compiled conditions but no index. */
function loop(compiled: CompiledPolicy, facts: Facts): DecisionWord {
  for (const rule of compiled.rules) {
    if (rule.rule.tool !== facts.tool || !rule.matchesMethod(facts.method)) continue
    if (rule.decision === 'deny' ? mayHold(rule, facts, CONTEXT) : holds(rule, facts, CONTEXT)) {
      return rule.decision
    }
  }
  return 'deny'
}

function policyOf(layout: Row['layout'], rules: number): Policy {
  if (layout === 'every kind') return policyOfEveryKind(rules)
  return { version: 1, rules: Array.from({ length: rules }, (_, i) => ruleOf(layout, i)) }
}

function ruleOf(layout: Row['layout'], i: number): Rule {
  const tool = layout === 'spread' ? `db${Math.floor(i / RULES_PER_TOOL)}/query` : 'db/query'
  // Every rule speaks of a schema of its own: no two share their conditions.
  const schema = `s${i}`
  if (i % RULES_PER_TOOL === 0)
    return { tool, decision: 'deny', conditions: { resources: [`${schema}.secrets`] } }
  return { tool, decision: 'allow', conditions: { operations: ['read'], resources: [`${schema}.*`] } }
}

/** Reads and writes of what some rule names, and reads of what none does. */
function callsOf(layout: Row['layout'], rules: number): Facts[] {
  if (layout === 'every kind') return callsOfEveryKind(rules)
  return Array.from({ length: 2_000 }, (_, n) => {
    const i = (n * 31) % rules
    const tool = layout === 'spread' ? `db${Math.floor(i / RULES_PER_TOOL)}/query` : 'db/query'
    const schema = `s${i}`
    const resource = n % 7 === 0 ? `${schema}.secrets` : n % 11 === 0 ? 'other.t' : `${schema}.orders`
    return {
      method: 'tools/call',
      tool,
      arguments: {},
      paths: [],
      urls: [],
      accesses: [
        {
          connection: 'w',
          operation: n % 5 === 0 ? 'write' : 'read',
          resource,
          fields: ['id'],
          functions: [],
        },
      ],
    }
  })
}

function loadTimes(): PolicyFigures['load'] {
  const text = JSON.stringify(policyOf('spread', 10_000))
  const timed = <Value>(work: () => Value): { value: Value; ms: number } => {
    const startMs = performance.now()
    const value = work()
    return { value, ms: performance.now() - startMs }
  }
  const json = timed(() => JSON.parse(text) as unknown)
  const checked = timed(() => checkPolicy(json.value).policy)
  if (checked.value === undefined) throw new Error('The policy of the benchmark is not valid.')
  const policy = checked.value
  const compiled = timed(() => compile(policy))
  return { rules: 10_000, jsonMs: json.ms, checkMs: checked.ms, compileMs: compiled.ms }
}

export function policyTable({ rows, load, growth }: PolicyFigures): string {
  const head = ['layout', 'rules', 'engine', 'decisions/s', 'mean µs', 'p99 µs', '× ours']
  const body = rows.map((row) => {
    const ours = rows.find(
      (each) => each.engine === 'mcpshield' && each.layout === row.layout && each.rules === row.rules,
    )
    const ratio = row.meanUs / (ours?.meanUs ?? NaN)
    const figures = [
      row.decisionsPerSecond.toFixed(0),
      row.meanUs.toFixed(2),
      row.p99Us.toFixed(2),
      ratio.toFixed(1),
    ]
    return [row.layout, String(row.rules), row.engine, ...figures]
  })
  const loading = `JSON ${load.jsonMs.toFixed(0)} ms, check ${load.checkMs.toFixed(0)} ms, compile ${load.compileMs.toFixed(0)} ms`
  return `${table(head, body)}\n10,000 rules cost ${growth.toFixed(2)} times 10 (spread). Loading them: ${loading}.`
}

if (import.meta.main) console.log(policyTable(await benchPolicy()))
