// How the connector runs a statement on a real MariaDB: sessions, limits, values, failures.
import { once } from 'node:events'
import { createServer } from 'node:net'
import type mysql from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { whyNoMariadb } from '@mcpshield/testkit/mariadb'
import { mysqlConnector } from '../src/connectors/mysql.ts'
import { makeGrant as grant } from './grant.ts'
import { shopSpec, startShop, type Shop } from './mysql-shop.ts'

const missing = await whyNoMariadb()
if (missing !== undefined) console.warn(`SKIPPED, MariaDB cannot be had here: ${missing}`)

describe.skipIf(missing !== undefined)('mysql.query', () => {
  let shop: Shop
  beforeAll(async () => {
    shop = await startShop()
  })
  afterAll(() => shop?.[Symbol.asyncDispose]())

  test('a change is made and counted', async () => {
    await shop.admin.query('create table made (id int auto_increment primary key, note text)')
    const inserted = await shop.connector.query(
      "insert into made (note) values ('a'), ('b')",
      grant({ readOnly: false }),
    )
    expect(inserted).toEqual({
      columns: ['affected_rows', 'last_insert_id'],
      rows: [{ affected_rows: 2, last_insert_id: 1 }],
      cut: false,
    })
    const updated = await shop.connector.query("update made set note = 'a'", grant({ readOnly: false }))
    expect(updated.rows).toEqual([{ affected_rows: 1 }])
    // Cut short in what is shown, never in what is done.
    const returned = await shop.connector.query(
      'delete from made returning id',
      grant({ readOnly: false, maxRows: 1 }),
    )
    expect(returned).toMatchObject({ rows: [{ id: 1 }], cut: true })
    expect(await shop.scalar('select count(*) from made')).toBe(0)
    await shop.admin.query('drop table made')
  })

  test('nothing of a call is left for the next one', async () => {
    const write = grant({ readOnly: false })
    for (const sql of [
      'set @secret = 42',
      "set session sql_mode = 'ANSI_QUOTES'",
      "set names 'latin1'",
      "select get_lock('left', 0)",
      'create temporary table events as select 666 as id',
      'lock tables accounts write',
      'flush tables with read lock',
      'use other',
      'handler accounts open',
      'start transaction',
      'set autocommit = 0',
      'set session transaction isolation level read uncommitted',
    ]) {
      await shop.connector.query(sql, write)
      const { rows } = await shop.connector.query(
        'select id, @secret as secret, database() as d, @@sql_mode like "%ANSI%" as quotes, @@autocommit as a, @@character_set_client as c from events order by id limit 1',
        grant(),
      )
      expect(rows, sql).toEqual([{ id: 1, secret: null, d: 'test', quotes: 0, a: 1, c: 'utf8mb4' }])
      expect(await shop.scalar("select is_free_lock('left')"), sql).toBe(1)
      await shop.admin.query('update accounts set name = name')
    }
  })

  test('what a failed statement did is undone', async () => {
    await shop.connector.query('create table halves (n int) engine = myisam', grant({ readOnly: false }))
    await shop.connector.query('drop table halves', grant({ readOnly: false }))
    expect(
      await shop.message('begin not atomic update accounts set name = "x"; select * from nothing; end', {
        readOnly: false,
      }),
    ).toMatch(/MySQL/)
    expect(await shop.scalar('select group_concat(name) from accounts')).toBe('ann,bob')
  })

  test('values survive JSON: what is no JSON number stays as MySQL writes it', async () => {
    const { rows } = await shop.connector.query('select * from events order by id', grant())
    expect(rows).toEqual([
      {
        id: 1,
        note: 'one',
        amount: '1.1000',
        at: '2026-01-02 03:04:05.678',
        day: '2026-01-02',
        took: '-12:30:00',
        raw: 'base64:AP8=',
        bits: 'base64:Cg==',
        doc: { n: '9007199254740993', a: [1.5] },
        ratio: 1.1,
        exact: 0.1,
        place: expect.stringMatching(/^base64:/),
        made_of: 'one',
      },
      expect.objectContaining({ id: '9007199254740993', note: null, raw: null }),
    ])
    const strange = await shop.connector.query(
      "select 'ü😀' as text, cast(18446744073709551615 as unsigned) as most, -9223372036854775808 as least, '0000-00-00' as never, 2 > 1 as yes",
      grant(),
    )
    expect(strange.rows).toEqual([
      {
        text: 'ü😀',
        most: '18446744073709551615',
        least: '-9223372036854775808',
        never: '0000-00-00',
        yes: 1,
      },
    ])
  })

  test('where a policy redacts, what cannot be inspected is withheld', async () => {
    const { rows } = await shop.connector.query(
      'select raw, bits, place, note from events where id = 1',
      grant({ redacts: true }),
    )
    const withheld = '[withheld:redaction_not_possible]'
    expect(rows).toEqual([{ raw: withheld, bits: withheld, place: withheld, note: 'one' }])
  })

  test('rows and bytes are cut where the grant says', async () => {
    const rows = await shop.connector.query('select n from many order by n', grant({ maxRows: 3 }))
    expect(rows).toEqual({ columns: ['n'], rows: [{ n: 1 }, { n: 2 }, { n: 3 }], cut: true })
    const exact = await shop.connector.query('select n from many where n <= 3', grant({ maxRows: 3 }))
    expect(exact.cut).toBe(false)
    const bytes = await shop.connector.query(
      "select repeat('x', 1000) as x from many",
      grant({ maxBytes: 5_000 }),
    )
    expect(bytes.rows.length).toBe(4)
    expect(bytes.cut).toBe(true)
    // The server is not left producing rows that nobody reads.
    const endless = await shop.connector.query(
      'select a.n from many a, many b, many c -- endless',
      grant({ maxRows: 2 }),
    )
    expect(endless).toMatchObject({ rows: [{}, {}], cut: true })
    await expect.poll(() => shop.running('endless')).toBe(0)
  })

  test.for(["select repeat('x', 100000000) as wide", "select repeat('x', 1000000) as wide from many"])(
    'what the server sends is bounded: %s',
    async (sql) => {
      await shop.admin.query('set global max_allowed_packet = 1073741824')
      const fresh = mysqlConnector(shopSpec(shop.server.url))
      const result = await fresh.query(sql, grant()).then(
        ({ rows, cut }) => ({ rows: rows.length, cut }),
        (error: Error) => error.message,
      )
      await fresh[Symbol.asyncDispose]()
      await shop.admin.query('set global max_allowed_packet = default')
      // A row may be too wide to be shown, and then ends the result, or too wide to be read at all.
      expect([{ rows: 0, cut: true }, expect.stringContaining('too large to be read')]).toContainEqual(result)
      expect((await shop.connector.query('select 1 as one', grant())).rows).toEqual([{ one: 1 }])
    },
  )

  test('a statement that takes too long is stopped on the server, and so is one whose client went away', async () => {
    const startedMs = performance.now()
    for (const sql of [
      'select count(*) from many a, many b, many c, many late',
      'select benchmark(1000000000, md5(rand())) as late',
    ])
      await expect(
        shop.connector.query(sql, grant({ timeoutMs: 200, readOnly: false })),
      ).rejects.toMatchObject({
        code: 'DEADLINE_EXCEEDED',
        message: 'The statement was stopped after 200 ms.',
      })
    await expect(
      shop.connector.query(
        'set statement max_statement_time = 0 for select sleep(30) as late',
        grant({ timeoutMs: 200, readOnly: false }),
      ),
    ).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    const gone = new AbortController()
    const ended = expect(
      shop.connector.query(
        'select sleep(30) as late',
        grant({ signal: gone.signal, timeoutMs: 20_000, readOnly: false }),
      ),
    ).rejects.toMatchObject({ code: 'UNAVAILABLE', message: 'The client went away.' })
    await expect.poll(() => shop.running('late')).toBe(1)
    gone.abort()
    await ended
    await expect.poll(() => shop.running('late')).toBe(0)
    expect(performance.now() - startedMs).toBeLessThan(15_000)
  })

  test('a lock that somebody else holds is waited for a moment only', async () => {
    await shop.admin.query('begin; select * from accounts for update')
    expect(await shop.message("update accounts set name = 'x'", { readOnly: false })).toMatch(
      /Lock wait timeout exceeded/,
    )
    await shop.admin.query('rollback')
  })

  test('columns that share a name both come back', async () => {
    expect(await shop.connector.query('select 1 as a, 2 as a', grant())).toMatchObject({
      columns: ['a', 'a_2'],
      rows: [{ a: 1, a_2: 2 }],
    })
  })

  test('50 calls at a time are all answered, each with its own', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        shop.connector.query(`select ${index} as n, connection_id() as id`, grant()),
      ),
    )
    expect(answers.map(({ rows }) => rows[0]?.n)).toEqual(Array.from({ length: 50 }, (_, index) => index))
    expect(new Set(answers.map(({ rows }) => rows[0]?.id)).size).toBeLessThanOrEqual(8)
  })

  test('a connection that breaks under a statement is an answer, and the next call has a new one', async () => {
    const slow = expect(
      shop.connector.query(
        'select count(*) from many a, many b, many c, many broken',
        grant({ timeoutMs: 20_000 }),
      ),
    ).rejects.toMatchObject({ code: 'UNAVAILABLE', message: 'The database connection broke.' })
    await expect.poll(() => shop.running('broken')).toBe(1)
    const id = await shop.scalar(
      "select id from information_schema.processlist where info like '%broken%' and id <> connection_id()",
    )
    await shop.admin.query(`kill ${String(id)}`)
    await slow
    expect((await shop.connector.query('select 1 as one', grant())).rows).toEqual([{ one: 1 }])
    // Also where all that were idle are dead.
    const [rows] = await shop.admin.query<mysql.RowDataPacket[]>(
      'select id from information_schema.processlist where id <> connection_id() and user = "root"',
    )
    for (const { id: each } of rows) await shop.admin.query(`kill ${String(each)}`).catch(() => undefined)
    expect((await shop.connector.query('select 1 as one', grant())).rows).toEqual([{ one: 1 }])
  })

  test('sql_mode and character set of the server change nothing of how a text is read', async () => {
    await shop.admin.query("set global sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'")
    await shop.admin.query("set global character_set_client = 'latin1'")
    const fresh = mysqlConnector(shopSpec(shop.server.url))
    const { rows } = await fresh.query(`select "x" as a, '\\'' as b, 1 || 0 as c`, grant())
    await fresh[Symbol.asyncDispose]()
    await shop.admin.query('set global sql_mode = default, global character_set_client = default')
    expect(rows).toEqual([{ a: 'x', b: "'", c: 1 }])
  })

  test('an account with rights over the whole server is warned of once, one without is not', async () => {
    expect(shop.warnings).toEqual([
      expect.stringMatching(
        /connection shop has rights over the whole server \(ALL PRIVILEGES, GRANT OPTION\)/,
      ),
    ])
    await shop.admin.query(
      "create user reader@127.0.0.1 identified by 'pw'; grant select on test.* to reader@127.0.0.1",
    )
    const url = new URL(shop.server.url)
    url.username = 'reader'
    url.password = 'pw'
    const told: string[] = []
    await using reader = mysqlConnector(shopSpec(url.href), (warning) => told.push(warning))
    expect((await reader.query('select 1 as one', grant())).rows).toEqual([{ one: 1 }])
    expect(told).toEqual([])
    await expect(reader.query('select * from mysql.user', grant())).rejects.toThrow(/denied/)
  })

  test('a connection that wants TLS has it, or there is none', async () => {
    for (const query of ['ssl=true', 'ssl-mode=REQUIRED', 'ssl-mode=verify_ca', 'ssl-mode=verify_identity']) {
      await using secure = mysqlConnector(shopSpec(`${shop.server.url}?${query}`))
      await expect(secure.query('select 1', grant()), query).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    }
    await using plain = mysqlConnector(shopSpec(`${shop.server.url}?ssl-mode=disabled`))
    expect((await plain.query('select 1 as one', grant())).rows).toEqual([{ one: 1 }])
  })

  test('a server that asks for a file of the gateway gets nothing of it', async () => {
    const received: Buffer[] = []
    const asking = createServer((socket) => {
      socket.on('error', () => undefined)
      const packet = (sequence: number, body: Buffer) =>
        Buffer.concat([Buffer.from([body.length, 0, 0, sequence]), body])
      socket.write(packet(0, handshake))
      socket.once('data', () => {
        socket.write(packet(2, Buffer.from([0, 0, 0, 2, 0, 0, 0])))
        socket.once('data', () => {
          socket.on('data', (chunk) => received.push(chunk))
          socket.write(packet(1, Buffer.concat([Buffer.from([0xfb]), Buffer.from('/etc/passwd')])))
        })
      })
    })
    asking.listen(0, '127.0.0.1')
    await once(asking, 'listening')
    const { port } = asking.address() as { port: number }
    await using fooled = mysqlConnector(shopSpec(`mysql://a:b@127.0.0.1:${port}/test`))
    await expect(fooled.query('select 1', grant())).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(Buffer.concat(received).toString()).not.toContain('root')
    expect(Buffer.concat(received).length).toBeLessThan(16)
    asking.close()
  })
})

