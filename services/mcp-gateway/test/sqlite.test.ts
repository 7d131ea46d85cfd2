// The second wall of SQLite: the worker is told which tables were decided, and the statement wants more.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Access } from '@mcpshield/policy/facts'
import type { Connector, Grant } from '../src/connectors/connector.ts'
import { sqliteConnector } from '../src/connectors/sqlite.ts'

let folder: string
let connector: Connector

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mcpshield-sqlite-'))
  const database = new DatabaseSync(join(folder, 'a.sqlite'))
  database.exec(`
    create table products (id integer primary key, name text, big integer, raw blob);
    insert into products values (1, 'a', 9007199254740993, x'00ff'), (2, 'b', 2, null);
    create table secrets (id integer, name text);
    insert into secrets values (1, 'a');
    create view shown as select name from products;
    create table many (n integer);
    with recursive c(n) as (select 1 union all select n + 1 from c where n < 10000) insert into many select n from c;
  `)
  database.close()
  connector = sqliteConnector({
    name: 'test',
    kind: 'sqlite',
    url: null,
    path: join(folder, 'a.sqlite'),
    options: {},
  })
})
afterAll(async () => {
  await connector[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const access = (resource: string, operation: 'read' | 'write' = 'read'): Access => ({
  connection: 'test',
  operation,
  resource,
  fields: [],
  functions: [],
})
const grant = (accesses: Access[], change: Partial<Grant> = {}): Grant => ({
  accesses,
  readOnly: true,
  maxRows: 100,
  maxBytes: 1_000_000,
  timeoutMs: 5_000,
  signal: new AbortController().signal,
  needsSources: false,
  ...change,
})
const products = [access('products')]

describe('a statement that was decided to read products', () => {
  test('reads products, and values survive JSON', async () => {
    const { rows } = await connector.query('select * from products order by id', grant(products))
    expect(rows).toEqual([
      { id: 1, name: 'a', big: '9007199254740993', raw: 'base64:AP8=' },
      { id: 2, name: 'b', big: 2, raw: null },
    ])
  })

  test.for([
    'select * from secrets',
    'select p.id from products p, secrets s',
    'select (select name from secrets) from products',
    'select * from sqlite_schema',
    "insert into products (name) values ('x')",
    'delete from products',
    'drop table products',
    "attach database 'file:made?mode=rwc' as made",
    'pragma query_only = off',
    'pragma writable_schema = on',
    "select load_extension('x')",
    'create temp table t (x)',
    'begin',
  ])('does nothing else: %s', async (sql) => {
    await expect(connector.query(sql, grant(products))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect((await connector.query('select count(*) as n from products', grant(products))).rows).toEqual([
      { n: 2 },
    ])
  })

  test('copies the database nowhere', async () => {
    const target = join(folder, 'copied.sqlite')
    await expect(connector.query(`vacuum into '${target}'`, grant(products))).rejects.toThrow()
    expect(existsSync(target)).toBe(false)
  })

  test('through a view that was decided, reads what the view is made of', async () => {
    expect((await connector.query('select * from shown order by 1', grant([access('shown')]))).rows).toEqual([
      { name: 'a' },
      { name: 'b' },
    ])
    await expect(connector.query('select * from shown, products', grant([access('shown')]))).rejects.toThrow()
  })
})

test('a write that was decided writes its table and no other', async () => {
  const writing = grant([access('products', 'write')], { readOnly: false })
  expect((await connector.query("update products set name = 'c' where id = 2", writing)).rows).toEqual([
    { changes: 1 },
  ])
  await expect(connector.query('delete from secrets', writing)).rejects.toThrow()
})

test('rows are cut, a long statement is ended, and a client that goes away ends its own', async () => {
  const many = [access('many')]
  const cut = await connector.query('select n from many order by n', grant(many, { maxRows: 2 }))
  expect(cut).toMatchObject({ rows: [{ n: 1 }, { n: 2 }], cut: true })
  const slow = 'select count(*) from many a, many b, many c'
  const startedMs = performance.now()
  await expect(connector.query(slow, grant(many, { timeoutMs: 200 }))).rejects.toMatchObject({
    code: 'DEADLINE_EXCEEDED',
  })
  const gone = new AbortController()
  setTimeout(() => gone.abort(), 100)
  await expect(connector.query(slow, grant(many, { signal: gone.signal }))).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  })
  expect(performance.now() - startedMs).toBeLessThan(3_000)
  expect((await connector.query('select 1 as one', grant(many))).rows).toEqual([{ one: 1 }])
})
