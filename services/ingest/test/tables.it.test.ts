import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freshClickhouse } from '@mcpshield/testkit/fresh'
import { expect, test } from 'vitest'
import { connectClickhouse, type ClickHouse } from '../src/clickhouse.ts'
import { applyTables } from '../src/tables.ts'
import { makeEvent, ORG, outcomeOf, PROJECT } from './events.ts'

const FOLDER = join(import.meta.dirname, '../src/tables')
const files = readdirSync(FOLDER).sort()

const run = (store: ClickHouse, name: string) =>
  store.command(readFileSync(join(FOLDER, name), 'utf8').replaceAll('{database}', store.database))

/** A database as the first two files made it, with a decision, an outcome and an administrative act. */
async function before(store: ClickHouse): Promise<{ decision: string; admin: string }> {
  await store.command(
    `CREATE TABLE ${store.database}.migrations (name String, applied_at DateTime('UTC') DEFAULT now())
     ENGINE = MergeTree ORDER BY name`,
  )
  for (const name of files.slice(0, 2)) await run(store, name)
  await store.insert(
    'migrations',
    files.slice(0, 2).map((name) => ({ name })),
  )
  const [decision, admin] = [makeEvent(), makeEvent({ kind: 'admin' })]
  const retain_until = Math.floor(Date.now() / 1_000) + 20 * 86_400
  const row = ({ phase: _, ...event }: ReturnType<typeof makeEvent>) => ({
    ...event,
    time: '2026-03-01 12:00:00.123',
    arguments: JSON.stringify(event.arguments),
    facts: JSON.stringify(event.facts),
    decision_id: undefined,
    retain_until,
  })
  await store.insert('audit_decisions', [row(decision), row(admin)])
  const { outcome, duration_ms, rows, bytes, redactions, result_digest } = outcomeOf(decision)
  const key = { org_id: ORG, project_id: PROJECT, time: '2026-03-01 12:00:00.123', id: decision.id }
  await store.insert('audit_outcomes', [
    { ...key, outcome, duration_ms, rows, bytes, redactions, result_digest, retain_until },
  ])
  return { decision: decision.id, admin: admin.id }
}

const contents = async (store: ClickHouse) => ({
  records: await store.select(
    `SELECT id, tool, dateDiff('day', received_at, retain_until) AS days FROM ${store.database}.audit_records FINAL
     ORDER BY kind DESC`,
    {},
  ),
  results: await store.select(`SELECT id, outcome FROM ${store.database}.audit_results FINAL`, {}),
  usage: await store.select(`SELECT counts_as FROM ${store.database}.usage_events FINAL`, {}),
})

test('an existing record is kept, with its outcomes, and counts', async () => {
  await using fresh = await freshClickhouse()
  await using store = connectClickhouse(fresh.url)
  const { decision, admin } = await before(store)
  expect(await applyTables(store)).toEqual(files.slice(2))
  expect(await contents(store)).toEqual({
    records: [
      { id: decision, tool: 'postgres.query', days: 30 },
      { id: admin, tool: 'postgres.query', days: 30 },
    ],
    results: [{ id: decision, outcome: 'ok' }],
    usage: [{ counts_as: decision }],
  })
  const left = await store.select<{ name: string }>(
    `SELECT name FROM system.tables WHERE database = {database:String} ORDER BY name`,
    { database: store.database },
  )
  expect(left.map(({ name }) => name)).toEqual([
    'applied_retentions',
    'audit_records',
    'audit_results',
    'deletions',
    'migrations',
    'usage_events',
  ])
})

test('killed after any statement and before its note, they are made the same', async () => {
  for (let killedAt = 2; killedAt < files.length; killedAt++) {
    await using fresh = await freshClickhouse()
    await using store = connectClickhouse(fresh.url)
    const { decision } = await before(store)
    for (const name of files.slice(2, killedAt)) {
      await run(store, name)
      await store.insert('migrations', [{ name }])
    }
    await run(store, files[killedAt]!)
    expect(await applyTables(store)).toEqual(files.slice(killedAt))
    const { records, results, usage } = await contents(store)
    expect([records.length, results.length, usage]).toEqual([2, 1, [{ counts_as: decision }]])
  }
})

test('two processes beside each other both come to an end, and nothing is lost', async () => {
  await using fresh = await freshClickhouse()
  await using store = connectClickhouse(fresh.url)
  await before(store)
  await Promise.all([applyTables(store), applyTables(store)])
  const { records, results, usage } = await contents(store)
  expect([records.length, results.length, usage.length]).toEqual([2, 1, 1])
})