/** The first packet of a server of version 8, for an account with a native password. */
const handshake = Buffer.concat([
  Buffer.from([10]),
  Buffer.from('8.0.36\0'),
  Buffer.from([1, 0, 0, 0]),
  Buffer.from('abcdefgh\0'),
  Buffer.from([0xff, 0xf7, 45, 2, 0, 0xff, 0x81, 21]),
  Buffer.alloc(10),
  Buffer.from('ijklmnopqrst\0'),
  Buffer.from('mysql_native_password\0'),
])

test('a database that is not there is said so, without its address or password', async () => {
  await using nowhere = mysqlConnector(shopSpec('mysql://root:geheim@127.0.0.1:9/z', { name: 'gone' }))
  await expect(nowhere.query('select 1', grant())).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: 'The database behind the connection gone cannot be reached.',
  })
})

test.for([
  ['postgres://root@127.0.0.1/z', {}, 'needs a URL that begins with mysql://'],
  ['mysql://root@127.0.0.1/z?multipleStatements=true', {}, 'not known: multipleStatements'],
  ['mysql://root@127.0.0.1/z?ssl=maybe', {}, 'has an ssl that is not true or false'],
  ['mysql://root@127.0.0.1/z?ssl-mode=prefer', {}, 'has an ssl-mode that is not'],
  ['mysql://root@127.0.0.1/z', { database: 'y' }, 'has another database in its URL than in its options'],
] as const)('a URL that cannot be followed as it is written is refused: %s', ([url, options, why]) => {
  expect(() => mysqlConnector(shopSpec(url, { options }))).toThrow(why)
})
