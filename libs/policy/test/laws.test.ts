import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compile } from '../src/compile.ts'
import { decide } from '../src/decide.ts'
import type { Facts } from '../src/facts.ts'
import { listOf } from '../src/schema.ts'
import type { Decision, Obligations, Policy } from '../src/schema.ts'
import { Conditions } from '../src/conditions-schema.ts'
import { FALSE, TRUE, UNKNOWN } from '../src/kleene.ts'
import { KINDS, factsOf, holds, mayHold } from '../src/matching.ts'
import { indexRules, placedRules } from '../src/rule-index.ts'
import { accesses, calls, contexts, lessKnown, paths, policies, ruleOf, urls } from './generate.ts'
import { matchesOwed, oracle } from './oracle.ts'

const RUNS = { numRuns: Number(process.env['LAWS_RUNS'] ?? 800) }
const ORDER = { deny: 0, ask: 1, allow: 2 }

function expectNotRaised(before: Decision, after: Decision): void {
  expect(ORDER[after.decision]).toBeLessThanOrEqual(ORDER[before.decision])
  // A denied call owes nothing: nothing of it goes through.
  if (after.decision !== 'deny' && before.decision !== 'deny')
    expectNothingDropped(before.obligations, after.obligations)
}

function expectNothingDropped(before: Obligations, after: Obligations): void {
  for (const each of before.rate_limits) expect(after.rate_limits).toContainEqual(each)
  for (const each of before.redact) expect(after.redact).toContainEqual(each)
  for (const each of before.deny_arguments ?? []) expect(after.deny_arguments).toContainEqual(each)
  for (const bound of ['max_rows', 'max_bytes', 'timeout_ms', 'ask_timeout_ms'] as const) {
    if (before[bound] !== undefined) expect(after[bound] ?? Infinity).toBeLessThanOrEqual(before[bound])
  }
}

const withRule = (policy: Policy, rule: NonNullable<Policy['rules']>[number], at: number): Policy => {
  // Ids by place would move with the new rule.
  const rules = (policy.rules ?? []).map((each, i) => ({ ...each, id: `r${i}` }))
  rules.splice(at % (rules.length + 1), 0, { ...rule, id: 'added' })
  return { ...policy, rules }
}
const named = (policy: Policy): Policy => ({
  ...policy,
  rules: (policy.rules ?? []).map((each, i) => ({ ...each, id: `r${i}` })),
})

