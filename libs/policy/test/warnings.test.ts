import { describe, expect, test } from 'vitest'
import { DIAGNOSTIC_CODES } from '../src/diagnostic-codes.ts'
import { parsePolicy } from '../src/parse.ts'
import type { ParseOptions } from '../src/parse.ts'

const rules = (...lines: string[]) =>
  `version: 1\nrules:\n${lines.map((line) => `  - { ${line} }\n`).join('')}`

function warningsOf(text: string, options: ParseOptions = {}) {
  const { policy, diagnostics } = parsePolicy(text, options)
  if (policy === undefined) throw new Error(JSON.stringify(diagnostics))
  return diagnostics
}

const codes = (text: string, options: ParseOptions = {}) => warningsOf(text, options).map(({ code }) => code)

const FACTS =
  'facts: { up/sql: { sql: { argument: q, dialect: postgresql } }, up/send: { paths: [file], urls: [to] } }\n'
const offered = [
  { tool: 'postgres.query', guessed: false },
  { tool: 'ext/run', guessed: true },
  { tool: 'ext/stop', guessed: false },
]

// `¦` marks the place that the warning must name. The last text is the nearest one without it.
test.for<[code: string, marked: string, fix: string | undefined, fine: string]>([
  [
    'agent_allows',
    rules('tool: a, decision: allow, conditions: { ¦agent: claude }'),
    'test `key` or `user`',
    rules('tool: a, decision: deny, conditions: { agent: claude }'),
  ],
  [
    'never_matches',
    rules('tool: a, decision: allow, conditions: { functions: [sum, ¦SUM] }'),
    'write sum',
    rules('tool: a, decision: deny, conditions: { functions: [sum, SUM] }'),
  ],
  [
    'never_matches',
    rules('tool: a, decision: allow, conditions: { allowed_domains: ¦"*.localhost" }'),
    undefined,
    rules('tool: a, decision: allow, conditions: { allowed_domains: [localhost, "*.example.com"] }'),
  ],
  [
    'never_matches',
    rules('tool: sqlite.query, decision: deny, conditions: { resources: ¦main.secrets }'),
    'write secrets',
    rules('tool: sqlite.query, decision: deny, conditions: { resources: [secrets, other.secrets] }'),
  ],
  [
    'glob_in_path',
    rules('tool: a, decision: allow, conditions: { path_prefix: ¦"/data/*.txt" }'),
    'write /data/',
    rules('tool: a, decision: allow, conditions: { path_prefix: "/data/" }'),
  ],
  [
    'local_hosts_open',
    rules('tool: a, decision: allow, conditions: { ¦blocked_domains: evil.test }'),
    'add allowed_domains: ["*"], which leaves local hosts out',
    rules('tool: a, decision: allow, conditions: { blocked_domains: evil.test, allowed_domains: ["*"] }'),
  ],
  [
    'contradicting_limits',
    rules('tool: postgres.query, decision: allow, limits: { max_rows: ¦50, max_bytes: 10 }'),
    'remove max_rows, or raise max_bytes',
    rules('tool: postgres.query, decision: allow, limits: { max_rows: 50, max_bytes: 50 }'),
  ],
  [
    'contradicting_limits',
    rules('tool: a, decision: allow, limits: { rate_limit: { calls: 1, per: 1s }, timeout: ¦5s }'),
    'write at most 1s',
    rules('tool: a, decision: allow, limits: { rate_limit: { calls: 2, per: 1s }, timeout: 5s }'),
  ],
  [
    'agent_counts',
    rules('tool: a, decision: allow, limits: { rate_limit: { calls: 1, per: 1s, by: ¦agent } }'),
    'count by key',
    rules('tool: a, decision: allow, limits: { rate_limit: { calls: 1, per: 1s, by: user } }'),
  ],
  [
    'contradicting_redactions',
    rules('tool: a, decision: allow, redact: [email, ¦{ detector: email, with: hash }]'),
    'keep one of them',
    rules('tool: a, decision: allow, redact: [email, { detector: phone, with: hash }]'),
  ],
  [
    'contradicting_redactions',
    rules('tool: a, decision: allow, redact: [{ fields: [a, b] }, ¦{ fields: [b], with: drop }]'),
    'keep one of them',
    rules('tool: a, decision: allow, redact: [{ fields: [a, b] }, { fields: [c], with: drop }]'),
  ],
  [
    'pattern_matches_empty',
    rules('tool: a, decision: allow, redact: [{ pattern: ¦"[0-9]*" }]'),
    'write + where it says *, or a least count',
    rules('tool: a, decision: allow, redact: [{ pattern: "[0-9]+" }]'),
  ],
  [
    'contradicting_constraint',
    rules('tool: a, decision: allow, conditions: { parameters: { n: { type: string, ¦minimum: 3 } } }'),
    'remove minimum',
    rules('tool: a, decision: allow, conditions: { parameters: { n: { type: integer, minimum: 3 } } }'),
  ],
  [
    'contradicting_constraint',
    rules(
      'tool: a, decision: allow, conditions: { parameters: { n: { items: { pattern: x, ¦maximum: 3 } } } }',
    ),
    'remove maximum',
    rules(
      'tool: a, decision: allow, conditions: { parameters: { n: { items: { minimum: 1, maximum: 3 } } } }',
    ),
  ],
  [
    'unqualified_resource',
    rules('tool: postgres.query, decision: deny, conditions: { resources: [hr.pay, ¦salaries] }'),
    'write *.salaries',
    rules(
      'tool: postgres.query, decision: deny, conditions: { resources: [hr.pay, "*.salaries", "*salaries"] }',
    ),
  ],
  [
    'unqualified_resource',
    rules('tool: "*", decision: deny, conditions: { resources: ¦"sal*" }'),
    'add *.sal*',
    rules('tool: "redis.*", decision: deny, conditions: { resources: "sal*" }'),
  ],
  [
    'unqualified_resource',
    rules('tool: mysql.query, decision: allow, conditions: { resources: ¦orders }'),
    'write the database too, such as shop.orders',
    rules('tool: sqlite.query, decision: allow, conditions: { resources: orders }'),
  ],
  [
    'unqualified_resource',
    FACTS.replace('facts', 'version: 1\nfacts') +
      'rules: [{ tool: "up/*", decision: deny, conditions: { resources: ¦pay } }]',
    'add *.pay',
    'version: 1\nrules: [{ tool: "up/*", decision: deny, conditions: { resources: pay } }]',
  ],
  [
    'unqualified_resource',
    rules('tool: [postgres.query, up/run], decision: allow, conditions: { resources: ¦orders }'),
    'write the schema too, such as public.orders',
    rules('tool: "*", decision: deny, conditions: { resources: [orders, "*.orders"] }'),
  ],
  [
    'qualified_resource',
    rules('tool: "*", decision: deny, conditions: { resources: [¦"*.orders"] }'),
    'add orders',
    rules('tool: postgres.query, decision: deny, conditions: { resources: "*.orders" }'),
  ],
  [
    'names_as_written',
    'version: 1\n' + FACTS + 'rules: [{ tool: up/sql, decision: deny, conditions: { resources: ¦hr.pay } }]',
    'name the connection under `facts:`, or allow by a list of tables',
    'version: 1\nfacts: { up/sql: { sql: { argument: q, dialect: postgresql, connection: main } } }\n' +
      'rules: [{ tool: up/sql, decision: deny, conditions: { resources: hr.pay } }]',
  ],
  [
    'kind_not_touched',
    rules('tool: filesystem.read, decision: deny, conditions: { ¦resources: "hr.*" }'),
    'remove the condition',
    rules('tool: postgres.query, decision: deny, conditions: { resources: "hr.*" }'),
  ],
  [
    'kind_not_touched',
    rules(
      'tool: [filesystem.read, network.request], decision: allow, conditions: { ¦path_prefix: /a, allowed_domains: "*" }',
    ),
    'write one rule for each kind of tool',
    rules(
      'tool: [filesystem.read, a/fetch], decision: allow, conditions: { path_prefix: /a, allowed_domains: "*" }',
    ),
  ],
  [
    'kind_left_untested',
    'version: 1\n' + FACTS + 'rules: [{ tool: up/send, decision: allow, conditions: { ¦path_prefix: /a } }]',
    'test them too: allowed_domains: ["*"] opens them all',
    'version: 1\n' + FACTS + 'rules: [{ tool: up/send, decision: deny, conditions: { path_prefix: /a } }]',
  ],
  [
    'facts_of_connector',
    'version: 1\nfacts: { ¦postgres.query: { paths: [sql] } }',
    'remove it',
    'version: 1\nfacts: { postgres/query: { paths: [sql] } }',
  ],
  [
    'allows_everything',
    rules('tool: [a, ¦"*"], decision: allow'),
    'name the tools, or write `default: allow`, which denies what is not known',
    rules('tool: [a, "*"], decision: allow, conditions: { key: admin }'),
  ],
  [
    'similar_id',
    rules('id: no-hr, tool: a, decision: deny', 'id: ¦No-HR, tool: b, decision: deny'),
    'give it another id',
    rules('id: no-hr, tool: a, decision: deny', 'id: no-hr2, tool: b, decision: deny'),
  ],
])('%s: %s', ([code, marked, fix, fine]) => {
  const before = marked.slice(0, marked.indexOf('¦')).split('\n')
  const at = { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 }
  const found = warningsOf(marked.replace('¦', '')).find((each) => each.code === code)
  expect(found).toMatchObject({ severity: 'warning', ...at })
  expect(found?.fix).toBe(fix)
  expect(codes(fine)).not.toContain(code)
  expect(DIAGNOSTIC_CODES).toHaveProperty(code)
})

