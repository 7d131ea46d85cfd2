// The facts against MariaDB itself. Statements, written and generated, are run by an account that may do everything,
// in no transaction: one that is said to only read must leave everything as it was, and every table that the server
// opens must be among those that are reported.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import mysql from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startMariadb, whyNoMariadb, type Mariadb } from '@mcpshield/testkit/mariadb'
import { tokensOf } from '../src/sql/mysql-lexer.ts'
import { mysqlFacts, prepareMysql } from '../src/sql/mysql.ts'
import type { StatementFacts } from '../src/sql/statement.ts'
import { spec, type StatementSpec } from './spec.ts'

const rounds = Number(process.env['MYSQL_DIFFERENTIAL'] ?? 400)
const missing = await whyNoMariadb()
if (missing !== undefined) console.error(`SKIPPED: no statement is compared with MariaDB: ${missing}`)

const fixture = `
CREATE DATABASE shop; CREATE DATABASE secret; CREATE DATABASE analytics; USE shop;
CREATE TABLE users (id INT AUTO_INCREMENT PRIMARY KEY, email VARCHAR(99) UNIQUE, name VARCHAR(99), country CHAR(2),
  is_active INT DEFAULT 1, created_at DATETIME, profile JSON, manager_id INT, total INT, age INT);
CREATE TABLE orders (id INT AUTO_INCREMENT PRIMARY KEY, user_id INT, status VARCHAR(20), total DECIMAL(12, 2),
  placed_at DATETIME, note TEXT, KEY user_id (user_id));
CREATE TABLE order_items (order_id INT, product_id INT, qty INT, unit_price DECIMAL(10, 2));
CREATE TABLE products (id INT PRIMARY KEY, sku VARCHAR(20), name VARCHAR(99), category VARCHAR(20), price INT, stock INT);
CREATE TABLE events (id INT PRIMARY KEY, user_id INT, kind VARCHAR(20), payload JSON, at DATETIME, FULLTEXT (kind));
CREATE TABLE counters (name VARCHAR(20) PRIMARY KEY, n INT, m INT);
CREATE TABLE \`Order Lines\` (\`Line ID\` INT, \`semi;colon\` TEXT); CREATE TABLE \`update\` (id INT, \`delete\` TEXT);
CREATE TABLE \`données\` (id INT, \`prénom\` VARCHAR(20)); CREATE TABLE people (id INT, dob DATE);
CREATE TABLE t (a INT, b INT, c INT, id INT, k INT); CREATE TABLE u (a INT, b INT, x INT); CREATE TABLE kv (id INT, k TEXT, v TEXT);
CREATE TABLE t1 (a INT); CREATE TABLE T1 (a INT); CREATE TABLE t2 (a INT); CREATE TABLE t3 (a INT); CREATE TABLE t4 (a INT);
CREATE TABLE a (id INT, x INT); CREATE TABLE b (id INT, y INT, x INT); CREATE TABLE c (d INT, z INT); CREATE TABLE x (id INT, a INT, b INT);
CREATE TABLE budget (year INT, month INT, amount INT); CREATE TABLE ids (id INT);
CREATE TABLE secret.salaries (user_id INT, amount INT, ssn VARCHAR(20), id INT, name VARCHAR(9));
CREATE TABLE secret.api_tokens (id INT, token VARCHAR(50), name VARCHAR(9));
CREATE TABLE analytics.daily_sales (day DATE, category VARCHAR(20), revenue INT, units INT);
INSERT INTO users (email, name, country, profile) VALUES ('a', 'A', 'DE', '{"tags": ["a"], "plan": "free"}'), ('b', 'B', 'FR', '{}');
INSERT INTO orders (user_id, status, total, placed_at) VALUES (1, 'paid', 10, NOW()), (2, 'new', 200, NOW());
INSERT INTO products VALUES (1, 's', 'P', 'toys', 5, 1); INSERT INTO events VALUES (1, 1, 'login', '{"n": 1}', NOW());
INSERT INTO counters VALUES ('hits', 0, 0); INSERT INTO t VALUES (1, 1, 1, 1, 1); INSERT INTO u VALUES (1, 1, 1);
INSERT INTO secret.salaries VALUES (1, 100, '000', 1, 'n'); INSERT INTO secret.api_tokens VALUES (1, 'tok', 'n');
CREATE VIEW active_users AS SELECT id, name FROM users; CREATE SEQUENCE ticket_seq;
CREATE SEQUENCE steps NOCACHE; CREATE TABLE serial (id INT DEFAULT NEXTVAL(steps)); INSERT INTO serial VALUES (1);
CREATE FUNCTION bump() RETURNS INT MODIFIES SQL DATA BEGIN UPDATE shop.counters SET n = n + 1; RETURN 1; END;
CREATE FUNCTION pure_tax(x INT) RETURNS INT DETERMINISTIC RETURN x * 2;
CREATE PROCEDURE close_day(d DATE) DELETE FROM analytics.daily_sales WHERE day = d;
`

