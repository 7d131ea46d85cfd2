import { createClient } from '@clickhouse/client'
import { Redis } from 'ioredis'
import pg from 'pg'
import { expect, inject, test } from 'vitest'
import { freshClickhouse, freshDatabase, freshRedis } from './fresh.ts'

test('two fresh databases do not see each other, and a disposed one is gone', async () => {
  const databases = await Promise.all([freshDatabase(), freshDatabase()])
  const [first, second] = await Promise.all(databases.map(({ url }) => connected(url)))
  await first!.query('CREATE TABLE only_here (id int)')
  await expect(second!.query('SELECT * FROM only_here')).rejects.toThrow('does not exist')
  await Promise.all([first!.end(), second!.end()])
  await Promise.all(databases.map((database) => database[Symbol.asyncDispose]()))
  await expect(connected(databases[0].url)).rejects.toThrow('does not exist')
})

test('two fresh ClickHouse databases do not see each other', async () => {
  await using first = await freshClickhouse()
  await using second = await freshClickhouse()
  const [one, other] = [createClient({ url: first.url }), createClient({ url: second.url })]
  await one.command({ query: 'CREATE TABLE only_here (id UInt8) ENGINE = MergeTree ORDER BY id' })
  await expect(other.command({ query: 'DESCRIBE only_here' })).rejects.toMatchObject({
    type: 'UNKNOWN_TABLE',
  })
  await Promise.all([one.close(), other.close()])
})

test('two fresh Redis databases do not see each other, and one given back is empty for the next', async () => {
  const first = await freshRedis()
  const second = await freshRedis()
  const [one, other] = [new Redis(first.url), new Redis(second.url)]
  await one.set('key', 'value')
  expect(await other.get('key')).toBeNull()
  await first[Symbol.asyncDispose]()
  expect(await one.get('key')).toBeNull()
  await second[Symbol.asyncDispose]()
  await Promise.all([one.quit(), other.quit()])
})

test('every store of the run has an address', () => {
  expect(Object.keys(inject('stores')).sort()).toEqual([
    'clickhouseUrl',
    'databaseUrl',
    'natsUrl',
    'redisUrl',
  ])
})

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {}) // ended by the drop
  await client.connect()
  return client
}
