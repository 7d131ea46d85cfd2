// Weaknesses that code finds in policies and in queries; for each the nearest thing that is none.
import { beforeAll, describe, expect, test } from 'vitest'
import type { Finding } from '@mcpshield/contracts/ai'
import { policyFindings } from '../src/policy-findings.ts'
import { queryFindings, type Query } from '../src/query-findings.ts'
import { knowledgeOf, prepareParsers } from './known.ts'

beforeAll(prepareParsers)

const rule = (text: string) =>
  `version: 1\nrules:\n  - { id: r, tool: postgres.query, decision: allow, ${text} }\n`
const codes = (findings: readonly Finding[]) => [...new Set(findings.map(({ code }) => code))]
const found = (text: string) => codes(policyFindings(text, knowledgeOf()))

describe('a policy', () => {
  const LIMIT = 'limits: { rate_limit: { calls: 60, per: 1m } }'

  test.for<[code: string, weak: string, sound: string]>([
    ['default_allow', 'version: 1\ndefault: allow\n', 'version: 1\ndefault: deny\n'],
    [
      'allows_everything',
      'version: 1\nrules: [{ tool: "*", decision: allow }]\n',
      'version: 1\nrules: [{ tool: "*", decision: ask }]\n',
    ],
    [
      'wide_rule',
      rule('conditions: { resources: ["*"] }'),
      rule('conditions: { operations: [read], resources: ["public.*"] }'),
    ],
    [
      'writes_unasked',
      rule('conditions: { operations: [read, write], resources: [public.orders] }'),
      rule('conditions: { operations: [read], resources: [public.orders] }'),
    ],
    [
      'personal_unredacted',
      rule('conditions: { operations: [read], resources: [public.customers] }'),
      rule('conditions: { operations: [read], resources: [public.customers] }, redact: [email, phone]'),
    ],
    [
      'no_rate_limit',
      rule('conditions: { operations: [read], resources: [public.orders] }'),
      rule(`conditions: { operations: [read], resources: [public.orders] }, ${LIMIT}`),
    ],
    [
      'shadowed_rule',
      `version: 1\nrules:\n  - { tool: a.b, decision: deny }\n  - { tool: a.b, decision: allow }\n`,
      `version: 1\nrules:\n  - { tool: a.b, decision: deny }\n  - { tool: a.c, decision: allow }\n`,
    ],
  ])('%s', ([code, weak, sound]) => {
    expect(found(weak)).toContain(code)
    expect(found(sound)).not.toContain(code)
  })

  test('that asks before writes lets none through unasked', () => {
    const text = `version: 1\nrules:\n  - { id: a, tool: postgres.query, decision: ask, conditions: { operations: [write, schema, admin] } }\n  - { id: r, tool: postgres.query, decision: allow, conditions: { resources: [public.orders] } }\n`
    expect(found(text)).not.toContain('writes_unasked')
  })

  test('under an organisation’s that denies is judged with it', () => {
    const above = {
      version: 1 as const,
      rules: [{ tool: '*', decision: 'deny' as const, conditions: { operations: 'write' as const } }],
    }
    const known = knowledgeOf()
    const text = rule('conditions: { operations: [read, write], resources: [public.orders] }')
    const judged = policyFindings(text, { ...known, inForce: { ...known.inForce, above } })
    expect(codes(judged)).not.toContain('writes_unasked')
  })

  test('that lets a personal field of a collection be read is told so, and one that hides it is not', () => {
    const people = { connection: 'docs', kind: 'mongodb', name: 'people', fields: ['name', 'email'] }
    const known = knowledgeOf(undefined, { resources: [people] })
    const reads = (more: string) =>
      `version: 1\nrules:\n  - { id: r, tool: "mongodb.*", decision: allow, conditions: { operations: [read], resources: [people] }${more} }\n`
    expect(codes(policyFindings(reads(''), known))).toContain('personal_unredacted')
    expect(codes(policyFindings(reads(', redact: [email]'), known))).not.toContain('personal_unredacted')
  })

  test('that is none has its errors, by line', () => {
    const [first] = policyFindings('version: 1\nrules:\n  - { tool: a }\n', knowledgeOf())
    expect(first).toMatchObject({ severity: 'high', code: 'missing_key', line: 3 })
  })

  test('has the worst first', () => {
    const order = { high: 0, medium: 1, low: 2, info: 3 }
    const grades = policyFindings(
      'version: 1\ndefault: allow\nrules: [{ tool: "*", decision: allow }]\n',
      knowledgeOf(),
    ).map(({ severity }) => order[severity])
    expect(grades).toEqual(grades.toSorted())
  })
})

describe('a query', () => {
  const of = (dialect: Query['dialect'], text: string) => queryFindings({ dialect, text }, knowledgeOf())

  test.for<[dialect: Query['dialect'], text: string, expected: string[], not: string[]]>([
    [
      'postgresql',
      'select id from public.customers limit 5',
      ['touches', 'decided_allow'],
      ['unbounded_read', 'all_columns'],
    ],
    ['postgresql', 'select * from public.customers', ['all_columns', 'unbounded_read'], ['every_row']],
    ['postgresql', 'delete from public.orders', ['writes', 'every_row', 'decided_deny'], ['unbounded_read']],
    ['postgresql', "delete from public.orders where note = 'delete'", ['writes'], ['every_row']],
    ['postgresql', "update orders set note = 'where'", ['every_row'], []],
    ['postgresql', 'select pg_sleep(10)', ['administrative'], ['every_row']],
    ['postgresql', 'drop table orders', ['changes_schema'], ['every_row']],
    ['postgresql', 'this is no statement', ['not_understood', 'decided_deny'], []],
    ['mysql', 'select count(*) from orders', ['touches'], ['unbounded_read']],
    ['mongodb', '{"find": "people", "filter": {}}', ['touches', 'unbounded_read'], ['every_row']],
    ['mongodb', '{"delete": "people", "deletes": [{"q": {}, "limit": 0}]}', ['writes', 'every_row'], []],
    ['mongodb', '{"delete": "people", "deletes": [{"q": {"id": 1}, "limit": 1}]}', ['writes'], ['every_row']],
    ['mongodb', '{"eval": "1"}', ['unreadable'], []],
    ['mongodb', 'nonsense', ['unreadable'], []],
    ['redis', '["GET", "session:1"]', ['touches'], ['administrative']],
    ['redis', '["EVAL", "return 1", "0"]', ['administrative'], []],
    ['redis', '{"a": 1}', ['unreadable'], []],
  ])('%s: %s', ([dialect, text, expected, not]) => {
    const all = codes(of(dialect, text))
    expect(all).toEqual(expect.arrayContaining(expected))
    for (const code of not) expect(all).not.toContain(code)
  })

  test('is decided as a call would be, with its reason', () => {
    const decided = of('postgresql', 'select salary from hr.salaries').at(-1)
    expect(decided?.message).toMatch(/it is denied by no-hr: .*hr\.salaries/)
  })
})

test.for([["'".repeat(64_000)], ['/*'.repeat(32_000)], ['--'.repeat(32_000)], ["''".repeat(32_000)]])(
  'quotes and comments without an end are looked through once: %#',
  ([text = '']) => {
    const startedMs = performance.now()
    queryFindings({ dialect: 'sqlite', text }, knowledgeOf())
    expect(performance.now() - startedMs).toBeLessThan(2_000)
  },
)
