// ClickHouse as the product's code meets it: through @clickhouse/client alone. Holds for a real server too (CLICKHOUSE_URL).
import { type ClickHouseClient, createClient } from '@clickhouse/client'
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'

const database = `shim_${randomUUID().replaceAll('-', '')}`
const rows = Array.from({ length: 20_000 }, (_, id) => ({
  id,
  text: `it's "é" \\ \n\t ${id}; DROP TABLE calls -- {x:String}`,
  tags: ['plain', "y'z", '[],'],
  time: '2026-01-02 03:04:05.678',
  labels: { key: "v'" },
}))
let client: ClickHouseClient

const connected = (options: Parameters<typeof createClient>[0] = {}) =>
  createClient({ url: inject('stores').clickhouseUrl, database, log: { level: 127 }, ...options })
const compression = { request: true, response: true }

beforeAll(async () => {
  const admin = connected({ database: 'default' })
  await admin.command({ query: `CREATE DATABASE ${database}` })
  await admin.close()
  client = connected({ compression })
  await client.command({
    query: `CREATE TABLE calls (id UInt64, text String CODEC(ZSTD), tags Array(String), time DateTime64(3, 'UTC'),
      labels Map(String, String), expires DateTime DEFAULT now() + 3600, INDEX by_text text TYPE tokenbf_v1(1024, 2, 0) GRANULARITY 4)
      ENGINE = MergeTree ORDER BY id TTL expires`,
  })
  const { summary } = await client.insert({ table: 'calls', values: rows, format: 'JSONEachRow' })
  expect(summary?.written_rows).toBe('20000')
})
afterAll(async () => {
  await client.command({ query: `DROP DATABASE ${database}` })
  await client.close()
})

const select = async <T>(
  query: string,
  query_params: Record<string, unknown> = {},
  of = client,
): Promise<T[]> => (await of.query({ query, query_params, format: 'JSONEachRow' })).json<T>()

test('a server that runs answers a ping, with and without a query', async () => {
  expect(await client.ping()).toMatchObject({ success: true })
  expect(await client.ping({ select: true })).toMatchObject({ success: true })
})

test.for([
  ['a text with quotes, backslashes and line ends', 'text = {v:String}', rows[7]!.text, 1],
  ['the same text, one character short', 'text = {v:String}', rows[7]!.text.slice(0, -1), 0],
  ['an array', 'tags = {v:Array(String)}', rows[0]!.tags, 20_000],
  ['an array with another element', 'tags = {v:Array(String)}', ['plain', 'y', '[],'], 0],
  ['a time of milliseconds', 'time = {v:DateTime64(3)}', new Date('2026-01-02T03:04:05.678Z'), 20_000],
  ['a time a millisecond later', 'time = {v:DateTime64(3)}', new Date('2026-01-02T03:04:05.679Z'), 0],
  ['a map', 'labels = {v:Map(String, String)}', { key: "v'" }, 20_000],
  ['nothing', '{v:Nullable(String)} IS NULL', null, 20_000],
  ['a number', 'id < {v:UInt32}', 5, 5],
  ['an injection as a text', 'text = {v:String}', "' OR 1=1 --", 0],
] as const)('a parameter arrives as it was: %s', async ([, where, v, count]) => {
  expect(await select(`SELECT toUInt32(count()) AS count FROM calls WHERE ${where}`, { v })).toEqual([
    { count },
  ])
})

test('parameters arrive as a form too', async () => {
  const answer = await client.query({
    query: 'SELECT {v:String} AS v',
    query_params: { v: "a\tb'c" },
    use_multipart_params: true,
    format: 'JSONEachRow',
  })
  expect(await answer.json()).toEqual([{ v: "a\tb'c" }])
})

test('what was inserted comes back byte for byte', async () => {
  const { id: _, ...seventh } = rows[7]!
  expect(await select('SELECT text, tags, time, labels FROM calls WHERE id = 7')).toEqual([seventh])
})

test.for([[true], [false]] as const)('500,000 rows stream through, compressed: %s', async ([compressed]) => {
  await using other = connected({ compression: { request: compressed, response: compressed } })
  const answer = await other.query({ query: 'SELECT number FROM numbers(500000)', format: 'JSONEachRow' })
  let count = 0
  for await (const batch of answer.stream()) count += batch.length
  expect(count).toBe(500_000)
})

test('a large result in a format with a frame is one document', async () => {
  const answer = await client.query({ query: 'SELECT number FROM numbers(300000)', format: 'JSON' })
  expect((await answer.json()).data).toHaveLength(300_000)
})

test('an empty result is still a document', async () => {
  const answer = await client.query({ query: 'SELECT id FROM calls WHERE 0', format: 'JSON' })
  expect(await answer.json()).toMatchObject({ meta: [{ name: 'id', type: 'UInt64' }], data: [], rows: 0 })
})

test.for([
  ['SELECT nope FROM calls', 'UNKNOWN_IDENTIFIER', '47'],
  ['SELEC 1', 'SYNTAX_ERROR', '62'],
  ['SELECT 1; DROP TABLE calls', 'SYNTAX_ERROR', '62'],
  ['SELECT * FROM missing', 'UNKNOWN_TABLE', '60'],
  ['SELECT {x:String}', 'UNKNOWN_QUERY_PARAMETER', '456'],
] as const)('%s fails as %s', async ([query, type, code]) => {
  await expect(select(query)).rejects.toMatchObject({ type, code })
})

