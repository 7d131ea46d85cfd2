import type { StatementFacts } from '../src/sql/statement.ts'
import { beforeAll, describe, expect, test } from 'vitest'
import { expression } from '../src/sql/postgresql-expressions.ts'
import { inside } from '../src/sql/postgresql-names.ts'
import type { Walk } from '../src/sql/postgresql-walk.ts'
import { createLedger } from '../src/sql/statement.ts'
import {
  postgresqlFacts,
  postgresqlSchema,
  preparePostgresql,
  type PostgresqlOptions,
} from '../src/sql/postgresql.ts'
import { spec, type StatementSpec } from './spec.ts'

beforeAll(preparePostgresql)

function known(sql: string, options?: PostgresqlOptions): StatementFacts {
  const facts = postgresqlFacts(sql, options)
  if ('unknown' in facts) throw new Error(`${sql}: ${facts.unknown}`)
  return facts
}

const fieldsOf = (facts: StatementFacts) =>
  Object.fromEntries(facts.accesses.map((a) => [a.resource, a.fields])) as Record<string, unknown>

describe('statements of the spec', () => {
  test.each(spec<StatementSpec>('postgresql.jsonl'))('$sql', ({ sql, ...expected }) => {
    expect(known(sql)).toMatchObject(expected)
  })
})

describe('columns', () => {
  let schema: Record<string, string[]>
  beforeAll(() => {
    schema = postgresqlSchema(
      'CREATE TABLE users (id int, name text, ssn text); CREATE TABLE sales.orders (id int, user_id int, total numeric)',
    )
  })

  test('a column without its table is noted of every table that may have it', () => {
    const fields = fieldsOf(known('SELECT ssn FROM users WHERE id IN (SELECT total FROM orders)'))
    expect(fields).toEqual({ users: ['ssn', 'id', 'total'], orders: ['total'] })
  })

  test('with the columns known, each is noted of its own table only', () => {
    const options = { schema, searchPath: ['public', 'sales'] }
    expect(fieldsOf(known('SELECT ssn FROM users WHERE id IN (SELECT total FROM orders)', options))).toEqual({
      'public.users': ['ssn', 'id'],
      'sales.orders': ['total'],
    })
    expect(fieldsOf(known('SELECT * FROM users', options))).toEqual({ 'public.users': ['id', 'name', 'ssn'] })
    expect(fieldsOf(known('SELECT u.b FROM users u(a, b)', options))).toEqual({ 'public.users': ['name'] })
  })

  test('an output name is not a column, and a column of that name in another place is', () => {
    expect(known('SELECT total AS t FROM orders ORDER BY t').fields).toEqual(['total'])
    expect(known('SELECT total AS t FROM orders WHERE t > 1').fields).toEqual(['total', 't'])
  })

  test('every way of naming all columns is unknown without a schema', () => {
    for (const sql of [
      'SELECT * FROM t',
      'SELECT t FROM t',
      'SELECT x.* FROM t x',
      'SELECT to_json(x) FROM t x',
      'SELECT count(x.*) FROM t x',
      'SELECT 1 FROM t NATURAL JOIN u',
      'SELECT x.y FROM t x(y)',
      'DELETE FROM t',
      'SELECT stranger.a FROM t',
    ])
      expect(known(sql).fields, sql).toBeNull()
    expect(known('SELECT count(*) FROM t').fields).toEqual([])
  })

  test('a column that a known table does not have is a function of its row', () => {
    const options = { schema }
    expect(known('SELECT u.name FROM users u', options).read_only).toBe(true)
    expect(known('SELECT u.touch FROM users u', options)).toMatchObject({
      read_only: false,
      functions: ['touch'],
    })
    expect(known('SELECT u.ctid FROM users u', options).read_only).toBe(true)
  })
})

