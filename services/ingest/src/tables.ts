// Makes the database and its tables by the numbered statements of tables/, each once.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ClickHouse } from './clickhouse.ts'
import { createDatabase, FACTS, layoutOf, statementFor, type ServerFacts } from './replication.ts'

const FOLDER = join(import.meta.dirname, 'tables')
/** Which statements were applied. */
const NOTES = `CREATE TABLE IF NOT EXISTS {database}.migrations
  (name String, applied_at DateTime('UTC') DEFAULT now())
ENGINE = MergeTree ORDER BY name`

/**
 * Applies what is missing and returns its names. ClickHouse has no transactions: each statement is to be
 * harmless when run again (IF NOT EXISTS), for a process killed before it could note that it ran.
 */
export async function applyTables(store: ClickHouse): Promise<string[]> {
  const { database } = store
  const [facts] = await store.select<ServerFacts>(FACTS, { database })
  const layout = layoutOf(facts!, database)
  const settle = () => (layout === 'replicas' ? catchUp(store) : Promise.resolve())
  await store.command(createDatabase(layout, database))
  await store.command(statementFor(layout, NOTES.replaceAll('{database}', database)))
  await settle()
  const names = await appliedNames(store)
  const missing = readdirSync(FOLDER)
    .sort()
    .filter((name) => !names.has(name))
  for (const name of missing) {
    try {
      const text = readFileSync(join(FOLDER, name), 'utf8').replaceAll('{database}', database)
      await settle()
      await store.command(statementFor(layout, text))
    } catch (error) {
      // Another process beside this one was faster, and what the statement reads is gone.
      await settle()
      if (!(await appliedNames(store)).has(name)) throw error
      continue
    }
    await store.insert('migrations', [{ name }])
  }
  return missing
}

/**
 * Lets the replica have every table and row that was acknowledged before: notes of a process at another replica, and
 * what a statement copies. Both requests of a pair take the connection that is open, and so reach the same server.
 */
async function catchUp(store: ClickHouse): Promise<void> {
  const { database } = store
  await store.command(`SYSTEM SYNC DATABASE REPLICA ${database}`)
  const tables = await store.select<{ table: string }>(
    'SELECT table FROM system.replicas WHERE database = {database:String} ORDER BY table',
    { database },
  )
  for (const { table } of tables) await store.command(`SYSTEM SYNC REPLICA ${database}.${table}`)
}

async function appliedNames(store: ClickHouse): Promise<Set<string>> {
  const { database } = store
  const applied = await store.select<{ name: string }>(`SELECT DISTINCT name FROM ${database}.migrations`, {})
  return new Set(applied.map(({ name }) => name))
}