describe('for every policy and every call', { timeout: 60_000 * Math.ceil(RUNS.numRuns / 800) }, () => {
  test('the engine says what the plain reading of the language says', () => {
    fc.assert(
      fc.property(policies, calls, contexts, (policy, facts, context) => {
        const got = decide(compile(policy), facts, context)
        const want = oracle(policy, facts, context)
        expect({ decision: got.decision, rule: got.rule }).toEqual({
          decision: want.decision,
          rule: want.rule,
        })
        expect(matchesOwed(got.obligations, want.owed)).toBe(true)
      }),
      { numRuns: RUNS.numRuns * 2 },
    )
  })

  test("the organisation's rules stand above the project's", () => {
    const above = fc
      .array(ruleOf(['deny', 'ask']), { maxLength: 4 })
      .map((rules): Policy => ({ version: 1, rules }))
    fc.assert(
      fc.property(policies, above, calls, contexts, (policy, organization, facts, context) => {
        const got = decide(compile(policy, { above: organization }), facts, context)
        const want = oracle(policy, facts, context, organization)
        expect({ decision: got.decision, rule: got.rule }).toEqual({
          decision: want.decision,
          rule: want.rule,
        })
        expect(matchesOwed(got.obligations, want.owed)).toBe(true)
        expect(ORDER[got.decision]).toBeLessThanOrEqual(
          Math.max(ORDER[decide(compile(policy), facts, context).decision], ORDER.ask),
        )
      }),
      RUNS,
    )
  })

  test('the same call is decided the same way again, with a trace or without, by a copy of the policy or itself', () => {
    fc.assert(
      fc.property(policies, calls, contexts, (policy, facts, context) => {
        const compiled = compile(policy)
        const first = decide(compiled, facts, context)
        expect(decide(compiled, structuredClone(facts), context)).toEqual(first)
        expect(decide(compile(JSON.parse(JSON.stringify(policy)) as Policy), facts, context)).toEqual(first)
        const { trace, ...traced } = decide(compiled, facts, context, { trace: true })
        expect(traced).toEqual(first)
        expect(trace).toBeDefined()
      }),
      RUNS,
    )
  })

  test('what was decided before changes nothing', () => {
    const several = fc.array(fc.tuple(calls, contexts), { minLength: 4, maxLength: 8 })
    fc.assert(
      fc.property(policies, several, (policy, all) => {
        const compiled = compile(policy)
        for (const [facts, context] of all) {
          expect(decide(compiled, facts, context)).toEqual(decide(compile(policy), facts, context))
        }
      }),
      { numRuns: RUNS.numRuns / 2 },
    )
  })

  test('knowing less never raises the decision nor drops an obligation', () => {
    fc.assert(
      fc.property(policies, calls, contexts, fc.nat(), (policy, facts, context, choice) => {
        const less = lessKnown(facts, context, choice)
        const compiled = compile(policy)
        expectNotRaised(decide(compiled, facts, context), decide(compiled, less.facts, less.context))
      }),
      RUNS,
    )
  })

  test('touching more of a kind never raises the decision nor drops an obligation', () => {
    const more = fc.oneof(
      paths.map((paths) => ({ paths })),
      urls.map((urls) => ({ urls })),
      accesses.map((accesses) => ({ accesses })),
    )
    fc.assert(
      fc.property(policies, calls, contexts, more, (policy, facts, context, extra) => {
        const [[kind, fact]] = Object.entries(extra) as [['paths' | 'urls' | 'accesses', never]]
        const list = facts[kind]
        fc.pre(Array.isArray(list) && list.length > 0)
        const compiled = compile(policy)
        const wider: Facts = { ...facts, [kind]: [...(list as never[]), fact] }
        expectNotRaised(decide(compiled, facts, context), decide(compiled, wider, context))
      }),
      { numRuns: RUNS.numRuns * 2 },
    )
  })

  test('a deny rule added anywhere never raises the decision', () => {
    fc.assert(
      fc.property(
        policies,
        ruleOf(['deny']),
        fc.nat(),
        calls,
        contexts,
        (policy, rule, at, facts, context) => {
          const before = decide(compile(named(policy)), facts, context)
          expectNotRaised(before, decide(compile(withRule(policy, rule, at)), facts, context))
        },
      ),
      RUNS,
    )
  })

  test('an ask rule added anywhere never yields more than ask, nor drops an obligation', () => {
    fc.assert(
      fc.property(
        policies,
        ruleOf(['ask']),
        fc.nat(),
        calls,
        contexts,
        (policy, rule, at, facts, context) => {
          const before = decide(compile(named(policy)), facts, context)
          const after = decide(compile(withRule(policy, rule, at)), facts, context)
          expect(ORDER[after.decision]).toBeLessThanOrEqual(Math.max(ORDER[before.decision], ORDER.ask))
          if (before.decision !== 'deny') {
            expect(after.decision).not.toBe('deny')
            expectNothingDropped(before.obligations, after.obligations)
          }
        },
      ),
      RUNS,
    )
  })

  test('the index leaves out no rule that may hold', () => {
    fc.assert(
      fc.property(policies, calls, contexts, (policy, facts, context) => {
        const { rules } = compile(policy)
        const index = indexRules(rules)
        const looked = new Set([...(placedRules(index, facts) ?? rules), ...index.rest])
        for (const rule of rules) if (mayHold(rule, facts, context)) expect(looked).toContain(rule)
      }),
      RUNS,
    )
  })

  test('and that is said of calls that meet every condition in every way', () => {
    const met = new Map<string, number>()
    const count = (what: string) => met.set(what, (met.get(what) ?? 0) + 1)
    fc.assert(
      fc.property(ruleOf(), calls, contexts, (rule, facts, context) => {
        const [compiled] = compile({ version: 1, rules: [rule] }).rules
        if (compiled === undefined) return
        for (const test of compiled.tests.call) count(`${test.condition} ${test.strict(facts, context)}`)
        for (const kind of KINDS) {
          for (const test of compiled.tests[kind]) {
            for (const fact of factsOf(facts, kind)) count(`${test.condition} ${test.strict(fact)}`)
          }
        }
        if (Object.keys(rule.conditions ?? {}).length === 0) return
        for (const part of [
          holds(compiled, facts, context) ? 'holds' : mayHold(compiled, facts, context) ? 'may hold' : 'no',
        ]) {
          count(`${rule.decision} ${part}`)
        }
      }),
      { numRuns: 12_000 },
    )
    const ways = Object.keys(Conditions.shape).flatMap((name) =>
      [TRUE, FALSE, UNKNOWN].map((way) => `${name} ${way}`),
    )
    const rules = ['allow', 'ask', 'deny'].flatMap((word) =>
      ['holds', 'may hold', 'no'].map((way) => `${word} ${way}`),
    )
    expect([...ways, ...rules].filter((way) => (met.get(way) ?? 0) < 30)).toEqual([])
  })

  test('a reason never repeats a list of the policy', () => {
    let compared = 0
    fc.assert(
      fc.property(policies, calls, contexts, (policy, facts, context) => {
        const { reason } = decide(compile(policy), facts, context)
        expect(reason).toMatch(/\.$/)
        const urls = Array.isArray(facts.urls) ? facts.urls.filter((url) => 'host' in url) : []
        const said = JSON.stringify([
          facts,
          context,
          urls.map(({ scheme, host, port }) => `${scheme}://${host}:${port}`),
        ])
        const lists = (policy.rules ?? []).flatMap(({ conditions = {} }) =>
          LISTS.flatMap((name) => listOf(conditions[name] ?? [])),
        )
        // What the call says itself may be repeated.
        const secrets = lists.filter((entry) => entry.length > 2 && !said.includes(entry))
        compared += secrets.length
        for (const secret of secrets) expect(reason).not.toContain(secret)
      }),
      { numRuns: RUNS.numRuns * 2 },
    )
    expect(compared).toBeGreaterThan(RUNS.numRuns)
  })
})

