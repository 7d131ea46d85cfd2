// The second wall alone: the connector is told that a statement only reads, and the statement does not.
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { preparePostgresql } from '@mcpshield/facts/sql/postgresql'
import { freshDatabase } from '@mcpshield/testkit/fresh'
import type { Access } from '@mcpshield/policy/facts'
import type { Statements } from '../src/connectors/connector.ts'
import { postgresConnector } from '../src/connectors/postgres.ts'
import { makeGrant } from './grant.ts'

let database: Awaited<ReturnType<typeof freshDatabase>>
let admin: pg.Client
let connector: Statements

beforeAll(async () => {
  await preparePostgresql()
  database = await freshDatabase()
  admin = new pg.Client({ connectionString: database.url })
  admin.on('error', () => undefined)
  await admin.connect()
  await admin.query(`
    create schema hr;
    create table public.events (id bigint primary key, note text, amount numeric, at timestamptz, raw bytea, ok boolean);
    insert into public.events values (1, 'one', 1.10, '2026-01-02T03:04:05Z', '\\x00ff', true), (9007199254740993, null, 'NaN', null, null, false);
    create table hr.events (id int); insert into hr.events values (666);
    create table public."odd.users" ("home.email" text);
    create table public.many as select generate_series(1, 10000) as n;
  `)
  connector = postgresConnector({
    name: 'test',
    kind: 'postgresql',
    url: database.url,
    path: null,
    options: {},
  })
})
afterAll(async () => {
  await connector[Symbol.asyncDispose]()
  await admin.end()
  await database[Symbol.asyncDispose]()
})

const grant = makeGrant
const count = async () =>
  Number((await admin.query<{ n: string }>('select count(*) as n from public.events')).rows[0]?.n)

describe('a statement that was decided as reading', () => {
  test.for([
    'insert into events (id) values (5)',
    'with x as (delete from events returning *) select * from x',
    'select id from events; delete from events',
    'commit; delete from events',
    'explain analyze delete from events',
    "select nextval('s') from (select 1) q; create sequence s",
    'truncate events',
    'drop table events',
    'do $$ begin delete from events; end $$',
    'select * from events for update',
    'set transaction read write',
  ])('changes nothing: %s', async (sql) => {
    await connector.query(sql, grant()).catch(() => undefined)
    expect(await count()).toBe(2)
  })

  test('is refused with the database’s own words', async () => {
    await expect(connector.query('delete from events', grant())).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: 'PostgreSQL: cannot execute DELETE in a read-only transaction',
    })
    await expect(connector.query('select 1; select 2', grant())).rejects.toMatchObject({
      message: 'PostgreSQL: cannot insert multiple commands into a prepared statement',
    })
  })
})

test('nothing of a call is left for the next one', async () => {
  await connector.query(
    "select set_config('search_path', 'hr', false), set_config('application_name', 'x', false)",
    grant(),
  )
  await connector.query('create temp table events as select 42 as id', grant({ readOnly: false }))
  await connector.query('select pg_advisory_lock(1)', grant({ readOnly: false }))
  for (let round = 0; round < 10; round++) {
    const { rows } = await connector.query('select id from events order by id limit 1', grant())
    expect(rows).toEqual([{ id: 1 }])
  }
  const locks = await admin.query(
    `select 1 from pg_locks where locktype = 'advisory'
     and database = (select oid from pg_database where datname = current_database())`,
  )
  expect(locks.rowCount).toBe(0)
})

test('values survive JSON: what is no JSON number stays as PostgreSQL writes it', async () => {
  const { rows } = await connector.query('select * from events order by id', grant())
  expect(rows).toEqual([
    {
      id: 1,
      note: 'one',
      amount: '1.10',
      at: expect.stringContaining('2026-01-02'),
      raw: '\\x00ff',
      ok: true,
    },
    { id: '9007199254740993', note: null, amount: 'NaN', at: null, raw: null, ok: false },
  ])
})

test('rows and bytes are cut where the grant says', async () => {
  const rows = await connector.query('select n from many order by n', grant({ maxRows: 3 }))
  expect(rows).toEqual({ columns: ['n'], rows: [{ n: 1 }, { n: 2 }, { n: 3 }], cut: true })
  const exact = await connector.query('select n from many where n <= 3', grant({ maxRows: 3 }))
  expect(exact.cut).toBe(false)
  const bytes = await connector.query("select repeat('x', 1000) as x from many", grant({ maxBytes: 5_000 }))
  expect(bytes.rows.length).toBe(4)
  expect(bytes.cut).toBe(true)
})

