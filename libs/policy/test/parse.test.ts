import fc from 'fast-check'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { compile } from '../src/compile.ts'
import { couldAllow } from '../src/could-allow.ts'
import { decide } from '../src/decide.ts'
import { checkPolicy, parsePolicy } from '../src/parse.ts'
import { DETECTORS } from '../src/schema.ts'
import { calls, contexts, policies } from './generate.ts'

const RULES = 'version: 1\nrules:\n'
const rule = (rest: string) => `${RULES}  - { tool: postgres.query, ${rest} }\n`

describe('what is wrong is said with its line and column', () => {
  // `¦` marks the place that the diagnostic must name.
  test.for<[what: string, marked: string, code: string]>([
    ['an empty document', '¦', 'wrong_type'],
    ['a list', '¦- a', 'wrong_type'],
    ['no version', '¦rules: []', 'missing_key'],
    ['another version', 'version: ¦2', 'wrong_value'],
    ['a version as text', 'version: ¦"1"', 'wrong_value'],
    ['an unknown key', 'version: 1\n¦rule: []', 'unknown_key'],
    ['an unknown key of a rule', rule('decision: deny, ¦when: x'), 'unknown_key'],
    ['an unknown condition', rule('decision: deny, conditions: { ¦path: /a }'), 'unknown_condition'],
    [
      'an unknown constraint',
      rule('decision: deny, conditions: { parameters: { a: { ¦min: 1 } } }'),
      'unknown_key',
    ],
    ['an unknown decision', rule('decision: ¦permit'), 'wrong_value'],
    ['a rule without a tool', 'version: 1\nrules:\n  - ¦decision: deny', 'missing_key'],
    ['a rule without a decision', 'version: 1\nrules:\n  - ¦tool: a', 'missing_key'],
    ['a number for a glob', 'version: 1\nrules:\n  - tool: ¦7\n    decision: deny', 'wrong_type'],
    ['an empty list', 'version: 1\nrules:\n  - tool: ¦[]\n    decision: deny', 'wrong_value'],
    ['a key that stands twice', 'version: 1\ndefault: deny\n¦default: allow', 'duplicate_key'],
    [
      'a condition that stands twice',
      rule('decision: deny, conditions: { key: a, ¦key: b }'),
      'duplicate_key',
    ],
    ['a tag', 'version: 1\nrules: ¦!!js/function "x"', 'yaml_tag'],
    ['a tag of its own', 'version: ¦!mine 1', 'yaml_tag'],
    ['a tag of YAML beyond the core schema', 'version: 1\ndefault: !!binary ¦aGk=', 'yaml_tag'],
    ['another version of YAML', '¦%YAML 1.1\n---\nversion: 1', 'yaml_version'],
    ['two documents', 'version: 1\n¦---\nversion: 1', 'yaml_syntax'],
    ['a merge key', 'version: 1\nrules:\n  - ¦<<: {}\n    tool: a', 'yaml_key'],
    ['a key with a meaning of its own', 'version: 1\n¦__proto__: 1', 'yaml_key'],
    ['an alias of nothing', 'version: ¦*one', 'yaml_alias'],
    ['an alias inside what it names', 'version: 1\nrules: &r [¦*r]', 'yaml_alias'],
    ['a number without end', 'version: ¦.inf', 'yaml_number'],
    ['a quote without end', 'version: "1¦', 'yaml_syntax'],
    [
      'the same id twice',
      'version: 1\nrules:\n  - { id: a, tool: a, decision: deny }\n  - { id: ¦a, tool: b, decision: deny }',
      'duplicate_id',
    ],
    [
      'an id that another rule has by its place',
      'version: 1\nrules:\n  - { id: rule-2, tool: a, decision: deny }\n  - ¦{ tool: b, decision: deny }',
      'duplicate_id',
    ],
    ['the id of the default', rule('id: ¦default, decision: deny'), 'wrong_value'],
    [
      'an empty domain',
      rule('decision: allow, conditions: { allowed_domains: [a.test, ¦""] }'),
      'bad_domain',
    ],
    [
      'a domain with a path',
      rule('decision: allow, conditions: { allowed_domains: ¦a.test/x }'),
      'bad_domain',
    ],
    [
      'a star inside a domain',
      rule('decision: allow, conditions: { allowed_domains: ¦a*.test }'),
      'bad_domain',
    ],
    ['a relative folder', rule('decision: allow, conditions: { path_prefix: ¦data }'), 'bad_path'],
    ['a folder with dots', rule('decision: allow, conditions: { path_prefix: ¦/data/../etc }'), 'bad_path'],
    [
      'allowed domains that are denied',
      rule('decision: deny, conditions: { ¦allowed_domains: a.test }'),
      'allowed_domains_in_deny',
    ],
    ['a limit on a denial', rule('decision: deny, ¦limits: { timeout: 1s }'), 'limits_in_deny'],
    ['a redaction on a denial', rule('decision: deny, ¦redact: [email]'), 'redact_in_deny'],
    [
      'rows of what has none',
      'version: 1\nrules:\n  - { tool: github/search, decision: allow, limits: { max_rows: ¦5 } }',
      'max_rows_off_connector',
    ],
    [
      'rows of a glob that reaches too far',
      'version: 1\nrules:\n  - { tool: "postgres*", decision: allow, limits: { max_rows: ¦5 } }',
      'max_rows_off_connector',
    ],
    ['a duration without a unit', rule('decision: allow, limits: { timeout: ¦5 }'), 'wrong_type'],
    ['a duration too long', rule('decision: allow, limits: { timeout: ¦999d }'), 'wrong_value'],
    [
      'no calls at all',
      rule('decision: allow, limits: { rate_limit: { calls: ¦0, per: 1m } }'),
      'wrong_value',
    ],
    ['a wait that is no ask', rule('decision: allow, ¦timeout: 5m'), 'timeout_without_ask'],
    ['an unknown detector', rule('decision: allow, redact: [¦emial]'), 'wrong_value'],
    [
      'a redaction of two kinds',
      rule('decision: allow, redact: [{ detector: email, ¦fields: [a] }]'),
      'unknown_key',
    ],
    ['a pattern that looks ahead', rule('decision: allow, redact: [{ pattern: ¦"(?=a)" }]'), 'bad_pattern'],
    [
      'a pattern that does not end',
      rule('decision: allow, conditions: { parameters: { a: { pattern: ¦"(" } } }'),
      'bad_pattern',
    ],
    [
      'a pattern that is too large',
      rule('decision: allow, conditions: { parameters: { a: { pattern: ¦"(a{1000}b{999}){1}" } } }'),
      'bad_pattern',
    ],
    [
      'a range with nothing in it',
      rule('decision: allow, conditions: { parameters: { a: { minimum: 2, maximum: ¦1 } } }'),
      'empty_range',
    ],
    [
      'a parameter without a name',
      rule('decision: allow, conditions: { parameters: { ¦a..b: { minimum: 2 } } }'),
      'bad_parameter',
    ],
    [
      'a time zone of another planet',
      rule('decision: allow, conditions: { time: { timezone: ¦Mars/Olympus } }'),
      'bad_time',
    ],
    [
      'an hour too many',
      rule('decision: allow, conditions: { time: { hours: ¦"08:00-25:00" } }'),
      'bad_time',
    ],
    ['no hours', rule('decision: allow, conditions: { time: { hours: ¦"08:00-08:00" } }'), 'bad_time'],
    ['a day of no week', rule('decision: allow, conditions: { time: { days: ¦[mon-foo] } }'), 'bad_time'],
    ['no name in a field', rule('decision: allow, redact: [{ fields: [a, ¦a..b] }]'), 'bad_field'],
    [
      'an empty name in a domain',
      rule('decision: allow, conditions: { allowed_domains: ¦.a.test }'),
      'bad_domain',
    ],
    [
      'a test that expects nothing',
      'version: 1\ntests: [{ name: a, call: { tool: a }, expect: ¦{} }]',
      'empty_expectation',
    ],
    [
      'a test at no time',
      'version: 1\ntests: [{ name: a, call: { tool: a, context: { time: ¦now } }, expect: deny }]',
      'bad_time',
    ],
  ])('%s', ([, marked, code]) => {
    const before = marked.slice(0, marked.indexOf('¦')).split('\n')
    const { policy, diagnostics } = parsePolicy(marked.replace('¦', ''))
    expect(policy).toBeUndefined()
    expect(diagnostics[0]).toMatchObject({
      code,
      severity: 'error',
      line: before.length,
      column: (before.at(-1)?.length ?? 0) + 1,
    })
    expect(diagnostics[0]?.message).toMatch(/\S/)
  })

  test('the fix for a deny rule with allowed_domains is named in the message', () => {
    const [problem] = parsePolicy(rule('decision: deny, conditions: { allowed_domains: a.test }')).diagnostics
    expect(problem?.message).toContain('blocked_domains')
    expect(problem?.fix).toContain('blocked_domains')
  })

  test('a misspelt name comes with the right one', () => {
    expect(parsePolicy(rule('decision: deny, conditions: { path_prefx: /a }')).diagnostics[0]?.fix).toBe(
      'write path_prefix',
    )
    expect(parsePolicy(rule('decision: alow')).diagnostics[0]?.fix).toBe('write allow')
    const fixed = (conditions: string) =>
      parsePolicy(rule(`decision: allow, conditions: { ${conditions} }`)).diagnostics[0]?.fix
    expect(fixed('allowed_domains: "https://a.test:8443/v1?x"')).toBe('write https://a.test:8443')
    expect(fixed('allowed_domains: .a.test')).toBe('write *.a.test')
    expect(fixed('path_prefix: data/x')).toBe('write /data/x')
    expect(fixed('path_prefix: "C:/data"')).toBeUndefined()
    expect(parsePolicy(rule('decision: allow, redact: [emial]')).diagnostics[0]?.fix).toBe('write email')
  })

  test("an organisation's policy holds deny and ask rules only", () => {
    const text = rule('decision: allow')
    expect(parsePolicy(text).policy).toBeDefined()
    expect(parsePolicy(text, { organization: true }).diagnostics[0]).toMatchObject({
      code: 'organization_allow',
      line: 3,
    })
    expect(parsePolicy(rule('decision: ask'), { organization: true }).policy).toBeDefined()
    expect(parsePolicy('version: 1\ndefault: allow', { organization: true }).diagnostics[0]).toMatchObject({
      code: 'organization_default',
      line: 2,
    })
    expect(() =>
      compile({ version: 1 }, { above: { version: 1, rules: [{ tool: 'a', decision: 'allow' }] } }),
    ).toThrow()
  })
})