const LISTS = [
  ...(['path_prefix', 'allowed_domains', 'blocked_domains', 'connection', 'resources', 'fields'] as const),
  ...(['functions', 'environment', 'key', 'labels', 'agent', 'user', 'groups'] as const),
]

test('an error while evaluating denies and says so', () => {
  const compiled = compile({
    version: 1,
    default: 'allow',
    rules: [{ tool: 'a', decision: 'allow', conditions: { operations: 'read' } }],
  })
  const facts: Facts = { method: 'tools/call', tool: 'a', arguments: {}, paths: [], urls: [], accesses: [] }
  const broken = new Proxy(facts, {
    get(target, name) {
      if (name === 'accesses') throw new Error('trap')
      return target[name as keyof Facts]
    },
  })
  expect(decide(compiled, facts, {}).decision).toBe('allow')
  const denied = decide(compiled, broken, {})
  expect(denied.decision).toBe('deny')
  expect(denied.reason).toContain('could not be evaluated')
})

test('facts of the wrong shape are unknown, never fitting', () => {
  const compiled = compile({
    version: 1,
    rules: [
      {
        tool: 'a',
        decision: 'allow',
        conditions: { path_prefix: '/', allowed_domains: '*', resources: '*', fields: '*' },
      },
    ],
  })
  const good = {
    method: 'tools/call',
    tool: 'a',
    arguments: {},
    paths: ['/x'],
    urls: [{ href: '', scheme: 'https', host: 'example.com', port: 443 }],
    accesses: [{ connection: 'c', operation: 'read', resource: 't', fields: ['f'], functions: [] }],
  }
  expect(decide(compiled, good as Facts, {}).decision).toBe('allow')
  for (const bad of [
    { paths: undefined },
    { paths: 'x' },
    { paths: [7] },
    { paths: ['relative'] },
    { paths: ['/a/../b'] },
    { paths: ['/a\0b'] },
    { urls: [null] },
    { urls: [{ host: 'example.com' }] },
    { accesses: [null] },
    { accesses: [{}] },
    { accesses: [{ ...good.accesses[0], fields: 'f' }] },
    { accesses: [{ ...good.accesses[0], fields: [7] }] },
  ]) {
    expect(decide(compiled, { ...good, ...bad } as Facts, {}).decision).toBe('deny')
  }
})
