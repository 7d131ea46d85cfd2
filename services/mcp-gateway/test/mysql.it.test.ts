// The second wall alone, on a real MariaDB: the connector is told that a statement only reads, and it does not.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createServer } from 'node:net'
import { once } from 'node:events'
import mysql from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startMariadb, whyNoMariadb, type Mariadb } from '@mcpshield/testkit/mariadb'
import type { ConnectionSpec, Statements } from '../src/connectors/connector.ts'
import { mysqlConnector } from '../src/connectors/mysql.ts'
import { makeGrant as grant } from './grant.ts'

const missing = await whyNoMariadb()
if (missing !== undefined) console.warn(`SKIPPED, MariaDB cannot be had here: ${missing}`)

const spec = (url: string, change: Partial<ConnectionSpec> = {}): ConnectionSpec => ({
  name: 'shop',
  kind: 'mysql',
  url,
  path: null,
  options: {},
  ...change,
})

describe.skipIf(missing !== undefined)('mysql.query', () => {
  let server: Mariadb
  let admin: mysql.Connection
  let connector: Statements
  const warnings: string[] = []
  const scalar = async (sql: string) => {
    const [rows] = await admin.query<mysql.RowDataPacket[]>({ sql, rowsAsArray: true })
    return (rows[0] as unknown as unknown[] | undefined)?.[0]
  }
  const message = (sql: string, change = {}) =>
    connector.query(sql, grant(change)).then(
      () => 'no failure',
      (error: Error) => error.message,
    )
  const running = async (part: string) =>
    Number(
      await scalar(
        `select count(*) from information_schema.processlist where info like '%${part}%' and id <> connection_id()`,
      ),
    )

  beforeAll(async () => {
    server = await startMariadb()
    admin = await mysql.createConnection({ uri: server.url, multipleStatements: true })
    await admin.query(`
      create table events (id bigint primary key, note varchar(100), amount decimal(20,4), at datetime(3), day date,
        took time, raw varbinary(20), bits bit(4), doc json, ratio float, exact double, place point, made_of varchar(120) as (note));
      insert into events (id, note, amount, at, day, took, raw, bits, doc, ratio, exact, place) values
        (1, 'one', 1.10, '2026-01-02 03:04:05.678', '2026-01-02', '-12:30:00', x'00ff', b'1010', '{"n": 9007199254740993, "a": [1.5]}', 1.1, 0.1, point(1, 2)),
        (9007199254740993, null, null, null, null, null, null, null, null, null, null, null);
      create table many as select seq as n from seq_1_to_10000;
      create table accounts (id int primary key, name varchar(20), password varchar(20), unique (password));
      insert into accounts values (1, 'ann', 'hunter2'), (2, 'bob', 'swordfish');
      create view people as select name, password as nick from accounts;
      create sequence numbers;
      create function peek() returns int deterministic reads sql data return (select count(*) from events);
      create function poke() returns int begin delete from events; return 1; end;
      create database other;
      create table other.events (id int);`)
    connector = mysqlConnector(spec(server.url), (warning) => warnings.push(warning))
  })
  afterAll(async () => {
    await connector?.[Symbol.asyncDispose]()
    await admin?.end()
    await server?.[Symbol.asyncDispose]()
  })

  describe('a statement that was decided as reading', () => {
    test.for([
      'insert into events (id) values (5)',
      'update events set note = 1',
      'delete from events',
      'replace into events (id) values (1)',
      'select 1; delete from events',
      'delete from events; select 1',
      'commit; delete from events',
      'begin not atomic commit; delete from events; end',
      'select poke()',
      'truncate events',
      'drop table events',
      'create table made (id int)',
      'create or replace view people as select 1',
      'lock tables events write',
      'set global max_connections = 10',
      "set global general_log_file = 'x'",
      'set autocommit = 0',
      'set transaction read write',
      "set statement sql_mode = '' for delete from events",
      'select nextval(numbers)',
      'select next value for numbers',
      'select setval(numbers, 100)',
      "select 1 into outfile 'made'",
      "select 1 into dumpfile 'made'",
      "select 1 INTO/**/OUTFILE 'made'",
      "select 1e1into outfile 'made'",
      "select .5into outfile 'made'",
      "select 1 /*!into outfile 'made'*/",
      "select 1 /*M!into outfile 'made'*/",
      "select '\\'' into outfile 'made' -- '",
      "select 1 --\u0080 from (select 1 as \u0080) t into outfile 'made'",
      "select 1 -- x\n into outfile 'made'",
      "(select 1) union (select 2) into outfile 'made'",
      "select get_lock('a', 0)",
      "select `get_lock`('a', 0)",
      'select release_all_locks()',
      "select load_file('/etc/passwd')",
      "load data infile '/etc/passwd' into table events",
      "load data local infile '/etc/passwd' into table events",
      "execute immediate 'delete from events'",
      "prepare s from 'delete from events'",
      'call poke()',
      'do poke()',
      'handler events open',
      'analyze delete from events',
      'explain delete from events',
      'flush tables with read lock',
      'optimize table events',
      'grant all on *.* to x@y',
      'create event e on schedule every 1 second do delete from events',
      "xa start 'x'",
      'kill 1',
      'shutdown',
      "install soname 'x'",
    ])('changes nothing: %s', async (sql) => {
      const locks = "select is_free_lock('a')"
      await connector.query(sql, grant({ timeoutMs: 2_000 })).catch(() => undefined)
      expect(await scalar('select group_concat(id order by id) from events')).toBe('1,9007199254740993')
      expect(await scalar('select count(*) from information_schema.tables where table_schema = "test"')).toBe(
        5,
      )
      expect(await scalar(locks)).toBe(1)
      expect(await scalar('select next_not_cached_value from numbers')).toBe(1)
      expect(await scalar('select @@global.max_connections')).toBe(50)
      expect(readdirSync(server.filesDir)).toEqual([])
      expect(existsSync(join(server.filesDir, '../data/test/made'))).toBe(false)
    })

    test.for([
      'select count(*) as n from events',
      'select `into` from (select 1 as `into`) t',
      "select 'into outfile', \"it's\" /* into */ -- into\n from events # into",
      'with e as (select id from events) select * from e where id in (select id from events)',
      '(select 1) union all (select 2)',
      'select peek()',
      'show tables',
      'show create table events',
      'describe events',
      'explain select * from events',
      "select id from events where note = 'a''b\\\\' or note like \"%e\"",
      'values (1, 2)',
    ])('is run when it reads: %s', async (sql) => {
      expect((await connector.query(sql, grant())).rows).not.toEqual([])
    })

    test('is refused with the server’s own words where the server refuses it', async () => {
      expect(await message('select poke()')).toBe(
        'MySQL: Cannot execute statement in a READ ONLY transaction',
      )
      expect(await message('select 1; select 2')).toMatch(/^MySQL: You have an error in your SQL syntax/)
      expect(await message('delete from events')).toMatch(
        /^Not run: the statement was decided as reading, but/,
      )
    })
  })

  test('one statement is one statement, also where changes were decided', async () => {
    expect(await message('update events set note = note; delete from events', { readOnly: false })).toMatch(
      /error in your SQL syntax/,
    )
    expect(await message("prepare s from 'delete from events'", { readOnly: false })).toMatch(
      /not supported in the prepared statement protocol/,
    )
    expect(await message('select ?', { readOnly: false })).toMatch(/placeholders/)
    expect(await scalar('select count(*) from events')).toBe(2)
  })

  test('a change is made and counted', async () => {
    await admin.query('create table made (id int auto_increment primary key, note text)')
    const inserted = await connector.query(
      "insert into made (note) values ('a'), ('b')",
      grant({ readOnly: false }),
    )
    expect(inserted).toEqual({
      columns: ['affected_rows', 'last_insert_id'],
      rows: [{ affected_rows: 2, last_insert_id: 1 }],
      cut: false,
    })
    const updated = await connector.query("update made set note = 'a'", grant({ readOnly: false }))
    expect(updated.rows).toEqual([{ affected_rows: 1 }])
    // Cut short in what is shown, never in what is done.
    const returned = await connector.query(
      'delete from made returning id',
      grant({ readOnly: false, maxRows: 1 }),
    )
    expect(returned).toMatchObject({ rows: [{ id: 1 }], cut: true })
    expect(await scalar('select count(*) from made')).toBe(0)
    await admin.query('drop table made')
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
      await connector.query(sql, write)
      const { rows } = await connector.query(
        'select id, @secret as secret, database() as d, @@sql_mode like "%ANSI%" as quotes, @@autocommit as a, @@character_set_client as c from events order by id limit 1',
        grant(),
      )
      expect(rows, sql).toEqual([{ id: 1, secret: null, d: 'test', quotes: 0, a: 1, c: 'utf8mb4' }])
      expect(await scalar("select is_free_lock('left')"), sql).toBe(1)
      await admin.query('update accounts set name = name')
    }
  })

  test('what a failed statement did is undone', async () => {
    await connector.query('create table halves (n int) engine = myisam', grant({ readOnly: false }))
    await connector.query('drop table halves', grant({ readOnly: false }))
    expect(
      await message('begin not atomic update accounts set name = "x"; select * from nothing; end', {
        readOnly: false,
      }),
    ).toMatch(/MySQL/)
    expect(await scalar('select group_concat(name) from accounts')).toBe('ann,bob')
  })

  test('values survive JSON: what is no JSON number stays as MySQL writes it', async () => {
    const { rows } = await connector.query('select * from events order by id', grant())
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
    const strange = await connector.query(
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
    const { rows } = await connector.query(
      'select raw, bits, place, note from events where id = 1',
      grant({ redacts: true }),
    )
    const withheld = '[withheld:redaction_not_possible]'
    expect(rows).toEqual([{ raw: withheld, bits: withheld, place: withheld, note: 'one' }])
  })

  test('rows and bytes are cut where the grant says', async () => {
    const rows = await connector.query('select n from many order by n', grant({ maxRows: 3 }))
    expect(rows).toEqual({ columns: ['n'], rows: [{ n: 1 }, { n: 2 }, { n: 3 }], cut: true })
    const exact = await connector.query('select n from many where n <= 3', grant({ maxRows: 3 }))
    expect(exact.cut).toBe(false)
    const bytes = await connector.query("select repeat('x', 1000) as x from many", grant({ maxBytes: 5_000 }))
    expect(bytes.rows.length).toBe(4)
    expect(bytes.cut).toBe(true)
    // The server is not left producing rows that nobody reads.
    const endless = await connector.query(
      'select a.n from many a, many b, many c -- endless',
      grant({ maxRows: 2 }),
    )
    expect(endless).toMatchObject({ rows: [{}, {}], cut: true })
    await expect.poll(() => running('endless')).toBe(0)
  })

  test.for(["select repeat('x', 100000000) as wide", "select repeat('x', 1000000) as wide from many"])(
    'what the server sends is bounded: %s',
    async (sql) => {
      await admin.query('set global max_allowed_packet = 1073741824')
      const fresh = mysqlConnector(spec(server.url))
      const result = await fresh.query(sql, grant()).then(
        ({ rows, cut }) => ({ rows: rows.length, cut }),
        (error: Error) => error.message,
      )
      await fresh[Symbol.asyncDispose]()
      await admin.query('set global max_allowed_packet = default')
      // A row may be too wide to be shown, and then ends the result, or too wide to be read at all.
      expect([{ rows: 0, cut: true }, expect.stringContaining('too large to be read')]).toContainEqual(result)
      expect((await connector.query('select 1 as one', grant())).rows).toEqual([{ one: 1 }])
    },
  )

  test('a statement that takes too long is stopped on the server, and so is one whose client went away', async () => {
    const startedMs = performance.now()
    for (const sql of [
      'select count(*) from many a, many b, many c, many late',
      'select benchmark(1000000000, md5(rand())) as late',
    ])
      await expect(connector.query(sql, grant({ timeoutMs: 200, readOnly: false }))).rejects.toMatchObject({
        code: 'DEADLINE_EXCEEDED',
        message: 'The statement was stopped after 200 ms.',
      })
    await expect(
      connector.query(
        'set statement max_statement_time = 0 for select sleep(30) as late',
        grant({ timeoutMs: 200, readOnly: false }),
      ),
    ).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    const gone = new AbortController()
    const ended = expect(
      connector.query(
        'select sleep(30) as late',
        grant({ signal: gone.signal, timeoutMs: 20_000, readOnly: false }),
      ),
    ).rejects.toMatchObject({ code: 'UNAVAILABLE', message: 'The client went away.' })
    await expect.poll(() => running('late')).toBe(1)
    gone.abort()
    await ended
    await expect.poll(() => running('late')).toBe(0)
    expect(performance.now() - startedMs).toBeLessThan(15_000)
  })

  test('a lock that somebody else holds is waited for a moment only', async () => {
    await admin.query('begin; select * from accounts for update')
    expect(await message("update accounts set name = 'x'", { readOnly: false })).toMatch(
      /Lock wait timeout exceeded/,
    )
    await admin.query('rollback')
  })

  test('columns that share a name both come back', async () => {
    expect(await connector.query('select 1 as a, 2 as a', grant())).toMatchObject({
      columns: ['a', 'a_2'],
      rows: [{ a: 1, a_2: 2 }],
    })
  })

  describe('the source of a column', () => {
    const sources = async (sql: string) =>
      (await connector.query(sql, grant({ needsSources: true, readOnly: !sql.includes(':=') }))).sources

    test.for([
      [
        'select name as n, password from accounts',
        { n: ['test.accounts.name'], password: ['test.accounts.password'] },
      ],
      [
        'select a.name from accounts a join events e on e.id = a.id where a.id in (select id from events)',
        { name: ['test.accounts.name'] },
      ],
      [
        'select * from accounts where exists (select 1 from events) limit 1',
        { id: ['test.accounts.id'], name: ['test.accounts.name'], password: ['test.accounts.password'] },
      ],
      ['select name from accounts group by name', { name: ['test.accounts.name'] }],
    ] as const)('is told where the output is a stored column: %s', async ([sql, wanted]) => {
      expect(await sources(sql)).toEqual(wanted)
    })

    test.for([
      'select concat(password) as name from accounts',
      'select max(password) as name from accounts',
      'select name from (select password as name from accounts) accounts',
      'select name from (select password as name from accounts limit 5) accounts',
      'select name from (select concat(password) as name, id from accounts) accounts',
      'with accounts as (select password as name from test.accounts) select name from accounts',
      'select name from accounts union select password from accounts',
      'select name from accounts union all select password from accounts',
      'select (select password from accounts limit 1) as name',
      'select nick as name from people',
      'select name from people',
      'select made_of as name from events',
      'select @x := password as name from accounts',
      "select name from json_table('[{\"name\": 1}]', '$[*]' columns (name int path '$.name')) accounts",
      'select table_name as name from information_schema.tables',
      'values (1)',
      'show tables',
    ])('is not told where it is not: %s', async (sql) => {
      const told = Object.values((await sources(sql)) ?? {})
      expect(told.length).toBeGreaterThan(0)
      expect(new Set(told)).toEqual(new Set(['unknown']))
    })
  })

  describe('a failure on the data that was read', () => {
    test.for([
      'insert into accounts select id + 10, name, password from accounts',
      'update accounts set id = password',
      'update events set day = (select password from accounts limit 1)',
      'update events set doc = (select password from accounts limit 1)',
      "select extractvalue('<a/>', concat('~', (select password from accounts limit 1)))",
      "begin not atomic declare x text; select concat('select * from ', password) into x from accounts limit 1; execute immediate x; end",
      "begin not atomic declare x text; select password into x from accounts limit 1; signal sqlstate '45000' set message_text = x; end",
      'select exp(~(select * from (select password from accounts limit 1) x))',
    ])('does not quote it: %s', async (sql) => {
      const told = await message(sql, { readOnly: false })
      expect(told).toMatch(/^MySQL: /)
      expect(told).not.toMatch(/hunter2|swordfish/)
    })

    test('while what is wrong with the statement is told as MySQL says it', async () => {
      expect(await message('select nothing from events')).toBe(`MySQL: Unknown column 'nothing' in 'SELECT'`)
      expect(await message('select * from nowhere')).toBe("MySQL: Table 'test.nowhere' doesn't exist")
    })
  })

  test('50 calls at a time are all answered, each with its own', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        connector.query(`select ${index} as n, connection_id() as id`, grant()),
      ),
    )
    expect(answers.map(({ rows }) => rows[0]?.n)).toEqual(Array.from({ length: 50 }, (_, index) => index))
    expect(new Set(answers.map(({ rows }) => rows[0]?.id)).size).toBeLessThanOrEqual(8)
  })

  test('a connection that breaks under a statement is an answer, and the next call has a new one', async () => {
    const slow = expect(
      connector.query(
        'select count(*) from many a, many b, many c, many broken',
        grant({ timeoutMs: 20_000 }),
      ),
    ).rejects.toMatchObject({ code: 'UNAVAILABLE', message: 'The database connection broke.' })
    await expect.poll(() => running('broken')).toBe(1)
    const id = await scalar(
      "select id from information_schema.processlist where info like '%broken%' and id <> connection_id()",
    )
    await admin.query(`kill ${String(id)}`)
    await slow
    expect((await connector.query('select 1 as one', grant())).rows).toEqual([{ one: 1 }])
    // Also where all that were idle are dead.
    const [rows] = await admin.query<mysql.RowDataPacket[]>(
      'select id from information_schema.processlist where id <> connection_id() and user = "root"',
    )
    for (const { id: each } of rows) await admin.query(`kill ${String(each)}`).catch(() => undefined)
    expect((await connector.query('select 1 as one', grant())).rows).toEqual([{ one: 1 }])
  })

  test('sql_mode and character set of the server change nothing of how a text is read', async () => {
    await admin.query("set global sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'")
    await admin.query("set global character_set_client = 'latin1'")
    const fresh = mysqlConnector(spec(server.url))
    const { rows } = await fresh.query(`select "x" as a, '\\'' as b, 1 || 0 as c`, grant())
    await fresh[Symbol.asyncDispose]()
    await admin.query('set global sql_mode = default, global character_set_client = default')
    expect(rows).toEqual([{ a: 'x', b: "'", c: 1 }])
  })

  test('an account with rights over the whole server is warned of once, one without is not', async () => {
    expect(warnings).toEqual([
      expect.stringMatching(
        /connection shop has rights over the whole server \(ALL PRIVILEGES, GRANT OPTION\)/,
      ),
    ])
    await admin.query(
      "create user reader@127.0.0.1 identified by 'pw'; grant select on test.* to reader@127.0.0.1",
    )
    const url = new URL(server.url)
    url.username = 'reader'
    url.password = 'pw'
    const told: string[] = []
    await using reader = mysqlConnector(spec(url.href), (warning) => told.push(warning))
    expect((await reader.query('select 1 as one', grant())).rows).toEqual([{ one: 1 }])
    expect(told).toEqual([])
    await expect(reader.query('select * from mysql.user', grant())).rejects.toThrow(/denied/)
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
    await using fooled = mysqlConnector(spec(`mysql://a:b@127.0.0.1:${port}/test`))
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
  await using nowhere = mysqlConnector(spec('mysql://root:geheim@127.0.0.1:9/z', { name: 'gone' }))
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
  expect(() => mysqlConnector(spec(url, { options }))).toThrow(why)
})
