// What is stored behind a connection is told by name, and its content is not.
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { MongoClient } from 'mongodb'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { prepareParsers } from '@mcpshield/facts/draw'
import { freshDatabase, freshRedis, type Fresh } from '@mcpshield/testkit/fresh'
import { whyNoMariadb } from '@mcpshield/testkit/mariadb'
import { startMongodb } from '@mcpshield/testkit/mongodb'
import type { ConnectionSpec } from '../src/connectors/connector.ts'
import { openConnectors, type Connectors } from '../src/connectors/connectors.ts'
import { describeConnection } from '../src/descriptions.ts'
import { shopSpec, startShop } from './mysql-shop.ts'

const noMariadb = await whyNoMariadb()
const mongodb = await startMongodb()
if (mongodb === undefined) console.warn('SKIPPED: descriptions of MongoDB, for want of a server')
const folder = mkdtempSync(join(tmpdir(), 'mcpshield-descriptions-'))
let database: Fresh
let connectors: Connectors
beforeAll(async () => {
  await prepareParsers()
  database = await freshDatabase()
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  await client.query(`create schema hr; create table hr.salaries (employee text, "odd name" int);
    create view public.names as select employee from hr.salaries; insert into hr.salaries values ('Quibble', 1)`)
  await client.end()
  const sqlite = new DatabaseSync(join(folder, 'a.db'))
  sqlite.exec(`create table products (id int, price int); create view dear as select id from products;
    insert into products values (4711, 1)`)
  sqlite.close()
  connectors = openConnectors([
    { name: 'shop', kind: 'postgresql', url: database.url, path: null, options: {} },
    { name: 'gone', kind: 'postgresql', url: 'postgres://127.0.0.1:1/x', path: null, options: {} },
    { name: 'prices', kind: 'sqlite', url: null, path: join(folder, 'a.db'), options: {} },
    { name: 'cache', kind: 'redis', url: 'redis://127.0.0.1:1', path: null, options: {} },
  ])
})
afterAll(async () => {
  await connectors[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const connection = (of: Partial<ConnectionSpec> & Pick<ConnectionSpec, 'name' | 'kind'>): ConnectionSpec => ({
  url: null,
  path: null,
  options: {},
  ...of,
})
const describeIt = (name: string, of: Connectors = connectors) => describeConnection({ connectors: of }, name)

test('PostgreSQL: tables and views of every schema but its own, with their columns', async () => {
  expect(await describeIt('shop')).toMatchObject({
    resources: [
      { name: 'hr.salaries', fields: ['employee', 'odd name'] },
      { name: 'public.names', fields: ['employee'] },
    ],
    truncated: false,
  })
})

test('SQLite: tables and views, with their columns', async () => {
  expect(await describeIt('prices')).toMatchObject({
    resources: [
      { name: 'dear', fields: ['id'] },
      { name: 'products', fields: ['id', 'price'] },
    ],
    truncated: false,
  })
})

test.skipIf(noMariadb !== undefined)('MySQL: tables of the connection’s own database', async () => {
  await using shop = await startShop()
  await using own = openConnectors([shopSpec(shop.server.url, { options: { database: 'test' } })])
  const { resources } = await describeIt('shop', own)
  const fields = expect.arrayContaining(['id', 'name']) as string[]
  expect(resources).toContainEqual({ name: 'test.accounts', fields })
  expect(resources.every(({ name }) => name.startsWith('test.'))).toBe(true)
})

describe.skipIf(mongodb === undefined)('MongoDB', () => {
  let client: MongoClient
  beforeAll(async () => {
    client = await MongoClient.connect(mongodb?.url ?? '')
    const people = client.db().collection('people')
    await people.insertMany([
      { name: 'Quibble', home: { city: 'Bern' }, createdAt: new Date() },
      { name: 'Quobble', card_no: '4711', 'quibble@example': 1, '64f1c0ffee64f1c0ffee64f1': 2 },
    ])
    await client.db().collection('audit').insertOne({ at: 1 })
  })
  afterAll(async () => {
    await client.close()
    await mongodb?.[Symbol.asyncDispose]()
  })

  test('collections, with the outermost fields of a few documents; nothing that is in them, nor what is keyed by it', async () => {
    await using own = openConnectors([connection({ name: 'docs', kind: 'mongodb', url: mongodb?.url ?? '' })])
    const told = await describeIt('docs', own)
    expect(told).toMatchObject({
      resources: [
        { name: 'audit', fields: ['_id', 'at'] },
        { name: 'people', fields: ['_id', 'name', 'home', 'createdAt', 'card_no'] },
      ],
      truncated: false,
      note: null,
    })
    expect(JSON.stringify(told)).not.toMatch(/quibble|bern|4711|c0ffee/i)
  })

  test('the fields of the first forty collections, and the names of all of two hundred', async () => {
    const url = new URL(mongodb?.url ?? '')
    url.pathname += '_many'
    await using own = openConnectors([connection({ name: 'docs', kind: 'mongodb', url: url.href })])
    const many = client.db(url.pathname.slice(1))
    for (let n = 100; n < 145; n++) await many.collection(`c${n}`).insertOne({ n })
    const { resources, truncated } = await describeIt('docs', own)
    await many.dropDatabase()
    expect(resources).toHaveLength(45)
    expect(resources.filter(({ fields }) => fields.length > 0)).toHaveLength(40)
    expect(truncated).toBe(true)
  })
})

describe('Redis', () => {
  test('patterns of keys, and neither a value nor whose they are', async () => {
    await using redis = await freshRedis()
    const admin = new Redis(redis.url)
    for (let n = 0; n < 30; n++) await admin.set(`session:4711${n}`, 'hunter2')
    await admin.hset('user:quibble@example.org', { password: 'hunter2' })
    await admin.set('feature_flags', 'hunter2')
    await admin.set(Buffer.from([0xff, 0xfe]), 'x')
    await using own = openConnectors([connection({ name: 'cache', kind: 'redis', url: redis.url })])
    const told = await describeIt('cache', own)
    expect(told).toMatchObject({
      resources: ['feature_flags', 'session:*', 'user:*'].map((name) => ({ name, fields: [] })),
      truncated: true,
      note: null,
    })
    expect(JSON.stringify(told)).not.toMatch(/4711|hunter2|quibble/)
    await admin.quit()
  })

  test('of some thousand keys and no more, changing nothing', async () => {
    await using redis = await freshRedis()
    const admin = new Redis(redis.url)
    await admin.eval(`for n = 1, 20000 do redis.call('SET', 'job:' .. n .. ':state', 'x') end`, 0)
    await admin.config('RESETSTAT')
    await using own = openConnectors([connection({ name: 'cache', kind: 'redis', url: redis.url })])
    expect(await describeIt('cache', own)).toMatchObject({
      resources: [{ name: 'job:*:state', fields: [] }],
      truncated: true,
    })
    const commands = (await admin.info('commandstats')).match(/cmdstat_[\w|]+:calls=\d+/g) ?? []
    expect(commands.filter((each) => !/command|ping|config|info|select|auth/.test(each))).toEqual([
      expect.stringMatching(/^cmdstat_scan:calls=[34]$/),
    ])
    await admin.quit()
  })
})

test('files: folders right below the connection’s own, as rules name them; no file, no link', async () => {
  const root = mkdtempSync(join(tmpdir(), 'mcpshield-folders-'))
  for (const name of ['reports', '.ssh']) mkdirSync(join(root, name, 'below'), { recursive: true })
  writeFileSync(join(root, 'secret.txt'), 'x')
  symlinkSync(tmpdir(), join(root, 'elsewhere'))
  await using own = openConnectors([connection({ name: 'docs', kind: 'files', path: root })])
  const told = await describeIt('docs', own)
  expect(told.resources.map(({ name }) => name)).toEqual([join(root, '.ssh'), join(root, 'reports')])
  rmSync(root, { recursive: true })
})

test('the tools of a connection come with their arguments, and name the connections where there are several', async () => {
  const { tools } = await describeIt('shop')
  expect(tools).toMatchObject([
    {
      name: 'postgres.query',
      input_schema: {
        properties: { connection: { enum: ['shop', 'gone'] } },
        required: ['sql', 'connection'],
      },
    },
  ])
  const one = await describeIt('prices')
  expect(JSON.stringify(one.tools)).not.toContain('connection')
})

test('a system that is away, or that hangs, is said to be so in time; what is not there is NOT_FOUND', async () => {
  const nothing = { resources: [], truncated: false }
  expect(await describeIt('cache')).toMatchObject({
    ...nothing,
    note: expect.stringContaining('cache') as string,
  })
  expect(await describeIt('gone')).toMatchObject({
    ...nothing,
    note: expect.stringContaining('gone') as string,
  })
  await using silent = await silentServer()
  const url = (scheme: string) => `${scheme}://127.0.0.1:${silent.port}/1`
  await using own = openConnectors([
    connection({ name: 'cache', kind: 'redis', url: url('redis') }),
    connection({ name: 'docs', kind: 'mongodb', url: url('mongodb') }),
    connection({ name: 'shop', kind: 'postgresql', url: url('postgres') }),
  ])
  const startMs = performance.now()
  const told = await Promise.all(['cache', 'docs', 'shop'].map((name) => describeIt(name, own)))
  expect(performance.now() - startMs).toBeLessThan(4_000)
  for (const each of told) expect(each).toMatchObject({ ...nothing, note: 'It did not answer in time.' })
  await expect(describeIt('other')).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

/** Takes connections and says nothing. */
async function silentServer() {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => void sockets.add(socket.on('error', () => undefined)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const each of sockets) each.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
