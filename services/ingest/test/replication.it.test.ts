// What is said to a cluster of replicas, as ClickHouse's own parser reads it. There are no replicas here: what they would do
// with it is not tested.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freshClickhouse } from '@mcpshield/testkit/fresh'
import { afterAll, expect, test } from 'vitest'
import { connectClickhouse } from '../src/clickhouse.ts'
import { applyDeletion, applyRetention, appliedRetentions } from '../src/maintenance.ts'
import { createDatabase, FACTS, isUpToDate, statementFor, type ServerFacts } from '../src/replication.ts'
import { applyTables } from '../src/tables.ts'
import { ORG, PROJECT } from './events.ts'

const FOLDER = join(import.meta.dirname, '../src/tables')
const files = readdirSync(FOLDER).sort()

const fresh = await freshClickhouse()
const store = connectClickhouse(fresh.url)
await applyTables(store)
afterAll(async () => {
  await store[Symbol.asyncDispose]()
  await fresh[Symbol.asyncDispose]()
})

/** In the server's own spelling; it refuses what it cannot read. */
async function formatted(statement: string): Promise<string> {
  const [row] = await store.select<{ text: string }>('SELECT formatQuery({statement:String}) AS text', {
    statement,
  })
  return row!.text
}

test.each(files)('%s can be read as it is for replicas, and differs in the engine alone', async (name) => {
  const text = readFileSync(join(FOLDER, name), 'utf8').replaceAll('{database}', store.database)
  const replicated = await formatted(statementFor('replicas', text))
  expect(replicated.replace('ENGINE = Replicated', 'ENGINE = ')).toBe(await formatted(text))
  expect(replicated.includes('ENGINE = Replicated')).toBe(text.includes('CREATE TABLE'))
})

test.each([
  createDatabase('replicas', 'mcpshield'),
  'SYSTEM SYNC DATABASE REPLICA mcpshield',
  'SYSTEM SYNC REPLICA mcpshield.audit_records',
])('%s can be read', async (statement) => {
  await store.command(`EXPLAIN AST ${statement}`)
  await expect(store.command(`EXPLAIN AST ${statement} AND SO ON`)).rejects.toThrow('Syntax error')
})

test('one server says that it is one', async () => {
  const facts = await store.select<ServerFacts>(FACTS, { database: store.database })
  expect(facts).toEqual([{ engine: 'Atomic', macros: [], is_shared: false, quorum: '0' }])
  const unmade = await store.select<ServerFacts>(FACTS, { database: 'not_there' })
  expect(unmade).toEqual([{ engine: '', macros: [], is_shared: false, quorum: '0' }])
})

test('one server is never behind; where a replica is, the statement that asks fails', async () => {
  const ask = (condition: string) =>
    store.select<{ found: number }>(`SELECT 1 AS found WHERE ${condition}`, {})
  expect(await ask(isUpToDate(store.database))).toEqual([{ found: 1 }])
  // As where max(absolute_delay), here 0, is above what is borne.
  await expect(ask(isUpToDate(store.database, -1))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})

test('what decides asks first whether the replica is up to date', async () => {
  const asked: string[] = []
  const reader = {
    ...store,
    select: <Row>(query: string, parameters: Record<string, unknown>) => {
      asked.push(query)
      return store.select<Row>(query, parameters)
    },
  }
  await applyRetention(reader, ORG, 30)
  for (const kind of ['project', 'organization', 'person'] as const)
    await applyDeletion(reader, { kind, org_id: ORG, subject_id: PROJECT })
  await appliedRetentions(reader)
  expect(asked.length).toBe(2 + 3 + 3 + 2 + 1)
  for (const query of asked) expect(query).toContain(isUpToDate(store.database))
})
