import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createDatabase, isUpToDate, layoutOf, statementFor, type ServerFacts } from './replication.ts'
import { scopeOf } from './scope.ts'
import { selectCount, selectCounted, selectTotal } from './usage-queries.ts'

const FOLDER = join(import.meta.dirname, 'tables')
const MEMBERS = join(import.meta.dirname, '../../../infra/stores/clickhouse-members.xml')

const one: ServerFacts = { engine: '', macros: [], is_shared: false, quorum: '0' }
const member: ServerFacts = {
  engine: 'Replicated',
  macros: ['replica', 'shard'],
  is_shared: false,
  quorum: 'auto',
}

describe('the layout is what the server says', () => {
  test('one server, with the database or before it is made', () => {
    expect(layoutOf(one, 'd')).toBe('one')
    expect(layoutOf({ ...one, engine: 'Atomic' }, 'd')).toBe('one')
  })

  test('one server that has a cluster’s macros keeps the database that it has', () => {
    expect(layoutOf({ ...one, engine: 'Atomic', macros: ['replica', 'shard'] }, 'd')).toBe('one')
  })

  test('replicas, where the database is of engine Replicated', () => {
    for (const quorum of ['auto', '2', '3']) expect(layoutOf({ ...member, quorum }, 'd')).toBe('replicas')
  })

  test('a server whose databases replicate by themselves needs nothing of ours', () => {
    expect(layoutOf({ ...member, engine: 'Shared', is_shared: true }, 'd')).toBe('one')
  })
})

describe('refused, with what to do', () => {
  test('a database that only the server that was reached would have', () => {
    expect(() => layoutOf({ ...member, engine: '' }, 'd')).toThrow(
      "Run on each of them: CREATE DATABASE IF NOT EXISTS d ENGINE = Replicated('/clickhouse/databases/d', '{shard}', '{replica}')",
    )
  })

  test.each(['0', '1', ''])('replicas of which one alone acknowledges: insert_quorum %j', (quorum) => {
    expect(() => layoutOf({ ...member, quorum }, 'd')).toThrow("Set insert_quorum to 'auto'")
  })

  test.each(['Atomic', ''])('a quorum where one server has the database, or would make it (%j)', (engine) => {
    expect(() => layoutOf({ ...one, engine, quorum: 'auto' }, 'd')).toThrow('kept by one alone')
  })
})

describe('statements', () => {
  const files = readdirSync(FOLDER).map((name) => [name, readFileSync(join(FOLDER, name), 'utf8')] as const)

  test.each(files)('%s is as it is written for one server', (_name, text) => {
    expect(statementFor('one', text)).toBe(text)
  })

  test.each(files)('%s makes no table for replicas that only one of them has', (_name, text) => {
    const replicated = statementFor('replicas', text)
    const enginesOf = (each: string) => [...each.matchAll(/\bENGINE = (\w+)/g)].map(([, engine]) => engine)
    expect(enginesOf(replicated)).toEqual(enginesOf(text).map((engine) => `Replicated${engine}`))
    expect(enginesOf(text).length).toBe(text.includes('CREATE TABLE') ? 1 : 0)
    // Nothing else is touched.
    expect(replicated.replaceAll('ENGINE = Replicated', 'ENGINE = ')).toBe(text)
  })

  test.each(files)('%s is one that a Replicated database passes on', (_name, text) => {
    // It refuses to rename several tables at once, and CREATE … AS SELECT would be filled on each replica.
    expect(text).not.toMatch(/ON CLUSTER|EXCHANGE|\bTO\b[^,]*,[^,]*\bTO\b|CREATE TABLE[^(]*\bAS\b|TRUNCATE/)
  })

  test('the servers of infra/stores make the database as it is said here', () => {
    expect(readFileSync(MEMBERS, 'utf8')).toContain(
      `<query>${createDatabase('replicas', 'mcpshield')}</query>`,
    )
  })

  test('the database is replicated where there are replicas only', () => {
    expect(createDatabase('one', 'd')).toBe('CREATE DATABASE IF NOT EXISTS d')
    expect(createDatabase('replicas', 'd')).toContain('ENGINE = Replicated')
  })
})

test('counts on which something is decided are not asked of a replica that is behind; those that are shown are', async () => {
  const asked: string[] = []
  const reader = {
    database: 'd',
    select: async <Row>(query: string) => {
      asked.push(query)
      return [] as Row[]
    },
  }
  const scope = scopeOf(reader, 'o', 30)
  const span = { fromMs: 0, toMs: 1 }
  await selectCount(scope, span)
  await selectCounted(scope, 'p', ['id'])
  await selectTotal(scope, span, undefined)
  expect(asked.map((query) => query.includes(isUpToDate('d')))).toEqual([true, true, false])
})
