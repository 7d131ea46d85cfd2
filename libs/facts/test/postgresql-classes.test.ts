// Whole classes of statements: those that do more than read, in every disguise, and those that people send all day.
// postgresql-differential.it.test.ts runs the harmless ones on the server.
import { beforeAll, describe, expect, test } from 'vitest'
import { postgresqlFacts, preparePostgresql } from '../src/sql/postgresql.ts'
import { spec } from './spec.ts'

type Line = { group: string; sql: string }

beforeAll(preparePostgresql)

const isReadOnly = (sql: string) => {
  const facts = postgresqlFacts(sql)
  return !('unknown' in facts) && facts.read_only
}

describe('what does more than read is not taken for reading', () => {
  const lines = spec<Line>('postgresql-attacks.jsonl')
  test.each([...new Set(lines.map(({ group }) => group))])('%s', (group) => {
    const taken = lines.filter((line) => line.group === group && isReadOnly(line.sql))
    expect(taken.map(({ sql }) => sql)).toEqual([])
  })

  test('and is understood, but for what is no PostgreSQL', () => {
    const unknown = lines.filter(({ sql, group }) => group !== 'several' && 'unknown' in postgresqlFacts(sql))
    expect(unknown.map(({ sql }) => sql)).toEqual([])
  })
})

describe('what is harmless is taken for reading', () => {
  const lines = spec<Line>('postgresql-harmless.jsonl')
  test.each([...new Set(lines.map(({ group }) => group))])('%s', (group) => {
    const refused = lines.filter((line) => line.group === group && !isReadOnly(line.sql))
    expect(refused.map(({ sql }) => sql)).toEqual([])
  })
})

describe('where all tables are known, a name that no row has is a function', () => {
  const schema = { 'public.users': ['id', 'name', 'home'] }
  const readOnly = (sql: string) => {
    const facts = postgresqlFacts(sql, { schema })
    return !('unknown' in facts) && facts.read_only
  }
  test.each([
    ['SELECT (u).touch FROM users u', 'SELECT (u).name FROM users u'],
    ['SELECT (users).touch FROM users', 'SELECT (users).id FROM users'],
    ['SELECT (NULL::users).touch', 'SELECT (NULL::app.address).street'],
    ['SELECT ((SELECT u FROM users u)).touch', 'SELECT ((SELECT u FROM users u)).name'],
    ['SELECT ((array_agg(u))[1]).touch FROM users u', 'SELECT ((array_agg(u))[1]).id FROM users u'],
    ['SELECT x.touch FROM unnest(ARRAY(TABLE users)) x', 'SELECT x.name FROM unnest(ARRAY(TABLE users)) x'],
    ['SELECT (q.r).touch FROM (SELECT u AS r FROM users u) q', 'SELECT (u.home).city FROM users u'],
    ['SELECT (json_populate_record(NULL::users, $1)).touch', 'SELECT (json_each($1)).key'],
  ])('%s, and not %s', (call, field) => {
    expect([readOnly(call), readOnly(field)]).toEqual([false, true])
  })
})
