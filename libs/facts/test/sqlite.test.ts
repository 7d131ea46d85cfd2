import { readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import type { StatementFacts } from '../src/sql/statement.ts'
import { sqliteFacts, type SqliteOptions } from '../src/sql/sqlite.ts'
import { expandsTooFar, withoutExplain } from '../src/sql/sqlite-text.ts'
import { spec, type StatementSpec } from './spec.ts'

const schema = JSON.parse(
  readFileSync(new URL('../spec/sqlite-schema.json', import.meta.url), 'utf8'),
) as string[]

function known(sql: string, options?: SqliteOptions): StatementFacts {
  const facts = sqliteFacts(sql, options)
  if ('unknown' in facts) throw new Error(`${sql}: ${facts.unknown}`)
  return facts
}

describe('statements of the spec', () => {
  test.each(spec<StatementSpec>('sqlite.jsonl'))(
    '$sql (schema: $schema)',
    ({ sql, schema: given, ...expected }) => {
      expect(known(sql, given ? { schema } : {})).toMatchObject(expected)
    },
  )
})

describe('what is refused', () => {
  test.each([
    ['nothing', ''],
    ['only a comment', '/* x */ -- y'],
    ['a syntax error', 'SELEC 1'],
    ['a NUL, behind which the engine sees nothing', 'SELECT 1\0; DROP TABLE t'],
    ['more than 100 kB', `SELECT '${'x'.repeat(100_000)}'`],
    ['an error after the first statement', 'SELECT 1; SELEC 2'],
    ['expressions in expressions', `SELECT ${'('.repeat(5_000)}1${')'.repeat(5_000)}`],
  ])('%s is unknown', (_, sql) => {
    expect(sqliteFacts(sql)).toHaveProperty('unknown')
  })

  test('a table that a given schema does not have is unknown, not made up', () => {
    expect(sqliteFacts('SELECT * FROM elsewhere', { schema })).toHaveProperty('unknown')
    expect(known('SELECT * FROM elsewhere').reads).toEqual(['elsewhere'])
  })

  test('common table expressions that multiply are refused before the engine compiles them', () => {
    const doubling = (n: number) =>
      `WITH a0(x) AS (SELECT 1)${Array.from({ length: n }, (_, i) => `, "a${i + 1}"(x) AS (SELECT l.x FROM a${i} l, [A${i}] r)`).join('')} SELECT * FROM a${n}`
    const start = performance.now()
    expect(sqliteFacts(doubling(25))).toHaveProperty('unknown')
    expect(performance.now() - start).toBeLessThan(1_000)
    expect(expandsTooFar(doubling(5))).toBe(false)
    expect(known(doubling(5)).read_only).toBe(true)
  })
})

test('a pragma in a view is asked about what the view says, beside what the statement says', () => {
  const own = [...schema, "CREATE VIEW told AS SELECT name FROM pragma_table_info('customers')"]
  const other = [...schema, "CREATE VIEW told AS SELECT name FROM pragma_table_info('cust' || 'omers')"]
  const sql = "SELECT told.name FROM told, pragma_table_info('invoices') p"
  expect(known('SELECT * FROM told', { schema: own }).reads).toEqual([
    'pragma_table_info',
    'told',
    'customers',
  ])
  expect(known(sql, { schema: own }).reads).toEqual(expect.arrayContaining(['invoices', 'customers']))
  expect(known(sql, { schema: own }).read_only).toBe(true)
  expect(known(sql, { schema: other }).reads).toContain('sqlite_master')
})

test('a pragma of the statement never reaches the process', () => {
  const limit = () => new DatabaseSync(':memory:').prepare('PRAGMA soft_heap_limit').get()
  const before = limit()
  for (const sql of ['PRAGMA soft_heap_limit = 90000000', 'EXPLAIN PRAGMA soft_heap_limit = 90000001']) {
    expect(known(sql).read_only).toBe(false)
  }
  expect(known('PRAGMA soft_heap_limit').read_only).toBe(true)
  expect(limit()).toEqual(before)
})

test('EXPLAIN inside a string or behind a comment end does not hide what runs', () => {
  expect(withoutExplain('/* a */ explain /* b */ query plan select 1')).toEqual({
    explained: true,
    body: 'select 1',
  })
  expect(withoutExplain("/* a */ DELETE FROM t WHERE '*/ explain select 1'")).toMatchObject({
    explained: false,
  })
})

test('foreign keys that cascade are writes of the other table; their checks are no reads', () => {
  expect(known('DELETE FROM customers', { schema }).writes).toEqual(['customers', 'invoices'])
  expect(known('INSERT INTO invoices(total) VALUES (1)', { schema }).reads).toEqual([])
})

test('a schema that cannot be loaded gives unknown, never a guess', () => {
  expect(sqliteFacts('SELECT 1', { schema: ['CREATE TABLE broken('] })).toHaveProperty('unknown')
})

test('one analysis leaves nothing behind for the next', () => {
  known('CREATE TEMP VIEW customers AS SELECT 1', { schema })
  known("ATTACH 'x' AS y; PRAGMA query_only = ON")
  expect(known('SELECT name FROM customers', { schema }).reads).toEqual(['customers'])
})

test('a virtual table that a join reaches without a column of its own is not missed', () => {
  const facts = known('SELECT 1 FROM (SELECT name AS title FROM customers) JOIN notes USING (title)', {
    schema,
  })
  expect(facts.read_only).toBe(false)
  expect(facts.accesses.map((a) => a.resource)).toContainEqual({ unknown: expect.any(String) as string })
})
