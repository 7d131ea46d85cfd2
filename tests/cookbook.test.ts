// The cookbook is code: every policy in it is checked, and its own tests run on facts drawn as a decision point
// draws them.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { drawFacts, prepareParsers } from '@mcpshield/facts/draw'
import { parsePolicy } from '@mcpshield/policy/parse'
import { runPolicyTests } from '@mcpshield/policy/run-tests'
import type { Policy } from '@mcpshield/policy/schema'

const docs = join(import.meta.dirname, '../docs/policy')
const files = readdirSync(join(docs, 'cookbook')).filter((name) => name.endsWith('.yaml'))

// MySQL's parsers are loaded with the first statement, which takes seconds on a busy machine.
beforeAll(async () => {
  await prepareParsers()
  drawFacts({ method: 'tools/call', tool: 'mysql.query', arguments: { sql: 'select 1' } })
}, 60_000)

const read = (file: string) => readFileSync(join(docs, 'cookbook', file), 'utf8')
const parsed = (file: string) => parsePolicy(read(file), { organization: file.startsWith('organization-') })

const run = (policy: Policy) =>
  runPolicyTests(policy, (call) =>
    drawFacts(call, {
      ...(policy.facts === undefined ? {} : { declarations: policy.facts }),
      connections: connectionsOf(policy),
    }),
  )

/** The one connection of each kind that these policies speak of. */
function connectionsOf({ facts = {} }: Policy) {
  const declared = Object.values(facts).flatMap(({ sql }) =>
    sql?.connection === undefined ? [] : [sql.connection],
  )
  const main = ['postgresql', 'mysql', 'sqlite', 'mongodb', 'redis'].map((kind) => ({ name: 'main', kind }))
  return [
    ...main,
    ...[...new Set(declared)].map((name) => ({ name, kind: 'postgresql', search_path: ['public'] })),
  ]
}

describe.for(files)('%s', { timeout: 30_000 }, (file) => {
  test('has no error, no warning and nothing that would do it good', () => {
    const { diagnostics, hints } = parsed(file)
    expect(diagnostics).toEqual([])
    expect(hints).toEqual([])
  })

  test('decides as its own tests say', () => {
    const { policy } = parsed(file)
    if (policy === undefined) throw new Error('The policy must be valid.')
    const failed = run(policy).filter(({ passed }) => !passed)
    expect(
      failed.map(({ name, expected, got }) => ({
        name,
        expected,
        decision: got.decision,
        rule: got.rule,
        reason: got.reason,
      })),
    ).toEqual([])
  })

  test('tests what goes through and what does not, at least four calls', () => {
    const { policy } = parsed(file)
    if (policy === undefined) throw new Error('The policy must be valid.')
    const results = run(policy)
    expect(results.length).toBeGreaterThanOrEqual(4)
    expect(results.some(({ got }) => got.decision === 'deny')).toBe(true)
    expect(results.some(({ got }) => got.decision !== 'deny')).toBe(true)
    const deciding = new Set(results.map(({ got }) => got.rule))
    const untested = (policy.rules ?? [])
      .map(({ id }) => id)
      .filter((id) => id === undefined || !deciding.has(id))
    expect(untested).toEqual([])
  })

  test('stands in the index, and begins with what an editor needs', () => {
    expect(readFileSync(join(docs, 'cookbook.md'), 'utf8')).toContain(`(cookbook/${file})`)
    expect(
      read(file).startsWith(
        '# yaml-language-server: $schema=../../../libs/policy/schema/policy.schema.json\n# ',
      ),
    ).toBe(true)
  })
})

test('there are twenty policies and more', () => expect(files.length).toBeGreaterThanOrEqual(20))