describe('with the tools that a project offers', () => {
  test('a pattern that matches none of them is doubtful, and a name of another case comes with the right one', () => {
    const text = rules('tool: ["ext/*", "mysql.*", Ext/Run], decision: deny')
    expect(warningsOf(text, { offered }).map(({ code, fix }) => [code, fix])).toEqual([
      ['no_such_tool', undefined],
      ['no_such_tool', 'write ext/run'],
    ])
    expect(codes(text)).toEqual([])
    expect(codes('version: 1\nfacts: { "nowhere/*": { paths: [a] } }', { offered })).toEqual(['no_such_tool'])
    expect(codes(rules('tool: nowhere/a, method: resources/read, decision: deny'), { offered })).toEqual([])
  })

  test('a rule on facts that are only guessed is doubtful, one that tests none is not', () => {
    const on = (rest: string) => codes(rules(`tool: "ext/*", decision: allow${rest}`), { offered })
    expect(on(', conditions: { path_prefix: / }')).toEqual(['guessed_facts'])
    expect(on(', conditions: { key: k }')).toEqual([])
    expect(on('')).toEqual([])
    expect(
      codes(rules('tool: ext/stop, decision: allow, conditions: { path_prefix: / }'), { offered }),
    ).toEqual([])
  })
})

test('what would do a policy good is a hint, not a warning', () => {
  const hints = (text: string) =>
    parsePolicy(text).hints?.map(({ code, line, severity }) => [severity, code, line])
  expect(hints(rules('tool: a, decision: deny'))).toEqual([['hint', 'no_tests', 1]])
  expect(hints('version: 1\nrules: []')).toEqual([])
  const tested = `${rules('tool: a, decision: deny, conditions: {}')}tests: [{ name: n, call: { tool: a }, expect: deny }]`
  expect(hints(tested)).toEqual([['hint', 'says_nothing', 3]])
  expect(codes(tested)).toEqual([])
})
