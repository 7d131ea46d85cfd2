import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compile } from '../src/compile.ts'
import { decide } from '../src/decide.ts'
import { parsePolicy } from '../src/parse.ts'
import type { Policy, Rule } from '../src/schema.ts'
import { shadowedRules } from '../src/shadowed-rules.ts'
import { calls, contexts, policies } from './generate.ts'

/** How each of two rules is called: whether the second is said never to decide. */
function second(first: string, second: string): string {
  const { policy, diagnostics } = parsePolicy(`version: 1\nrules:\n  - { ${first} }\n  - { ${second} }\n`)
  if (policy === undefined) throw new Error(JSON.stringify(diagnostics))
  const found = diagnostics.find(({ code }) => code === 'shadowed_rule')
  if (found === undefined) return 'decides'
  expect(found.line).toBe(4)
  if (found.message.includes('nothing but')) return 'hardly decides'
  return found.message.includes('count all the same') ? 'only brings limits' : 'never decides'
}

describe('a rule below one that always decides', () => {
  test.for<[first: string, second: string, wanted: string]>([
    ['tool: "*", decision: deny', 'tool: a.b, decision: allow', 'never decides'],
    ['tool: a.b, decision: ask', 'tool: a.b, decision: allow', 'never decides'],
    ['tool: a.b, decision: ask', 'tool: a.b, decision: allow, limits: { timeout: 1s }', 'only brings limits'],
    ['tool: "a.*", decision: allow', 'tool: [a.b, "a.c*"], decision: deny', 'never decides'],
    ['tool: "a.*", decision: deny', 'tool: "*", decision: deny', 'decides'],
    ['tool: "a?", decision: deny', 'tool: "a*", decision: allow', 'decides'],
    ['method: "prompts/*", tool: "*", decision: deny', 'tool: a, decision: allow', 'decides'],
    [
      'method: "*", tool: "*", decision: deny',
      'method: resources/read, tool: a, decision: ask',
      'never decides',
    ],
  ])('by its tools: %s, then %s: %s', ([first, below, wanted]) => expect(second(first, below)).toBe(wanted))

  const both = (decisions: string, first: string, below: string) => {
    const [one, two] = decisions.split(' ')
    return second(
      `tool: a, decision: ${one}, conditions: { ${first} }`,
      `tool: a, decision: ${two}, conditions: { ${below} }`,
    )
  }
  test.for<[decisions: string, first: string, second: string, wanted: string]>([
    ['allow allow', 'key: k', 'key: k', 'never decides'],
    ['allow allow', 'key: "k*"', 'key: [k1, k2]', 'never decides'],
    ['allow allow', 'key: k1', 'key: [k1, k2]', 'decides'],
    // An allow rule decides when it holds, a deny rule already when it may.
    ['allow deny', 'key: k', 'key: k', 'decides'],
    ['allow ask', 'resources: "*"', 'resources: x', 'decides'],
    ['deny allow', 'key: "*"', 'key: k', 'never decides'],
    ['deny allow', 'key: "*"', 'user: u', 'decides'],
    ['allow allow', 'resources: "hr.*"', 'resources: [hr.a, "hr.b*"]', 'never decides'],
    ['allow allow', 'resources: "HR.*"', 'resources: hr.a', 'decides'],
    ['deny deny', 'resources: "HR.*"', 'resources: hr.a', 'never decides'],
    ['deny allow', 'resources: "hr.*"', 'resources: hr.a', 'hardly decides'],
    ['deny allow', 'resources: "*"', 'resources: hr.a', 'never decides'],
    ['deny allow', 'fields: "*"', 'fields: id', 'hardly decides'],
    ['ask allow', 'resources: "hr.*"', 'resources: hr.a', 'decides'],
    ['ask allow', 'resources: "*"', 'resources: hr.a', 'never decides'],
    ['ask ask', 'resources: "hr.*"', 'resources: hr.a', 'never decides'],
    ['deny allow', 'operations: [read, write]', 'operations: read, resources: x', 'never decides'],
    ['allow allow', 'operations: [read, write]', 'operations: [read, schema]', 'decides'],
    // What a rule leaves untested it does not open.
    ['allow allow', 'resources: "*"', 'key: k', 'decides'],
    ['allow allow', 'key: k', 'key: k, resources: x', 'never decides'],
    ['allow allow', 'resources: "*"', 'resources: x, path_prefix: /', 'decides'],
    ['deny allow', 'resources: "*"', 'resources: x, path_prefix: /', 'never decides'],
    ['allow allow', 'path_prefix: [/a, /b]', 'path_prefix: [/a/c, /b/]', 'never decides'],
    ['allow allow', 'path_prefix: /a', 'path_prefix: /ab', 'decides'],
    ['allow allow', 'allowed_domains: "*"', 'allowed_domains: [a.test, "*.b.test"]', 'never decides'],
    ['allow allow', 'allowed_domains: "*"', 'allowed_domains: 127.0.0.1', 'decides'],
    ['allow allow', 'allowed_domains: "*.a.test"', 'allowed_domains: a.test', 'decides'],
    ['allow allow', 'allowed_domains: "*.a.test"', 'allowed_domains: "*.b.a.test"', 'never decides'],
    ['allow allow', 'allowed_domains: a.test', 'allowed_domains: a.test:8443', 'decides'],
    ['allow allow', 'blocked_domains: x.test', 'blocked_domains: [x.test, y.test]', 'never decides'],
    ['allow allow', 'blocked_domains: [x.test, y.test]', 'blocked_domains: x.test', 'decides'],
    ['deny allow', 'blocked_domains: "*.a.test"', 'allowed_domains: x.a.test', 'never decides'],
    ['deny allow', 'blocked_domains: "*.a.test"', 'blocked_domains: x.a.test', 'decides'],
    ['deny allow', 'blocked_domains: "*"', 'blocked_domains: x.a.test', 'never decides'],
    ['deny deny', 'blocked_domains: x.test:80', 'blocked_domains: x.test', 'decides'],
    ['allow allow', 'time: { days: mon }', 'time: { days: mon }, key: k', 'never decides'],
    ['allow allow', 'time: { days: mon-fri }', 'time: { days: mon }', 'decides'],
    [
      'allow allow',
      'parameters: { n: { maximum: 3 } }',
      'parameters: { n: { maximum: 3 }, m: {} }',
      'never decides',
    ],
    ['allow allow', 'parameters: { n: { maximum: 3 } }', 'parameters: { n: { maximum: 2 } }', 'decides'],
  ])('%s by its conditions: %s, then %s: %s', ([decisions, first, below, wanted]) =>
    expect(both(decisions, first, below)).toBe(wanted),
  )

  test('is found where several above share its tools among them', () => {
    const rules: Rule[] = [
      { tool: 'a', decision: 'deny' },
      { tool: 'b', decision: 'deny' },
      { tool: ['a', 'b'], decision: 'allow' },
      { tool: ['a', 'c'], decision: 'allow' },
    ]
    expect(shadowedRules(rules).map(({ path }) => path)).toEqual([['rules', 2]])
  })
})

test('a rule that is said never to decide decides no call', { timeout: 600_000 }, () => {
  let found = 0
  fc.assert(
    fc.property(
      policies,
      fc.array(fc.tuple(calls, contexts), { minLength: 8, maxLength: 8 }),
      (policy, all) => {
        const problems = shadowedRules(policy.rules ?? [])
        if (problems.length === 0) return
        const named: Policy = {
          ...policy,
          rules: (policy.rules ?? []).map((rule, i) => ({ ...rule, id: `r${i}` })),
        }
        const compiled = compile(named)
        for (const [facts, context] of all) {
          const { rule } = decide(compiled, facts, context)
          const problem = problems.find(({ path }) => `r${path[1]}` === rule)
          if (problem === undefined) continue
          const accesses = Array.isArray(facts.accesses) ? facts.accesses : []
          const isEmpty = accesses.some(
            ({ resource, fields, functions }) =>
              resource === null ||
              [fields, functions].some((each) => Array.isArray(each) && each.length === 0),
          )
          expect(problem.message.includes('nothing but') && isEmpty).toBe(true)
        }
        found += problems.length
      },
    ),
    { numRuns: Number(process.env['LAWS_RUNS'] ?? 800) },
  )
  expect(found).toBeGreaterThan(500)
})
