// Whole classes of statements: those that do more than read, in every disguise, and those that people send all day; with
// the schema and without. sqlite-differential.test.ts runs the harmless ones.
import { describe, expect, test } from 'vitest'
import { sqliteFacts, type SqliteOptions } from '../src/sql/sqlite.ts'
import { spec } from './spec.ts'
import { worldSchema } from './sqlite-world.ts'

type Line = { group: string; sql: string }

const isReadOnly = (sql: string, options: SqliteOptions) => {
  const facts = sqliteFacts(sql, options)
  return !('unknown' in facts) && facts.read_only
}

describe.each<[string, SqliteOptions]>([
  ['without a schema', {}],
  ['with the schema', { schema: worldSchema }],
])('%s', (_, options) => {
  const attacks = spec<Line>('sqlite-attacks.jsonl')
  test.each([...new Set(attacks.map(({ group }) => group))])('%s is not taken for reading', (group) => {
    const taken = attacks.filter((line) => line.group === group && isReadOnly(line.sql, options))
    expect(taken.map(({ sql }) => sql)).toEqual([])
  })

  const harmless = spec<Line>('sqlite-harmless.jsonl')
  test.each([...new Set(harmless.map(({ group }) => group))])('%s is taken for reading', (group) => {
    const refused = harmless.filter((line) => line.group === group && !isReadOnly(line.sql, options))
    expect(refused.map(({ sql }) => sql)).toEqual([])
  })
})

describe('without a schema a bare name is noted of every table it may be a column of', () => {
  test.each([
    ['an output of that name', `SELECT name AS ssn FROM users WHERE ssn LIKE '1%'`],
    ['an output named without AS', `SELECT name ssn FROM users WHERE ssn LIKE '1%'`],
    ['an output in brackets', `SELECT name [ssn] FROM users GROUP BY ssn`],
    [
      'a column further out',
      `SELECT 1 FROM (SELECT 1 AS ssn) q WHERE EXISTS (SELECT 1 FROM users WHERE ssn > 1)`,
    ],
    ['a column of a table function', `SELECT 1 FROM json_each('[]') WHERE EXISTS (SELECT value FROM users)`],
  ])('although there is %s', (_, sql) => {
    const facts = sqliteFacts(sql)
    if ('unknown' in facts) throw new Error(facts.unknown)
    expect(facts.accesses.find(({ resource }) => resource === 'users')?.fields).toContain(
      sql.includes('ssn') ? 'ssn' : 'value',
    )
  })

  test('but not an output that is only sorted by, or only given', () => {
    const facts = sqliteFacts('SELECT count(*) AS n, max(name) last FROM users ORDER BY n DESC, last LIMIT 3')
    expect(facts).toMatchObject({ fields: ['name'] })
  })

  test('and a row’s number may be any key', () => {
    expect(sqliteFacts('SELECT rowid FROM users')).toMatchObject({ fields: null })
    expect(sqliteFacts('SELECT rowid FROM users', { schema: worldSchema })).toMatchObject({ fields: ['id'] })
  })

  test('a table that nothing is done with is read all the same', () => {
    const sql =
      'SELECT 1 WHERE EXISTS (SELECT 1 FROM (SELECT (SELECT max(a) FROM hidden, decoy) AS b FROM t) q)'
    expect(sqliteFacts(sql)).toMatchObject({ read_only: true })
    const facts = sqliteFacts(sql)
    expect('reads' in facts && facts.reads.toSorted()).toEqual(['decoy', 'hidden', 't'])
  })
})
