// What goes over the wire to PostgreSQL, what a session is pinned to, and what is left of it for the next call.
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Access } from '@mcpshield/policy/facts'
import { freshDatabase } from '@mcpshield/testkit/fresh'
import type { Statements } from '../src/connectors/connector.ts'
import { postgresConnector } from '../src/connectors/postgres.ts'
import { makeGrant } from './grant.ts'

let database: Awaited<ReturnType<typeof freshDatabase>>
let admin: pg.Client
const opened: AsyncDisposable[] = []

beforeAll(async () => {
  database = await freshDatabase()
  admin = new pg.Client({ connectionString: database.url })
  await admin.connect()
  await admin.query(`create table notes (id int, text text); insert into notes values (1, 'a\\b'); create schema hr;
    create table hr.notes (id int)`)
})
afterEach(async () => {
  for (const each of opened.splice(0)) await each[Symbol.asyncDispose]()
})
afterAll(async () => {
  await admin.end()
  await database[Symbol.asyncDispose]()
})

const open = (url: string, warn?: (message: string) => void): Statements => {
  const connector = postgresConnector(
    { name: 'test', kind: 'postgresql', url, path: null, options: {} },
    warn,
  )
  opened.push(connector)
  return connector
}
const anything: Access = { connection: 'test', operation: 'admin', resource: null, fields: [], functions: [] }
const writing = makeGrant({ readOnly: false, accesses: [{ ...anything, operation: 'write' }] })

test('a statement of an agent is only ever parsed as one, never sent as a script', async () => {
  await using wire = await tap(database.url)
  const connector = open(wire.url)
  await connector.query("select 1 as one, 'marked'", makeGrant({ needsSources: true }))
  await connector.query("insert into notes values (2, 'marked') returning id", writing)
  await connector.query("select 1; drop table notes -- 'marked'", writing).catch(() => undefined)
  const marked = wire.sent().filter(({ text }) => text.includes('marked'))
  expect(marked.map(({ kind }) => kind)).toEqual(['P', 'P', 'P'])
  expect(wire.sent().filter(({ kind }) => kind === 'Q').length).toBeGreaterThan(0)
})

describe('nothing of a call is left for the next one:', () => {
  test.for([
    ['set search_path = hr', 'select count(text) > 0 as x from notes', true],
    ["select set_config('work_mem', '65MB', false)", "select current_setting('work_mem') as x", '4MB'],
    ["select set_config('my.setting', 'left', false)", "select current_setting('my.setting', true) as x", ''],
    [
      'set default_transaction_isolation = serializable',
      'show default_transaction_isolation',
      'read committed',
    ],
    ['set role pg_read_all_data', 'select current_user = session_user as x', true],
    ['set session authorization pg_read_all_data', "select session_user <> 'pg_read_all_data' as x", true],
    ['prepare p as select 1', 'select count(*) as x from pg_prepared_statements', 0],
    ['declare c cursor with hold for select 1', "select count(*) as x from pg_cursors where name = 'c'", 0],
    ['listen somewhere', 'select count(*) as x from pg_listening_channels()', 0],
    // Of this database: others on the same server have their own.
    [
      'select pg_advisory_lock(7)',
      `select count(*) as x from pg_locks join pg_database on pg_database.oid = pg_locks.database
        where locktype = 'advisory' and datname = current_database()`,
      0,
    ],
    [
      'create temp table left_over (id int)',
      "select count(*) as x from pg_class where relname = 'left_over'",
      0,
    ],
  ] as const)('%s', async ([left, look, found]) => {
    const connector = open(database.url)
    await connector.query(left, writing)
    const { rows } = await connector.query(look, makeGrant())
    expect(Object.values(rows[0] ?? {})).toEqual([found])
  })

  test('a session in which an administrator’s statement ran is not used again', async () => {
    const connector = open(database.url)
    const backend = async (accesses: Access[]) =>
      (await connector.query('select pg_backend_pid() as pid', makeGrant({ accesses }))).rows[0]?.pid
    const reading: Access = { ...anything, operation: 'read' }
    const first = await backend([reading])
    expect(await backend([anything])).toBe(first)
    expect(await backend([reading])).not.toBe(first)
  })
})