test('a statement that takes too long is stopped, and so is one whose client went away', async () => {
  await expect(connector.query('select pg_sleep(10)', grant({ timeoutMs: 100 }))).rejects.toMatchObject({
    code: 'DEADLINE_EXCEEDED',
  })
  const gone = new AbortController()
  setTimeout(() => gone.abort(), 100)
  const startedMs = performance.now()
  await expect(
    connector.query('select pg_sleep(10)', grant({ signal: gone.signal, timeoutMs: 20_000 })),
  ).rejects.toThrow()
  expect(performance.now() - startedMs).toBeLessThan(5_000)
})

test('columns that share a name both come back', async () => {
  expect(await connector.query('select 1 as a, 2 as a', grant())).toMatchObject({
    columns: ['a', 'a_2'],
    rows: [{ a: 1, a_2: 2 }],
  })
})

test('the source of a column is told where there is one', async () => {
  const { sources } = await connector.query(
    "select note as n, id, note || 'x' as made from events",
    grant({ needsSources: true }),
  )
  expect(sources).toEqual({
    n: [['public', 'events', 'note']],
    id: [['public', 'events', 'id']],
    made: [['public', 'events', 'note']],
  })
})

test('a name with a dot in it stays one name of the source', async () => {
  const sql = `select "home.email" as e, upper("home.email") as made from "odd.users"`
  const accesses = [
    {
      connection: 'test',
      operation: 'read',
      resource: 'public."odd.users"',
      fields: [],
      functions: ['upper'],
    },
  ] satisfies Access[]
  const { sources } = await connector.query(sql, grant({ needsSources: true, accesses }))
  const path = ['public', 'odd.users', 'home.email']
  expect(sources).toEqual({ e: [path], made: [path] })
})

test('a database that is not there is said so', async () => {
  const nowhere = postgresConnector({
    name: 'gone',
    kind: 'postgresql',
    url: 'postgres://x:y@127.0.0.1:9/z',
    path: null,
    options: {},
  })
  await expect(nowhere.query('select 1', grant())).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining('gone'),
  })
  await nowhere[Symbol.asyncDispose]()
})

describe('a failure on the data that was read', () => {
  const message = (sql: string) =>
    connector.query(sql, grant()).then(
      () => 'no failure',
      (error: Error) => error.message,
    )

  test.for([
    'select note::int from events where id = 1',
    'select note::date from events where id = 1',
    "select jsonb_path_query('{}'::jsonb, ('$.' || note || ' ' || note)::jsonpath) from events where id = 1",
    'select note::regclass from events where id = 1',
    'select chr(id::int + 2000000) from events where id = 1',
  ])('does not quote it: %s', async (sql) => {
    const told = await message(sql)
    expect(told).toMatch(/the statement failed on the data it read \(SQLSTATE \w{5}\)/)
    expect(told).not.toMatch(/one|2000001/)
  })

  test('while what is wrong with the statement is told as PostgreSQL says it', async () => {
    expect(await message('select nothing from events')).toBe('PostgreSQL: column "nothing" does not exist')
    expect(await message('select 1 / 0')).toBe('PostgreSQL: division by zero')
  })
})

test.for([
  "select repeat('x', 100000000) as wide",
  "select repeat('x', 60000000)::int",
  "select repeat('x', 1000000) as wide from many",
])('what the server sends is bounded: %s', async (sql) => {
  await expect(connector.query(sql, grant())).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining('too large to be read'),
  })
  expect((await connector.query('select 1 as one', grant())).rows).toEqual([{ one: 1 }])
})

test('a connection that breaks under a statement is an answer, not a wait', async () => {
  const slow = connector.query('select count(*) from many a, many b, many c', grant({ timeoutMs: 20_000 }))
  const ended = expect(slow).rejects.toMatchObject({
    message: expect.stringMatching(/PostgreSQL|connection/),
  })
  await expect
    .poll(
      async () =>
        (
          await admin.query(
            "select pg_terminate_backend(pid) from pg_stat_activity where query like '%many a, many b%' and pid <> pg_backend_pid()",
          )
        ).rowCount,
      { timeout: 5_000, interval: 50 },
    )
    .toBeGreaterThan(0)
  await ended
  expect((await connector.query('select 1 as one', grant())).rows).toEqual([{ one: 1 }])
})