test('a row that does not fit its table is refused, and nothing of its batch is kept', async () => {
  const values = [{ id: 900_001 }, { id: 'not a number' }]
  await expect(client.insert({ table: 'calls', values, format: 'JSONEachRow' })).rejects.toThrow(
    /Cannot parse/,
  )
  expect(await select('SELECT id FROM calls WHERE id = 900001')).toEqual([])
})

test('an error in the middle of a stream reaches the reader as one', async () => {
  const answer = await client.query({
    query: 'SELECT throwIf(number = 400000) FROM numbers(500000)',
    format: 'JSONEachRow',
  })
  const read = async () => {
    for await (const batch of answer.stream()) void batch
  }
  await expect(read()).rejects.toThrow(/throwIf/)
})

test('a wrong password is refused, for queries and for writes', async () => {
  const url = Object.assign(new URL(inject('stores').clickhouseUrl), { password: 'wrong' })
  await using stranger = connected({ url })
  await expect(stranger.query({ query: 'SELECT 1' })).rejects.toMatchObject({ type: 'AUTHENTICATION_FAILED' })
  await expect(stranger.command({ query: 'DROP TABLE calls' })).rejects.toMatchObject({
    type: 'AUTHENTICATION_FAILED',
  })
})

test('settings hold for their own request and for no other', async () => {
  const limited = client.query({
    query: 'SELECT sleepEachRow(0.1) FROM numbers(30)',
    clickhouse_settings: { max_execution_time: 1, max_block_size: '1' },
  })
  await expect(limited.then((answer) => answer.text())).rejects.toMatchObject({ type: 'TIMEOUT_EXCEEDED' })
  const refused = client.command({
    query: 'CREATE TABLE other (id UInt8) ENGINE = Memory',
    clickhouse_settings: { readonly: '1' },
  })
  await expect(refused).rejects.toMatchObject({ type: 'READONLY' })
  await client.command({ query: 'CREATE TABLE other (id UInt8) ENGINE = MergeTree ORDER BY id' })
})

test('fifty queries at once keep their parameters apart', async () => {
  const asked = Array.from({ length: 50 }, (_, id) => id)
  const answers = await Promise.all(
    asked.map((id) =>
      select<{ asked: number; text: string }>(
        'SELECT {id:UInt32} AS asked, text FROM calls WHERE id = {id:UInt32}',
        { id },
      ),
    ),
  )
  expect(answers.map(([row]) => row)).toEqual(asked.map((id) => ({ asked: id, text: rows[id]!.text })))
})

test('a query whose asker has gone is ended, and its place is free again', async () => {
  const asker = new AbortController()
  const query = 'SELECT sum(sleepEachRow(0.1)) FROM numbers(600) SETTINGS max_block_size = 1'
  const asked = client.query({ query, abort_signal: asker.signal })
  const running = () =>
    select("SELECT query FROM system.processes WHERE query LIKE 'SELECT sum(sleepEachRow%'")
  await vi.waitFor(async () => expect(await running()).toHaveLength(1), 5000)
  asker.abort()
  await expect(asked).rejects.toThrow(/abort/)
  await vi.waitFor(async () => expect(await running()).toEqual([]), 5000)
})

test('askers who go away, early or late, leave their places to others', async () => {
  for (let at = 0; at < 30; at++) {
    const asker = new AbortController()
    const query = 'SELECT number FROM numbers(5000000)'
    const asked = client.query({ query, format: 'JSONEachRow', abort_signal: asker.signal })
    if (at % 2) asker.abort()
    await asked.then((answer) => answer.close()).catch(() => undefined)
  }
  expect(await select('SELECT 1 AS one')).toEqual([{ one: 1 }])
})

test('a second statement is not run', async () => {
  await expect(client.command({ query: 'OPTIMIZE TABLE calls; DROP TABLE calls' })).rejects.toMatchObject({
    type: 'SYNTAX_ERROR',
  })
  expect(await select('EXISTS calls')).toEqual([{ result: 1 }])
})

test('materialized views, mutations and deletes do what they say', async () => {
  await client.command({
    query:
      'CREATE TABLE daily (day Date, calls SimpleAggregateFunction(sum, UInt64)) ENGINE = AggregatingMergeTree ORDER BY day',
  })
  await client.command({
    query:
      'CREATE MATERIALIZED VIEW to_daily TO daily AS SELECT toDate(time) AS day, count() AS calls FROM calls GROUP BY day',
  })
  await client.insert({
    table: 'calls',
    values: [{ ...rows[0], id: 100_000, time: '2026-02-01 00:00:00.000' }],
    format: 'JSONEachRow',
  })
  expect(await select('SELECT day, toUInt32(sum(calls)) AS calls FROM daily GROUP BY day')).toEqual([
    { day: '2026-02-01', calls: 1 },
  ])
  await client.command({
    query: 'ALTER TABLE calls DELETE WHERE id = 100000',
    clickhouse_settings: { mutations_sync: '2' },
  })
  expect(await select('SELECT id FROM calls WHERE id = 100000')).toEqual([])
})