test('names and strings are read as they were judged, whatever the role is set up for', async () => {
  await admin.query(`create role odd login password 'x'; grant select on notes, hr.notes to odd; grant usage on schema hr to odd;
    alter role odd set search_path = hr; alter role odd set standard_conforming_strings = off;
    alter role odd set default_transaction_read_only = off; alter role odd set backslash_quote = on;
    alter role odd set bytea_output = escape; alter role odd set transform_null_equals = on;`)
  const url = new URL(database.url)
  url.username = 'odd'
  url.password = 'x'
  const connector = open(url.href)
  expect((await connector.query('select text from notes where id = 1', makeGrant())).rows).toEqual([
    { text: 'a\\b' },
  ])
  expect(
    (await connector.query("select 'a\\b' = text as same from notes where id = 1", makeGrant())).rows,
  ).toEqual([{ same: true }])
  expect(
    (await connector.query("select '\\x00ff'::bytea as raw, null = null as n", makeGrant())).rows,
  ).toEqual([{ raw: '\\x00ff', n: null }])
  await expect(connector.query('insert into notes values (3)', makeGrant())).rejects.toThrow('read-only')
  await admin.query('drop owned by odd; drop role odd')
})

describe('an account with more rights than reading', () => {
  const warnings = async (user: string | null): Promise<string[]> => {
    const url = new URL(database.url)
    if (user !== null) {
      url.username = user
      url.password = 'x'
    }
    const told: string[] = []
    const connector = open(url.href, (message) => told.push(message))
    await Promise.all([1, 2, 3].map(() => connector.query('select 1 as x', makeGrant())))
    await connector.query('select 1 as x', makeGrant())
    return told
  }

  test('is named once, with what it may do', async () => {
    await admin.query(`create role writer login password 'x'; grant insert on notes to writer;
      create role filer login password 'x' in role pg_read_server_files; create role reader login password 'x'; grant select on notes to reader`)
    expect(await warnings(null)).toEqual([
      expect.stringMatching(/^the account of the connection test is a superuser/),
    ])
    expect(await warnings('writer')).toEqual([expect.stringContaining('may change tables')])
    expect(await warnings('filer')).toEqual([expect.stringContaining('files or programs')])
    expect(await warnings('reader')).toEqual([])
    await admin.query('drop owned by writer, filer, reader; drop role writer, filer, reader')
  })
})

type Tap = AsyncDisposable & { url: string; sent(): { kind: string; text: string }[] }

/** A way to the database that keeps what the client says. */
async function tap(databaseUrl: string): Promise<Tap> {
  const { hostname, port } = new URL(databaseUrl)
  const said: Buffer[][] = []
  const sockets = new Set<Socket>()
  const server: Server = createServer((client) => {
    const upstream = connect(Number(port || 5432), hostname)
    const mine: Buffer[] = []
    said.push(mine)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
    }
    client.on('data', (chunk: Buffer) => mine.push(chunk))
    client.pipe(upstream).pipe(client)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = new URL(databaseUrl)
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as AddressInfo).port)
  return {
    url: url.href,
    sent: () => said.flatMap((chunks) => messagesOf(Buffer.concat(chunks))),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** The client's messages after the first, which has no kind. */
function messagesOf(bytes: Buffer): { kind: string; text: string }[] {
  const messages: { kind: string; text: string }[] = []
  let at = bytes.readInt32BE(0)
  while (at + 5 <= bytes.length) {
    const length = bytes.readInt32BE(at + 1)
    messages.push({
      kind: String.fromCharCode(bytes[at] ?? 0),
      text: bytes.toString('latin1', at + 5, at + 1 + length),
    })
    at += 1 + length
  }
  return messages
}