describe('what is right is read', () => {
  test('words that older YAML takes for booleans are text', () => {
    const { policy } = parsePolicy(rule('decision: deny, conditions: { environment: [no, on, off, yes] }'))
    expect(policy?.rules?.[0]?.conditions?.environment).toEqual(['no', 'on', 'off', 'yes'])
  })

  test('anchors and aliases are expanded', () => {
    const { policy } = parsePolicy(
      `${RULES}  - { tool: &t [a, b], decision: deny }\n  - { tool: *t, decision: deny, conditions: { key: k } }`,
    )
    expect(policy?.rules?.[1]?.tool).toEqual(['a', 'b'])
  })

  test('positions inside an alias are those of what it names', () => {
    const text = `${RULES}  - { tool: a, decision: deny, conditions: &c { path_prefix: rel } }\n  - { tool: b, decision: deny, conditions: *c }`
    expect(parsePolicy(text).diagnostics.map(({ line, column }) => [line, column])).toEqual([
      [3, 62],
      [3, 62],
    ])
  })

  test('a checked policy is plain JSON and is checked again as such', () => {
    const text = rule('decision: allow, limits: { rate_limit: { calls: 5, per: 1m } }, redact: [email]')
    const { policy } = parsePolicy(text)
    const sent = JSON.parse(JSON.stringify(policy)) as unknown
    expect(checkPolicy(sent).policy).toEqual(policy)
    expect(checkPolicy({ ...(sent as object), extra: 1 }).policy).toBeUndefined()
    for (const wrong of [null, 7, 'version: 1', [], { version: 1, rules: 'x' }])
      expect(checkPolicy(wrong).policy).toBeUndefined()
  })

  test('the files of spec/ name no detector that does not exist', () => {
    const folder = join(import.meta.dirname, '../spec')
    expect(
      readdirSync(folder)
        .filter((name) => name.endsWith('.yaml'))
        .every((name) => readFileSync(join(folder, name), 'utf8').startsWith('# yaml')),
    ).toBe(true)
    expect(new Set(DETECTORS).size).toBe(DETECTORS.length)
  })
})