type Row = Record<string, unknown>

describe.skipIf(missing !== undefined)('the facts and MariaDB', () => {
  let server: Mariadb
  let session: mysql.Connection
  /** Looks on from outside: what belongs to the session under test is not its own. */
  let observer: mysql.Connection

  beforeAll(async () => {
    prepareMysql()
    server = await startMariadb()
    const options = { uri: server.url, flags: ['-IGNORE_SPACE'], dateStrings: true, supportBigNumbers: true }
    observer = await mysql.createConnection({ ...options, multipleStatements: true })
    await observer.query(fixture)
    session = await mysql.createConnection(options)
    await prepareSession()
  })
  const prepareSession = () =>
    session.query('SET max_statement_time = 5').then(() => session.query('USE shop'))

  /** One in a hundred generated queries ends MariaDB 10.11, whose own fault that is; it is started again. */
  async function recover(): Promise<undefined> {
    const options = { uri: server.url, flags: ['-IGNORE_SPACE'], dateStrings: true, supportBigNumbers: true }
    const answers = () => mysql.createConnection(options).then((made) => void (session = made))
    await expect
      .poll(
        () =>
          answers()
            .then(() => true)
            .catch(() => false),
        { timeout: 30_000 },
      )
      .toBe(true)
    observer = await mysql.createConnection({ ...options, multipleStatements: true })
    await prepareSession()
    return undefined
  }
  afterAll(async () => {
    session.destroy()
    observer.destroy()
    await server[Symbol.asyncDispose]()
  })

  const rowsOf = async (connection: mysql.Connection, sql: string) =>
    (await connection.query(sql))[0] as Row[]

  /** Runs a statement; the error's text where the server refuses it. */
  const run = (sql: string): Promise<string | undefined> =>
    session.query(sql).then(
      () => undefined,
      (error: Error) => error.message,
    )

  const facts = (sql: string): StatementFacts | undefined => {
    const found = mysqlFacts(sql, { database: 'shop' })
    return 'unknown' in found ? undefined : found
  }

  // Counters of the session's own statements, and clocks.
  const volatile =
    /^(timestamp|rand_seed\d|error_count|warning_count|pseudo_\w+|last_gtid|gtid_\w+|identity|insert_id|innodb_\w+)$/

  async function variables(scope: 'GLOBAL' | 'SESSION'): Promise<Record<string, unknown>> {
    const rows = await rowsOf(session, `SHOW ${scope} VARIABLES`)
    const steady = rows.filter((row) => !volatile.test(String(row['Variable_name'])))
    return Object.fromEntries(
      steady.map((row): [string, unknown] => [String(row['Variable_name']), row['Value']]),
    )
  }

  /** All that a statement may leave behind. */
  async function state(): Promise<Record<string, unknown>> {
    const tables = await rowsOf(
      observer,
      `SELECT CONCAT('\`', table_schema, '\`.\`', table_name, '\`') AS name FROM information_schema.tables WHERE table_type IN
       ('BASE TABLE', 'SEQUENCE', 'VIEW') AND table_schema NOT IN ('information_schema', 'performance_schema') ORDER BY BINARY name`,
    )
    const names = tables
      .map(({ name }) => String(name))
      .filter((name) => !/innodb_|gtid_slave_pos|_stats/.test(name))
    const [sequence] = await rowsOf(observer, 'SELECT * FROM shop.ticket_seq')
    const locks = await rowsOf(observer, `SELECT IS_USED_LOCK('a') AS a, IS_USED_LOCK('l') AS l`)
    const transactions = await rowsOf(observer, 'SELECT COUNT(*) AS n FROM information_schema.innodb_trx')
    const own = await rowsOf(
      session,
      'SELECT @x AS x, @a AS a, @@in_transaction AS t, DATABASE() AS d, LAST_INSERT_ID() AS l',
    )
    return {
      tables: await rowsOf(observer, `CHECKSUM TABLE ${names.join(', ')}`),
      objects: await rowsOf(observer, 'SELECT name, type, body FROM mysql.proc ORDER BY name'),
      grants: await rowsOf(observer, 'SELECT * FROM mysql.global_priv'),
      databases: await rowsOf(observer, 'SHOW DATABASES'),
      sequence,
      locks,
      transactions,
      own,
      global: await variables('GLOBAL'),
      session: await variables('SESSION'),
      files: filesBelow(server.filesDir),
    }
  }

  const filesBelow = (folder: string) =>
    readdirSync(folder, { recursive: true }).map((name) => join(folder, String(name)))

  const statements = spec<StatementSpec>('mysql.jsonl').map(({ sql }) => sql)

  test('what is said to only read leaves everything as it was', async () => {
    const reading = statements.filter((sql) => facts(sql)?.read_only && sql.indexOf(';') !== sql.length - 2)
    let ran = 0
    for (let at = 0; at < reading.length; at += 30) {
      const chunk = reading.slice(at, at + 30)
      const before = await state()
      for (const sql of chunk) if ((await run(sql)) === undefined) ran++
      expect(await state(), chunk.join('\n')).toEqual(before)
    }
    // Some are MySQL's own, or name tables that are not there.
    expect(ran).toBeGreaterThan(reading.length * 0.85)
  })

  test('the comparison sees every kind of change that is not a read', async () => {
    for (const sql of [
      'UPDATE counters SET n = n + 1',
      'SELECT NEXTVAL(ticket_seq)',
      "SELECT GET_LOCK('a', 0)",
      'SELECT bump()',
      'SELECT DEFAULT(id) FROM serial',
      'SELECT @x := RAND()',
      'SELECT LAST_INSERT_ID(CAST(1e6 * RAND() AS UNSIGNED))',
      `SELECT 1 INTO OUTFILE '${server.filesDir}/out'`,
      'SET sort_buffer_size = 1048576',
      'SET GLOBAL max_connections = 40',
      'CREATE TABLE made (a INT)',
      'DROP TABLE made',
      'CREATE USER somebody',
      'CREATE PROCEDURE p() SELECT 1',
      'CREATE DATABASE d',
      'BEGIN',
    ]) {
      expect(facts(sql)?.read_only ?? false, sql).toBe(false)
      const before = await state()
      expect(await run(sql), sql).toBeUndefined()
      expect(await state(), sql).not.toEqual(before)
    }
    await session.query('ROLLBACK')
    await session.query("SELECT RELEASE_LOCK('a')")
  })

  /** The tables that the server opens for a statement; undefined where it refuses it. */
  async function opened(sql: string): Promise<string[] | undefined> {
    await observer.query('FLUSH TABLES')
    if ((await run(sql)) !== undefined) return undefined
    const rows = await rowsOf(observer, 'SHOW OPEN TABLES')
    return rows
      .map((row) => `${String(row['Database'])}.${String(row['Table'])}`)
      .filter((name) => !/^(mysql|information_schema|performance_schema)\./.test(name))
  }

  const dot = (name: string) => name.replaceAll('"', '')

  /** What a statement opens and does not report. */
  async function unreported(sql: string, plan: string): Promise<string[] | undefined> {
    const found = facts(sql)
    if (!found) return undefined
    const reported = new Set([...found.reads, ...found.writes].map(dot))
    if (reported.has('shop.active_users')) reported.add('shop.users')
    return (await opened(plan))?.filter((name) => !reported.has(name))
  }

  test('every table that a written statement opens is reported', async () => {
    let compared = 0
    for (const sql of statements) {
      const found = facts(sql)
      // Of what changes anything only the plan is asked for; those lists open every table there is.
      const plan = found?.read_only
        ? sql
        : /^(INSERT|UPDATE|DELETE|REPLACE)/.test(sql)
          ? `EXPLAIN ${sql}`
          : undefined
      if (plan === undefined || /information_schema|^SHOW|;/i.test(sql)) continue
      const extra = await unreported(sql, plan)
      if (extra) compared++
      expect(extra ?? [], sql).toEqual([])
    }
    expect(compared).toBeGreaterThan(300)
  })

  test('every table that a generated query opens is reported, also behind names that mean two things', async () => {
    const generate = generator(7)
    let compared = 0
    let exact = 0
    for (let round = 0; round < rounds; round++) {
      const sql = generate()
      expect(mysqlFacts(sql), sql).not.toHaveProperty('unknown')
      const extra = await unreported(sql, sql).catch(() => recover())
      if (extra === undefined) continue
      compared++
      expect(extra, sql).toEqual([])
      const open = new Set(await opened(sql))
      if (facts(sql)?.reads.every((name) => open.has(name))) exact++
    }
    expect(compared).toBeGreaterThan(rounds * 0.6)
    // More than is opened is reported only of common table expressions that nothing uses.
    expect(exact).toBeGreaterThan(compared * 0.5)
  }, 180_000)

  test('a text is split where the server splits it', async () => {
    const below = randomBelow(11)
    let compared = 0
    for (let round = 0; round < rounds * 5; round++) {
      let sql = hiding[below(hiding.length)] as string
      for (let times = 1 + below(3); times > 0; times--) {
        const at = below(sql.length + 1)
        sql = sql.slice(0, at) + (lexical[below(lexical.length)] as string) + sql.slice(at + below(3))
      }
      if (!facts(sql)?.read_only) continue
      const before = round % 50 === 0 ? await state() : undefined
      const extra = await unreported(sql, sql)
      if (extra) compared++
      expect(extra ?? [], JSON.stringify(sql)).toEqual([])
      if (before) expect(await state(), JSON.stringify(sql)).toEqual(before)
    }
    expect(compared).toBeGreaterThan(rounds / 4)
  })

  test('what stands between the tokens means nothing to the server', async () => {
    const plan = async (sql: string) => {
      const error = await run(`EXPLAIN EXTENDED ${sql}`)
      const [note] = error === undefined ? await rowsOf(session, 'SHOW WARNINGS') : []
      return error?.replace(/ near .*/s, '') ?? note?.['Message']
    }
    for (const sql of statements.filter(
      (each) => /^\s*(SELECT|WITH|\()/i.test(each) && facts(each)?.read_only,
    )) {
      const tokens = tokensOf(sql).map(
        ({ start, end, spaced }) => (spaced ? ' ' : '') + sql.slice(start, end),
      )
      expect(await plan(tokens.join('').trim()), sql).toEqual(await plan(sql))
    }
  })
})

const hiding = [
  `SELECT 'x' FROM users WHERE name = ' FROM secret.salaries '`,
  `SELECT "x", 'y' /* FROM secret.salaries */ FROM users`,
  `SELECT 1 -- FROM secret.salaries\n FROM users`,
  `SELECT 1 # FROM secret.salaries\n`,
  `SELECT \`name\` FROM users WHERE 'a' = 'b' UNION SELECT 'SELECT * FROM secret.salaries'`,
  `SELECT 1.5 FROM users, (SELECT 'secret.salaries') s`,
  `SELECT (SELECT 'a FROM secret.salaries') FROM users`,
  `SELECT 'a' 'SELECT ssn FROM secret.salaries' FROM users`,
  `SELECT N'x', x'41' ' FROM secret.salaries ' FROM users`,
]
const lexical = [
  ...[
    "'",
    '"',
    '`',
    '\\',
    '\\\\',
    "''",
    '""',
    '/*',
    '*/',
    '/**/',
    '-- ',
    '--',
    '#',
    '\n',
    '\r',
    '\t',
    '\f',
    '\v',
    ' ',
  ],
  ...[
    '(',
    ')',
    ',',
    '.',
    ';',
    '1e1',
    '1.',
    '.5',
    '0x1',
    '@',
    '@a',
    '_utf8mb4',
    "N'",
    "x'",
    '\u00a0',
    '\u3000',
    'é',
    '$',
    '--\n',
  ],
]

/** A generator of whole numbers below a bound, the same on every run. */
function randomBelow(seed: number): (bound: number) => number {
  let last = seed
  return (bound) => {
    last = (Math.imul(last, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((last / 2 ** 32) * bound)
  }
}

/** Queries whose common table expressions, aliases and tables share few names. */
function generator(seed: number): () => string {
  const below = randomBelow(seed)
  const pick = <T>(list: readonly T[]) => list[below(list.length)] as T
  const names = ['t1', 't2', 't3', 't4', 'ids', 'T1']
  let aliases = 0
  // The server takes minutes for many queries; below EXISTS it hangs on some.
  let queriesLeft = 0

  const table = () =>
    pick([...names, ...names, 'shop.t1', 'secret.salaries', 'analytics.daily_sales', '`t2`', 'shop . t3'])
  const source = (depth: number): string => {
    const alias = `q${aliases++}`
    const kind = depth > 0 && queriesLeft > 0 ? below(6) : 0
    if (kind === 4) return `(${query(depth - 1)}) ${alias}`
    if (kind === 5) return `(${source(depth - 1)} JOIN ${source(depth - 1)})`
    return `${table()}${pick([' AS', ''])} ${alias}`
  }
  const condition = (depth: number): string => {
    if (depth === 0 || queriesLeft <= 0) return pick(['1', "'x' = 'FROM t4'", '2 > 1'])
    const inner = query(depth - 1)
    return pick([
      `1 IN (${inner})`,
      `1 = ANY (${inner})`,
      `(SELECT COUNT(*) FROM ${source(depth - 1)}) >= 0`,
      `CASE WHEN (SELECT COUNT(*) FROM (${inner}) n) THEN 1 END`,
    ])
  }
  const select = (depth: number, also: string[] = []): string => {
    const used = also.map((name) => `${name} q${aliases++} JOIN `).join('')
    const joins = Array.from(
      { length: below(3) },
      () => pick([', ', ' JOIN ', ' CROSS JOIN ']) + source(depth),
    ).join('')
    const where = below(2) === 0 ? ` WHERE ${condition(depth)}` : ''
    return `SELECT 1 AS v FROM ${used}${source(depth)}${joins}${where}${pick(['', ' GROUP BY v'])}`
  }
  function query(depth: number): string {
    queriesLeft--
    const ctes =
      depth > 0 && queriesLeft > 0 && below(2) === 0
        ? Array.from({ length: 1 + below(3) }, () => pick(names).toLowerCase())
        : []
    const defined = [...new Set(ctes)]
    const bodies = defined.map((name) => `${name} AS (${query(0)})`)
    const start = bodies.length > 0 ? `WITH ${bodies.join(', ')} ` : ''
    const others = Array.from(
      { length: below(3) === 0 ? 1 + below(2) : 0 },
      () => pick([' UNION ', ' UNION ALL ']) + `(${select(depth)})`,
    )
    const one = select(depth, defined)
    const first = others.length > 0 && below(2) === 0 ? `(${one})` : one
    return `${start}${first}${others.join('')}${pick(['', ' ORDER BY v'])}`
  }
  return () => {
    aliases = 0
    queriesLeft = 5
    return query(2)
  }
}
