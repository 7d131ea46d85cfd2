// What is stored behind a connection is told by name, and its content is not.
import { mkdtempSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { prepareParsers } from '@mcpshield/facts/draw'
import { freshDatabase, type Fresh } from '@mcpshield/testkit/fresh'
import { whyNoMariadb } from '@mcpshield/testkit/mariadb'
import { openConnectors, type Connectors } from '../src/connectors/connectors.ts'
import { describeConnection } from '../src/descriptions.ts'
import { shopSpec, startShop } from './mysql-shop.ts'

const noMariadb = await whyNoMariadb()
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

const describeIt = (name: string, of: Connectors = connectors) =>
  describeConnection({ connectors: of } as never, name)

test('PostgreSQL: tables and views of every schema but its own, with their columns', async () => {
  expect(await describeIt('shop')).toEqual({
    resources: [
      { name: 'hr.salaries', fields: ['employee', 'odd name'] },
      { name: 'public.names', fields: ['employee'] },
    ],
    truncated: false,
  })
})

test('SQLite: tables and views, with their columns', async () => {
  expect(await describeIt('prices')).toEqual({
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

test('a kind that is not asked has nothing to tell; what does not answer is UNAVAILABLE, what is not there NOT_FOUND', async () => {
  expect(await describeIt('cache')).toEqual({ resources: [], truncated: false })
  await expect(describeIt('gone')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await expect(describeIt('other')).rejects.toMatchObject({ code: 'NOT_FOUND' })
})