describe('what lists show', () => {
  test('every tool of which a call is allowed or asked for', () => {
    fc.assert(
      fc.property(policies, calls, contexts, (policy, facts, context) => {
        const compiled = compile(policy)
        const { decision } = decide(compiled, facts, context)
        if (decision !== 'deny') expect(couldAllow(compiled, facts.method, facts.tool, context)).toBe(true)
      }),
    )
  })

  test('no tool whose every call is denied', () => {
    const shows = (policy: string, context = {}) => {
      const read = parsePolicy(`${RULES}${policy}`)
      if (read.policy === undefined) throw new Error(JSON.stringify(read.diagnostics))
      return couldAllow(compile(read.policy), 'tools/call', 'a', context)
    }
    expect(shows('  - { tool: b, decision: allow }')).toBe(false)
    expect(shows('  - { tool: a, decision: allow }')).toBe(true)
    expect(shows('  - { tool: a, decision: ask }')).toBe(true)
    expect(shows('  - { tool: "*", decision: deny }\n  - { tool: a, decision: allow }')).toBe(false)
    expect(
      shows(
        '  - { tool: "*", decision: deny, conditions: { path_prefix: /etc } }\n  - { tool: a, decision: allow }',
      ),
    ).toBe(true)
    const prod =
      '  - { tool: "*", decision: deny, conditions: { environment: prod } }\n  - { tool: a, decision: allow }'
    expect(shows(prod, { environment: 'prod' })).toBe(false)
    expect(shows(prod, { environment: 'dev' })).toBe(true)
    expect(shows('  - { tool: a, decision: allow, conditions: { key: k } }', { key: 'other' })).toBe(false)
    expect(couldAllow(compile({ version: 1, default: 'allow' }), 'tools/call', 'not canonical', {})).toBe(
      false,
    )
  })
})
