// Makes the database and its tables by the numbered statements of tables/, each once.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ClickHouse } from './clickhouse.ts'

const FOLDER = join(import.meta.dirname, 'tables')

/**
 * Applies what is missing and returns its names. ClickHouse has no transactions: each statement is to be
 * harmless when run again (IF NOT EXISTS), for a process killed before it could note that it ran.
 */
export async function applyTables(store: ClickHouse): Promise<string[]> {
  const { database } = store
  await store.command(`CREATE DATABASE IF NOT EXISTS ${database}`)
  await store.command(`CREATE TABLE IF NOT EXISTS ${database}.migrations
    (name String, applied_at DateTime('UTC') DEFAULT now()) ENGINE = MergeTree ORDER BY name`)
  const names = await appliedNames(store)
  const missing = readdirSync(FOLDER)
    .sort()
    .filter((name) => !names.has(name))
  for (const name of missing) {
    try {
      await store.command(readFileSync(join(FOLDER, name), 'utf8').replaceAll('{database}', database))
    } catch (error) {
      // Another process beside this one was faster, and what the statement reads is gone.
      if (!(await appliedNames(store)).has(name)) throw error
      continue
    }
    await store.insert('migrations', [{ name }])
  }
  return missing
}

async function appliedNames(store: ClickHouse): Promise<Set<string>> {
  const { database } = store
  const applied = await store.select<{ name: string }>(`SELECT DISTINCT name FROM ${database}.migrations`, {})
  return new Set(applied.map(({ name }) => name))
}