describe('names', () => {
  test('are reported as written without a search path', () => {
    expect(known('SELECT 1 FROM users, sales.orders').reads).toEqual(['users', 'sales.orders'])
  })

  test('are resolved on a search path', () => {
    expect(known('SELECT 1 FROM users', { searchPath: ['app'] }).reads).toEqual(['app.users'])
    expect(known('SELECT 1 FROM pg_authid', { searchPath: ['app'] }).reads).toEqual(['pg_catalog.pg_authid'])
  })

  test('stand for every table they may mean where the search path leaves a choice', () => {
    expect(known('SELECT 1 FROM users', { searchPath: ['a', 'b'] }).reads).toEqual(['a.users', 'b.users'])
  })

  test('with a dot inside are not read as a schema and a table', () => {
    expect(known('SELECT 1 FROM "sales.orders"').reads).toEqual(['"sales.orders"'])
  })
})

describe('what is refused', () => {
  test.each([
    ['nothing', ''],
    ['only a comment', '-- x'],
    ['a syntax error', 'SELEC 1'],
    ['MySQL', 'SELECT `a` FROM b'],
    ['a NUL, behind which the parser sees nothing', 'SELECT 1\0; DROP TABLE t'],
    ['half a surrogate pair', "SELECT '\ud800'"],
    ['more than 100 kB', `SELECT '${'x'.repeat(100_000)}'`],
    ['brackets without end', `SELECT ${'('.repeat(5_000)}1${')'.repeat(5_000)}`],
    ['queries in queries', `SELECT ${'(SELECT '.repeat(2_000)}1${')'.repeat(2_000)}`],
    ['operators without end', `SELECT 1${' + 1'.repeat(20_000)}`],
    ['negations without end', `SELECT ${'NOT '.repeat(5_000)}true`],
    ['an operator that the lexer reads again and again', `${'/*'.repeat(40_000)} SELECT 1`],
  ])('%s is unknown', (_, sql) => {
    const start = performance.now()
    expect(postgresqlFacts(sql)).toHaveProperty('unknown')
    expect(performance.now() - start).toBeLessThan(2_000)
    expect(known('SELECT 1').read_only).toBe(true)
  })

  test('a node that is not known here is refused, wherever it stands', () => {
    const walk: Walk = { ledger: createLedger(), options: {}, planOnly: false, nested: () => {} }
    const scope = inside(null)
    const walkThrough = (node: unknown) => () => expression(walk, node, scope)
    expect(walkThrough({ NullTest: { arg: { ParamRef: { number: 1 } } } })).not.toThrow()
    expect(walkThrough({ FutureNode: {} })).toThrow('FutureNode')
    expect(walkThrough({ NullTest: { arg: { FutureNode: {} } } })).toThrow('FutureNode')
    expect(walkThrough({ NullTest: { surprise: { arg: 1, also: 2 } } })).toThrow('not known here')
  })

  test('a long list of values is no depth', () => {
    const values = Array.from({ length: 10_000 }, (_, i) => i).join()
    expect(known(`SELECT a FROM t WHERE b IN (${values})`).read_only).toBe(true)
  })
})

test('a function declared pure is one, and its neighbour is not', () => {
  const options = { pureFunctions: ['app.tax'] }
  expect(known('SELECT app.tax(1)', options)).toMatchObject({ read_only: true, functions: ['app.tax'] })
  expect(known('SELECT app.taxi(1)', options).read_only).toBe(false)
})

test('what a function reads by a string is unknown, and named where the string can be read', () => {
  const facts = known("SELECT query_to_xml('SELECT * FROM payroll', true, true, '')")
  expect(facts.reads).toEqual(['payroll'])
  expect(facts.accesses.some((a) => typeof a.resource === 'object' && a.resource !== null)).toBe(true)
})

test('every statement has an access, one without data the resource null', () => {
  expect(known('SELECT 1').accesses).toEqual([
    { operation: 'read', resource: null, fields: [], functions: [] },
  ])
  expect(known('SELECT 1; SELECT 2').accesses).toHaveLength(2)
})
