// The second wall of SQLite: the worker is told which tables were decided, and the statement wants more.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Access } from '@mcpshield/policy/facts'
import type { Grant, Statements } from '../src/connectors/connector.ts'
import { sqliteConnector } from '../src/connectors/sqlite.ts'
import { makeGrant } from './grant.ts'

let folder: string
let connector: Statements

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mcpshield-sqlite-'))
  const database = new DatabaseSync(join(folder, 'a.sqlite'))
  database.exec(`
    create table products (id integer primary key, name text, big integer, raw blob);
    insert into products values (1, 'a', 9007199254740993, x'00ff'), (2, 'b', 2, null);
    create table secrets (id integer, name text);
    insert into secrets values (1, 'a');
    create table "odd.users" ("home.email" text);
    create view shown as select name from products;
    create virtual table searched using fts5 (a); insert into searched values ('hello world');
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
const grant = (accesses: Access[], change: Partial<Grant> = {}): Grant => makeGrant({ accesses, ...change })
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
    'select p.id from products p natural join secrets',
    'select name from products join secrets using (name)',
    'select name from products full join secrets using (name)',
    'select count(*) from products natural left join secrets',
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

test.for(['sqlite_master', 'sqlite_schema', 'main.sqlite_master'])(
  'the list of tables is read where it was decided: %s',
  async (name) => {
    const sql = `select name from ${name} where type = 'view'`
    const { rows } = await connector.query(sql, grant([access('sqlite_master')]))
    expect(rows).toEqual([{ name: 'shown' }])
    await expect(connector.query(sql, grant(products))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  },
)

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

describe('full-text search, and what a table is made of', () => {
  const searched = [access('searched'), access('products')]

  test('is answered where it was decided', async () => {
    const answers = [
      ["select a from searched where searched match 'hello'", [{ a: 'hello world' }]],
      ["select name from pragma_table_info('products') limit 1", [{ name: 'id' }], 'pragma_table_info'],
      ['pragma table_info(products)', [expect.objectContaining({ name: 'id' }), expect.anything()]],
      ['pragma user_version', [{ user_version: 0 }]],
      [' ; select count(*) as n from products;', [{ n: 2 }]],
      ['/* a */ -- b\n select count(*) as n from products -- c', [{ n: 2 }]],
      ["explain query plan select a from searched('x')", [expect.anything()]],
    ] as const
    for (const [sql, rows, more] of answers) {
      const result = await connector.query(
        sql,
        grant(more === undefined ? searched : [...searched, access(more)]),
      )
      expect(result.rows.slice(0, 2), sql).toEqual(rows)
    }
  })

  test.for([
    "select a from searched where searched match 'hello'",
    'select c0 from searched_content',
    "select name from pragma_table_info('secrets')",
    'pragma table_info(secrets)',
    'pragma table_list',
    'pragma database_list',
    'pragma user_version = 5',
    'pragma journal_mode = delete',
  ])('and not where it was not: %s', async (sql) => {
    await expect(connector.query(sql, grant(products))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})

describe('a statement that would harm the gateway', () => {
  const count = async () =>
    (await connector.query('select count(*) as n from products', grant(products))).rows

  test('is killed when it never ends, and its process with it', async () => {
    const endless = 'with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c'
    await expect(connector.query(endless, grant(products, { timeoutMs: 300 }))).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    })
    await expect.poll(busyChildren, { timeout: 2_000, interval: 50 }).toBe(0)
    expect(await count()).toEqual([{ n: 2 }])
  })

  test.for([
    'select zeroblob(900000000)',
    "select printf('%.*c', 900000000, 'x')",
    'select hex(randomblob(400000000))',
    'with recursive c(x) as (select 1 union all select x + 1 from c limit 9000000) select group_concat(x) from c',
    'with recursive c(x) as (select 1 union all select x + 1 from c limit 30) select hex(randomblob(15000000)) as y from c order by y',
  ])('gets no more memory than it may have: %s', { timeout: 15_000 }, async (sql) => {
    const beforeBytes = process.memoryUsage().rss
    await expect(connector.query(sql, grant(products, { timeoutMs: 8_000 }))).rejects.toMatchObject({
      code: expect.stringMatching(/INVALID_ARGUMENT|UNAVAILABLE/),
    })
    expect(process.memoryUsage().rss - beforeBytes).toBeLessThan(100 * 1024 * 1024)
    expect(await count()).toEqual([{ n: 2 }])
  })

  test('waits for its turn when many come at once, and all are answered', async () => {
    const all = await Promise.all(Array.from({ length: 12 }, count))
    expect(all).toEqual(Array.from({ length: 12 }, () => [{ n: 2 }]))
  })
})

/** Processes of ours that use a processor: none may be left of a statement that was ended. */
function busyChildren(): number {
  const lines = execFileSync('ps', ['-o', 'ppid=,stat=,args=', '-A'], { encoding: 'utf8' }).split('\n')
  return lines.filter((line) => {
    const [parent, state = ''] = line.trim().split(/\s+/)
    return parent === String(process.pid) && state.startsWith('R') && line.includes('sqlite-process')
  }).length
}

describe('where redaction asks which columns a result shows', () => {
  const both = [access('products'), access('secrets'), access('shown')]
  const sources = async (sql: string) =>
    (await connector.query(sql, grant(both, { needsSources: true }))).sources

  test('one query over tables is told exactly', async () => {
    expect(await sources('select id, name as other from products')).toEqual({
      id: [['products', 'id']],
      other: [['products', 'name']],
    })
    expect((await sources('select name from shown'))?.name).toContainEqual(['products', 'name'])
    expect(await sources('select max(name) as m from products')).toEqual({ m: [['products', 'name']] })
    expect(await sources('select count(*) as n from products')).toEqual({ n: [] })
  })

  test.for([
    'select name from products union all select name from secrets',
    'select name from secrets union select name from products',
    'select x as name from (select name as x from secrets union all select name from products)',
    'select name from products except select name from secrets where 0',
    'with recursive n(name) as (select name from products union select name from secrets) select name from n',
    'select (values (secrets.name), (products.name)) as name from products, secrets',
    'select (select name from secrets union select name from products) as name from products',
    'select column1 as name from (values ((select name from secrets)), ((select name from products)))',
  ])('no branch is left out: %s', async (sql) => {
    const told = (await sources(sql))?.name
    if (told !== 'unknown') expect(told).toContainEqual(['secrets', 'name'])
  })

  test('a name with a dot in it stays one name', async () => {
    const odd = grant([access('odd.users'), access('"odd.users"')], { needsSources: true })
    const sql = 'select "home.email" as e, upper("home.email") as made from "odd.users"'
    const path = ['odd.users', 'home.email']
    expect((await connector.query(sql, odd)).sources).toEqual({ e: [path], made: [path] })
  })

  test('columns of one name are both shown, each with its own source', async () => {
    const sql = 'select p.name, s.name from products p, secrets s where p.id = 1'
    const result = await connector.query(sql, grant(both, { needsSources: true }))
    expect(result).toMatchObject({
      columns: ['name', 'name_2'],
      rows: [{ name: 'a', name_2: 'a' }],
      sources: { name: [['products', 'name']], name_2: [['secrets', 'name']] },
    })
  })
})

test('a failure while running does not quote what was read; one of the text is told as it is', async () => {
  const error = await connector
    .query("select json_extract('{}', name) from secrets", grant([access('secrets')]))
    .catch((thrown: Error) => thrown.message)
  expect(error).toBe('SQLite: SQL logic error.')
  await expect(connector.query('select missing from products', grant(products))).rejects.toThrow(
    'no such column: missing',
  )
})

test('what a statement makes itself needs no decision; a table of the same name does', async () => {
  const counted = await connector.query(
    'with made as (select name from products) select count(*) as n from made',
    grant(products),
  )
  expect(counted.rows).toEqual([{ n: 2 }])
  const listed = await connector.query("select value from json_each('[1,2]')", grant(products))
  expect(listed.rows).toEqual([{ value: 1 }, { value: 2 }])
  await expect(connector.query('select count(*) from secrets', grant(products))).rejects.toThrow('secrets')
})
