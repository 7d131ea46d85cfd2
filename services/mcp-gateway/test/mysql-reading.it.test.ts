// The second wall alone, on a real MariaDB: the connector is told that a statement only reads, and it does not.
// And what a result tells that a policy hides: where its columns come from, what its errors quote.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { whyNoMariadb } from '@mcpshield/testkit/mariadb'
import { makeGrant as grant } from './grant.ts'
import { startShop, type Shop } from './mysql-shop.ts'

const missing = await whyNoMariadb()
if (missing !== undefined) console.warn(`SKIPPED, MariaDB cannot be had here: ${missing}`)

describe.skipIf(missing !== undefined)('mysql.query', () => {
  let shop: Shop
  beforeAll(async () => {
    shop = await startShop()
  })
  afterAll(() => shop?.[Symbol.asyncDispose]())

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
      await shop.connector.query(sql, grant({ timeoutMs: 2_000 })).catch(() => undefined)
      expect(await shop.scalar('select group_concat(id order by id) from events')).toBe('1,9007199254740993')
      expect(
        await shop.scalar('select count(*) from information_schema.tables where table_schema = "test"'),
      ).toBe(6)
      expect(await shop.scalar(locks)).toBe(1)
      expect(await shop.scalar('select next_not_cached_value from numbers')).toBe(1)
      expect(await shop.scalar('select @@global.max_connections')).toBe(50)
      expect(readdirSync(shop.server.filesDir)).toEqual([])
      expect(existsSync(join(shop.server.filesDir, '../data/test/made'))).toBe(false)
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
      expect((await shop.connector.query(sql, grant())).rows).not.toEqual([])
    })

    test('is refused with the server’s own words where the server refuses it', async () => {
      expect(await shop.message('select poke()')).toBe(
        'MySQL: Cannot execute statement in a READ ONLY transaction',
      )
      expect(await shop.message('select 1; select 2')).toMatch(/^MySQL: You have an error in your SQL syntax/)
      expect(await shop.message('delete from events')).toMatch(
        /^Not run: the statement was decided as reading, but/,
      )
    })
  })

  test('one statement is one statement, also where changes were decided', async () => {
    expect(
      await shop.message('update events set note = note; delete from events', { readOnly: false }),
    ).toMatch(/error in your SQL syntax/)
    expect(await shop.message("prepare s from 'delete from events'", { readOnly: false })).toMatch(
      /not supported in the prepared statement protocol/,
    )
    expect(await shop.message('select ?', { readOnly: false })).toMatch(/placeholders/)
    expect(await shop.scalar('select count(*) from events')).toBe(2)
  })

  describe('the source of a column', () => {
    const sources = async (sql: string) =>
      (await shop.connector.query(sql, grant({ needsSources: true, readOnly: !sql.includes(':=') }))).sources

    test.for([
      [
        'select name as n, password from accounts',
        { n: [['test', 'accounts', 'name']], password: [['test', 'accounts', 'password']] },
      ],
      [
        'select a.name from accounts a join events e on e.id = a.id where a.id in (select id from events)',
        { name: [['test', 'accounts', 'name']] },
      ],
      [
        'select * from accounts where exists (select 1 from events) limit 1',
        {
          id: [['test', 'accounts', 'id']],
          name: [['test', 'accounts', 'name']],
          password: [['test', 'accounts', 'password']],
        },
      ],
      ['select `home.email` as e from `odd.users`', { e: [['test', 'odd.users', 'home.email']] }],
      ['select name from accounts group by name', { name: [['test', 'accounts', 'name']] }],
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
      const told = await shop.message(sql, { readOnly: false })
      expect(told).toMatch(/^MySQL: /)
      expect(told).not.toMatch(/hunter2|swordfish/)
    })

    test('while what is wrong with the statement is told as MySQL says it', async () => {
      expect(await shop.message('select nothing from events')).toBe(
        `MySQL: Unknown column 'nothing' in 'SELECT'`,
      )
      expect(await shop.message('select * from nowhere')).toBe("MySQL: Table 'test.nowhere' doesn't exist")
    })
  })
})
