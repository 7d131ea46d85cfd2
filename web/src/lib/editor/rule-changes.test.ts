import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { changeRule, type RuleChange } from './rule-changes.ts'

const TEXT = `# What agents may do.
version: 1
default: deny # nothing else

rules:
  # Salaries are for nobody.
  - id: no-salaries
    tool: "postgres.query"   # the warehouse
    decision: deny
    conditions: { resources: ["hr.*"] }

  - id: read-orders
    description: Orders may be read
    tool: 'postgres.query'
    decision: allow
    conditions:
      operations: [read]
      resources:
        - "public.*" # all of it
        - analytics.*
    limits: { max_rows: 100, timeout: 5s }

tests:
  - name: salaries are denied
    call: { tool: postgres.query, arguments: { sql: "select * from hr.salaries" } }
    expect: deny
`

function changed(change: RuleChange, text = TEXT): string {
  const result = changeRule({ text, change })
  if ('problem' in result) throw new Error(result.problem)
  return result.text
}
const set = (index: number, path: string[], value: never | unknown) =>
  changed({ type: 'set', index, settings: [{ path, value: value as never }] })

test('a value changes where it stands, in the quotes it had, and nothing else does', () => {
  expect(set(0, ['tool'], 'postgres.*')).toBe(
    TEXT.replace('tool: "postgres.query"   #', 'tool: "postgres.*"   #'),
  )
  expect(set(1, ['decision'], 'ask')).toBe(TEXT.replace('decision: allow', 'decision: ask'))
  expect(set(1, ['limits', 'max_rows'], 50)).toBe(TEXT.replace('max_rows: 100', 'max_rows: 50'))
})

test('a list keeps how its other entries are written', () => {
  expect(set(0, ['conditions', 'resources'], ['hr.*', 'audit.*'])).toBe(
    TEXT.replace('["hr.*"]', '["hr.*", "audit.*"]'),
  )
  expect(set(1, ['conditions', 'operations'], ['read', 'write'])).toBe(
    TEXT.replace('[read]', '[read, write]'),
  )
})

test('a new key goes to its place among the others, in their style', () => {
  expect(set(1, ['redact'], ['email'])).toBe(
    TEXT.replace('timeout: 5s }\n', 'timeout: 5s }\n    redact: [email]\n'),
  )
  expect(set(0, ['description'], 'Nobody’s')).toContain('  - id: no-salaries\n    description: "Nobody’s"\n')
  expect(set(0, ['conditions', 'operations'], ['read'])).toContain(
    'conditions: { resources: ["hr.*"], operations: [read] }',
  )
  expect(set(0, ['limits', 'rate_limit', 'calls'], 5)).toContain('    limits: { rate_limit: { calls: 5 } }\n')
})

test('a key that is removed takes the map along that it leaves empty', () => {
  expect(set(0, ['conditions', 'resources'], undefined)).toBe(
    TEXT.replace('    conditions: { resources: ["hr.*"] }\n', ''),
  )
  expect(set(1, ['limits', 'max_rows'], undefined)).toBe(TEXT.replace('max_rows: 100, ', ''))
  expect(set(0, ['id'], undefined)).toContain('  # Salaries are for nobody.\n  - tool: "postgres.query"   #')
})

test('a rule moves and goes with the comment above it', () => {
  const moved = changed({ type: 'move', index: 0, to: 1 })
  expect(moved.indexOf('# Salaries are')).toBeGreaterThan(moved.indexOf('id: read-orders'))
  expect(changed({ type: 'move', index: 1, to: 0 }, moved)).toBe(TEXT)
  const without = changed({ type: 'remove', index: 0 })
  expect(without).not.toContain('Salaries are for nobody')
  expect(without).toContain('rules:\n  - id: read-orders')
})

test('a new rule stands apart as the others do, before the tests', () => {
  const yaml =
    'id: web\ntool: network.request\ndecision: allow\nconditions:\n  allowed_domains: ["a.example"]'
  expect(changed({ type: 'add', yaml })).toBe(
    TEXT.replace('timeout: 5s }\n', `timeout: 5s }\n\n  - ${yaml.replaceAll('\n', '\n    ')}\n`),
  )
  for (const text of [
    '',
    'version: 1\n',
    'version: 1\nrules: []\n',
    'version: 1\nrules:\n',
    'version: 1\ntests: []\n',
  ]) {
    const added = changed({ type: 'add', yaml }, text)
    expect(added).toContain('rules:\n  - id: web\n    tool: network.request\n')
    expect(changed({ type: 'remove', index: 0 }, added)).toMatch(/rules: \[\]/)
  }
})

test('a test is added to those there are, or begins the list at the end', () => {
  const yaml = 'name: t\ncall: { tool: x }\nexpect: deny'
  expect(changed({ type: 'add', list: 'tests', yaml })).toBe(
    `${TEXT}  - name: t\n    call: { tool: x }\n    expect: deny\n`,
  )
  expect(changed({ type: 'add', list: 'tests', yaml }, 'version: 1\nrules: []\n')).toBe(
    'version: 1\nrules: []\n\ntests:\n  - name: t\n    call: { tool: x }\n    expect: deny\n',
  )
})

test('a text that cannot be read is not touched', () => {
  expect(changeRule({ text: 'rules: [', change: { type: 'remove', index: 0 } })).toHaveProperty('problem')
  expect(changeRule({ text: TEXT, change: { type: 'remove', index: 9 } })).toHaveProperty('problem')
})

const cookbook = join(import.meta.dirname, '../../../../docs/policy/cookbook')
test.for(readdirSync(cookbook))('every comment of %s outlives every change of its rules', (file) => {
  const text = readFileSync(join(cookbook, file), 'utf8')
  const comments = text.split('\n').filter((line) => /^#/.test(line.trim()))
  const changes: RuleChange[] = [
    { type: 'set', index: 0, settings: [{ path: ['description'], value: 'Another' }] },
    { type: 'set', index: 0, settings: [{ path: ['conditions', 'environment'], value: ['prod'] }] },
    { type: 'add', yaml: 'tool: x\ndecision: deny' },
    ...(text.split(/\n {2}- (?:id|tool):/).length > 2 ? [{ type: 'move', index: 0, to: 1 } as const] : []),
  ]
  for (const change of changes) {
    const after = changed(change, text)
    for (const comment of comments) expect(after).toContain(comment.trim())
    const [was, is] = [text.split('\n').length, after.split('\n').length]
    expect(Math.abs(was - is)).toBeLessThan(6)
  }
})
