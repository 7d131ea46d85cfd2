import { beforeAll, describe, expect, test } from 'vitest'
import { antlrSighting } from '../src/sql/mysql-antlr.ts'
import { tokensOf } from '../src/sql/mysql-lexer.ts'
import { createWalk, inside } from '../src/sql/mysql-names.ts'
import { query } from '../src/sql/mysql-query.ts'
import { createReader } from '../src/sql/mysql-reader.ts'
import { sqlparserSighting } from '../src/sql/mysql-sqlparser.ts'
import { askWitnesses } from '../src/sql/mysql-witnesses.ts'
import { mysqlFacts, prepareMysql, type MysqlOptions } from '../src/sql/mysql.ts'
import type { StatementFacts } from '../src/sql/statement.ts'
import { spec, type StatementSpec } from './spec.ts'

beforeAll(prepareMysql)

function known(sql: string, options?: MysqlOptions): StatementFacts {
  const facts = mysqlFacts(sql, options)
  if ('unknown' in facts) throw new Error(`${sql}: ${facts.unknown}`)
  return facts
}

const fieldsOf = (facts: StatementFacts) =>
  Object.fromEntries(facts.accesses.map((a) => [a.resource, a.fields])) as Record<string, unknown>
const isUnknownResource = ({ accesses }: StatementFacts) =>
  accesses.some(({ resource }) => typeof resource === 'object' && resource !== null)

describe('statements of the spec', () => {
  test.each(spec<StatementSpec>('mysql.jsonl'))('$sql', ({ sql, ...expected }) => {
    expect(known(sql)).toMatchObject(expected)
  })
})

describe('names', () => {
  test('are told as written without a database, and in it with one', () => {
    expect(known('SELECT 1 FROM users, sales.orders').reads).toEqual(['users', 'sales.orders'])
    const options = { database: 'shop' }
    expect(known('SELECT 1 FROM users, sales.orders', options).reads).toEqual(['shop.users', 'sales.orders'])
    expect(known('DESCRIBE users', options).reads).toEqual(['shop.users'])
    expect(known('INSERT INTO users VALUES (1)', options).writes).toEqual(['shop.users'])
    expect(known('DROP TABLE users', options).writes).toEqual(['shop.users'])
  })

  test('keep their case, and with a dot inside are not read as a database and a table', () => {
    expect(known('SELECT 1 FROM Users, `USERS`').reads).toEqual(['Users', 'USERS'])
    expect(known('SELECT 1 FROM `shop.users`', { database: 'd' }).reads).toEqual(['d."shop.users"'])
  })

  test('of common table expressions are no tables where they are visible, and tables everywhere else', () => {
    const reads = (sql: string) => known(sql).reads
    expect(reads('WITH a AS (SELECT 1) SELECT * FROM a')).toEqual([])
    expect(reads('WITH a AS (SELECT * FROM a) SELECT * FROM a')).toEqual(['a'])
    expect(reads('WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a')).toEqual(['b'])
    expect(reads('WITH b AS (SELECT 1), a AS (SELECT * FROM b) SELECT * FROM a')).toEqual([])
    expect(reads('WITH RECURSIVE a AS (SELECT 1 UNION SELECT * FROM a) SELECT * FROM a')).toEqual([])
    expect(reads('WITH a AS (SELECT 1) SELECT * FROM d.a')).toEqual(['d.a'])
    expect(reads('WITH a AS (SELECT 1) SELECT * FROM (SELECT * FROM a) x')).toEqual([])
    expect(reads('SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a) x, a')).toEqual(['a'])
    expect(reads('(WITH a AS (SELECT 1) SELECT * FROM a) UNION SELECT * FROM a')).toEqual(['a'])
    expect(reads('WITH a AS (SELECT 1) SELECT * FROM A')).toEqual(['A'])
    // MySQL finds the outer one here, MariaDB the stored table.
    expect(
      reads('WITH a AS (SELECT 1) SELECT * FROM (WITH b AS (SELECT * FROM a) SELECT * FROM b) x'),
    ).toEqual(['a'])
    expect(
      reads('WITH a AS (SELECT 1) SELECT * FROM (WITH a AS (SELECT * FROM a) SELECT * FROM a) x'),
    ).toEqual(['a'])
    expect(reads('WITH a AS (SELECT 1) SELECT * FROM (WITH b AS (SELECT 1) SELECT * FROM a, b) x')).toEqual(
      [],
    )
    expect(reads('INSERT INTO t WITH a AS (SELECT 1) SELECT * FROM a')).toEqual([])
  })
})

describe('columns', () => {
  test('a column without its table is noted of every table that may have it', () => {
    const facts = known('SELECT ssn FROM users WHERE id IN (SELECT total FROM orders)')
    expect(fieldsOf(facts)).toEqual({ users: ['ssn', 'id', 'total'], orders: ['total'] })
  })

  test('a column of an alias is noted of its table only', () => {
    const facts = known('SELECT u.ssn FROM users u JOIN orders o ON o.user_id = u.id')
    expect(fieldsOf(facts)).toEqual({ users: ['ssn', 'id'], orders: ['user_id'] })
  })

  test('a column of a sub-query is what the sub-query reads', () => {
    expect(fieldsOf(known('SELECT d.x FROM (SELECT ssn AS x FROM users) d'))).toEqual({ users: ['ssn'] })
    expect(fieldsOf(known('SELECT x FROM (SELECT ssn AS x FROM users) d, orders'))).toEqual({
      users: ['ssn'],
      orders: [],
    })
    expect(known('SELECT * FROM (SELECT ssn FROM users) d').fields).toEqual(['ssn'])
  })

  test('an output name is no column in ORDER BY, and may be one in GROUP BY', () => {
    expect(known('SELECT total AS t FROM orders ORDER BY t').fields).toEqual(['total'])
    expect(known('SELECT total AS t FROM orders ORDER BY t + 1').fields).toEqual(['total', 't'])
    expect(known('SELECT total AS t FROM orders GROUP BY t').fields).toEqual(['total', 't'])
  })

  test('every way of naming all columns is unknown', () => {
    for (const sql of [
      'SELECT * FROM t',
      'SELECT x.* FROM t x',
      'SELECT 1 FROM t NATURAL JOIN u',
      'TABLE t',
      'DELETE FROM t',
      'INSERT INTO t VALUES (1)',
      'SELECT stranger.a FROM t',
      'DESCRIBE t',
    ])
      expect(known(sql).fields, sql).toBeNull()
    expect(known('SELECT COUNT(*) FROM t').fields).toEqual([])
  })
})

describe('what is refused', () => {
  test.each([
    ['nothing', ''],
    ['only a comment', '-- x'],
    ['a syntax error', 'SELEC 1'],
    ['PostgreSQL', 'SELECT a::int FROM b'],
    ['a NUL', 'SELECT 1\0; DROP TABLE t'],
    ['half a surrogate pair', "SELECT '\ud800'"],
    ['more than 100 kB', `SELECT '${'x'.repeat(100_000)}'`],
    ['an executable comment', "SELECT 1 /*!50000 INTO OUTFILE '/tmp/x' */"],
    ['an executable comment of MariaDB', 'SELECT 1 /*M!100000 FOR UPDATE */'],
    ['an executable comment inside a hint', 'SELECT /*+ QB_NAME(`*/`) */ 1'],
    ['a hint that sets a variable', "SELECT /*+ SET_VAR(sql_mode = 'ANSI_QUOTES') */ 1"],
    ['a hint that lifts the time limit', 'SELECT /*+ MAX_EXECUTION_TIME(0) */ 1'],
    ['a comment without end', 'SELECT 1 /* x'],
    ['a string without end', "SELECT 'a"],
    ['a string whose end is escaped', "SELECT 'a\\'"],
    ['a name without end', 'SELECT `a'],
    ['a number that runs into FROM', 'SELECT 1e1FROM users'],
    ['a fraction that runs into FROM', 'SELECT .1FROM users'],
    ['a whole number with a dot that runs into FROM', 'SELECT 1.FROM users'],
    ['a hexadecimal number that runs into FROM', 'SELECT 0x1FROM users'],
    ['an exponent that could be a name', 'SELECT 1e5a FROM users'],
    ['a number behind a dot', 'SELECT t.5 FROM users t'],
    ['a join in braces', 'SELECT * FROM {OJ users LEFT JOIN orders ON 1}'],
    ['\\N', 'SELECT \\N FROM users'],
    ['\\G before the end', 'SELECT 1\\G; DROP TABLE users'],
    ['\\G in the place of a value', 'SELECT \\G'],
    ['DELETE HISTORY, which is another table to each server', 'DELETE HISTORY FROM users'],
    ['DELETE HISTORY before a time', "DELETE history FROM users BEFORE SYSTEM_TIME '2020-01-01'"],
    ['a control character', 'SELECT 1\x01FROM users'],
    ['space that is not ASCII', 'SELECT 1\u00a0FROM users'],
    ['a wide space', 'SELECT id\u3000FROM users'],
    ['a zero-width character', 'SELECT id\u200b FROM users'],
    ['a full-width bracket', 'SELECT MAX\uff08id\uff09 FROM users'],
    ['brackets without end', `SELECT ${'('.repeat(5_000)}1${')'.repeat(5_000)}`],
    ['brackets that do not match', 'SELECT (1))'],
    ['queries in queries', `SELECT ${'(SELECT '.repeat(59)}1${')'.repeat(59)}`],
    ['cases in cases', `SELECT ${'CASE WHEN a THEN '.repeat(2_000)}1${' END'.repeat(2_000)} FROM t`],
    ['intervals in intervals', `SELECT ${'INTERVAL '.repeat(5_000)}1${' DAY'.repeat(5_000)}`],
    ['statements in statements', `${'SET STATEMENT a = 1 FOR '.repeat(3_000)}SELECT 1`],
    ['more words than anyone writes', `SELECT ${'- '.repeat(40_000)}1`],
    ['too many statements', 'SELECT 1;'.repeat(1_000)],
    ['another alias than servers agree on', 'SELECT 1 FROM users FULL JOIN orders'],
    ['a set operation of one sql_mode', 'SELECT 1 FROM users MINUS SELECT 1'],
    ['a sub-query in a window', 'SELECT SUM(1) OVER (ORDER BY (SELECT 1 FROM t)) FROM u'],
    ['a plan of another session', 'EXPLAIN FOR CONNECTION 5'],
    ['a plan left in a variable', 'EXPLAIN FORMAT=JSON INTO @x SELECT 1'],
    ['a change of a table that is not there', 'UPDATE t SET x.a = 1'],
    ['a SHOW that tells of everything', 'SHOW BINLOG EVENTS'],
  ])('%s is unknown', (_, sql) => {
    const start = performance.now()
    expect(mysqlFacts(sql)).toHaveProperty('unknown')
    expect(performance.now() - start).toBeLessThan(2_000)
    expect(known('SELECT 1').read_only).toBe(true)
  })
})

describe('the text is split as the servers do', () => {
  test.each([
    ["SELECT 'a\\' FROM secret -- '", []],
    ["SELECT 'a\\\\' FROM secret -- '", ['secret']],
    ["SELECT 'a''' FROM secret", ['secret']],
    ['SELECT "a" FROM secret', ['secret']],
    ['SELECT 1 -- FROM secret', []],
    ['SELECT 1 --FROM secret', undefined],
    ['SELECT 1 --x FROM secret', ['secret']],
    ['SELECT 1 # FROM secret', []],
    ['SELECT 1 # x\nFROM secret', ['secret']],
    ['SELECT 1 -- x\rFROM secret', []],
    ['SELECT 1 /* x */ FROM secret', ['secret']],
    ['SELECT 1 /* /* */ FROM secret', ['secret']],
    ['SELECT 1 /*/ FROM secret */', []],
    ['SELECT 1 /**/FROM/**/secret', ['secret']],
    ['SELECT `--x` FROM secret', ['secret']],
    ["SELECT N'a' FROM secret", ['secret']],
    ["SELECT x'41' FROM secret", ['secret']],
    ['SELECT 1\fFROM\vsecret', ['secret']],
    ['SELECT select.a FROM secret `select`', ['secret']],
    ['SELECT 2fa FROM secret', ['secret']],
  ] as [string, string[] | undefined][])('%j', (sql, reads) => {
    const facts = mysqlFacts(sql)
    expect('unknown' in facts ? undefined : facts.reads).toEqual(reads)
  })
})

describe('functions', () => {
  test('a built-in one only computes; of a stored one, or one of a database, nothing is known', () => {
    expect(known('SELECT LOWER(name) FROM t')).toMatchObject({ read_only: true, functions: ['lower'] })
    for (const sql of ['SELECT touch(name) FROM t', 'SELECT shop.lower(name) FROM t', 'SELECT sys_exec(1)'])
      expect(isUnknownResource(known(sql)), sql).toBe(true)
  })

  test('one that is a word of the grammar is a stored one when it does not look like it', () => {
    expect(known('SELECT MAX(id) FROM t').read_only).toBe(true)
    expect(isUnknownResource(known('SELECT MAX (id) FROM t'))).toBe(true)
    expect(isUnknownResource(known('SELECT `max`(id) FROM t'))).toBe(true)
    expect(known('SELECT LOWER (id) FROM t').read_only).toBe(true)
  })

  test('one that locks, waits or sets is no read', () => {
    for (const call of ['GET_LOCK(1, 1)', 'SLEEP(1)', 'LAST_INSERT_ID(1)', 'BENCHMARK(1, 1)', 'UUID_SHORT()'])
      expect(known(`SELECT ${call}`)).toMatchObject({ operations: ['admin'], read_only: false })
    expect(known('SELECT LAST_INSERT_ID()').read_only).toBe(true)
  })

  test('one that reads a file of the server is never run', () => {
    expect(isUnknownResource(known("SELECT LOAD_FILE('/etc/passwd')"))).toBe(true)
    expect(isUnknownResource(known("SELECT 1 FROM t WHERE 'x' LIKE LOAD_FILE(a)"))).toBe(true)
  })

  test('is seen wherever an expression stands', () => {
    const places = [
      'SELECT f()',
      'SELECT a + f() FROM t',
      'SELECT a FROM t WHERE f()',
      'SELECT a FROM t GROUP BY f()',
      'SELECT a FROM t HAVING f()',
      'SELECT a FROM t ORDER BY f()',
      'SELECT a FROM t JOIN u ON f()',
      'SELECT CASE f() WHEN 1 THEN 2 END',
      'SELECT CASE 1 WHEN f() THEN 2 END',
      'SELECT CASE WHEN 1 THEN f() ELSE 2 END',
      'SELECT CASE WHEN 1 THEN 2 ELSE f() END',
      'SELECT 1 IN (2, f())',
      'SELECT 1 BETWEEN f() AND 2',
      'SELECT 1 BETWEEN 2 AND f()',
      'SELECT 1 LIKE f()',
      "SELECT 1 LIKE 'a' ESCAPE f()",
      'SELECT NOT f()',
      'SELECT -f()',
      'SELECT INTERVAL f() DAY + a FROM t',
      'SELECT CAST(f() AS CHAR)',
      'SELECT CONVERT(f(), CHAR)',
      'SELECT CONVERT(f() USING utf8mb4)',
      'SELECT EXTRACT(YEAR FROM f())',
      'SELECT TRIM(BOTH f() FROM a) FROM t',
      'SELECT SUBSTRING(a FROM f() FOR 2) FROM t',
      'SELECT POSITION(f() IN a) FROM t',
      'SELECT POSITION(a IN f()) FROM t',
      'SELECT TIMESTAMPDIFF(DAY, f(), a) FROM t',
      'SELECT GROUP_CONCAT(a ORDER BY f()) FROM t',
      'SELECT COUNT(DISTINCT f()) FROM t',
      'SELECT SUM(a) OVER (PARTITION BY f()) FROM t',
      'SELECT SUM(a) OVER (ORDER BY f()) FROM t',
      'SELECT SUM(a) OVER w FROM t WINDOW w AS (ORDER BY f())',
      'SELECT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY f()) OVER () FROM t',
      'SELECT MATCH (a) AGAINST (f()) FROM t',
      'SELECT CHAR(f() USING utf8mb4)',
      "SELECT JSON_VALUE(f(), '$')",
      "SELECT 1 FROM JSON_TABLE(f(), '$' COLUMNS (a INT PATH '$')) j",
      'SELECT (SELECT f())',
      'SELECT EXISTS (SELECT f())',
      'SELECT 1 = ANY (SELECT f())',
      'SELECT * FROM (SELECT f()) d',
      'SELECT * FROM t, LATERAL (SELECT f()) d',
      'WITH x AS (SELECT f()) SELECT 1',
      'SELECT 1 UNION SELECT f()',
      'VALUES (f())',
      'VALUES ROW(f())',
      'SELECT f() MEMBER OF (a) FROM t',
      'SELECT 1 MEMBER OF (f())',
      'SELECT a COLLATE utf8mb4_bin + f() FROM t',
      'SELECT ROW(1, f()) = (1, 2)',
      'SELECT * FROM t LIMIT ROWS EXAMINED f()',
      'EXPLAIN SELECT f()',
      'SHOW TABLES WHERE f()',
      'INSERT INTO t VALUES (f())',
      'INSERT INTO t SET a = f()',
      'INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = f()',
      'INSERT INTO t VALUES (1) RETURNING f()',
      'UPDATE t SET a = f()',
      'UPDATE t SET a = 1 WHERE f()',
      'DELETE FROM t WHERE f()',
      'DELETE FROM t ORDER BY f() LIMIT 1',
      'CREATE TABLE t AS SELECT f()',
      'CREATE VIEW v AS SELECT f()',
      'DO f()',
    ]
    for (const sql of places) {
      expect(known(sql), sql).toMatchObject({ read_only: false })
      expect(known(sql).functions, sql).toContain('f')
      expect(known(sql.replace('f()', 'pi()')).functions, sql).toContain('pi')
    }
  })

  test('a table is seen wherever an expression stands', () => {
    for (const sql of [
      'SELECT (Q)',
      'SELECT a FROM t WHERE a IN (Q)',
      'SELECT a FROM t GROUP BY (Q)',
      'SELECT a FROM t ORDER BY (Q)',
      'SELECT a FROM t JOIN u ON (Q)',
      'SELECT CASE WHEN (Q) THEN 1 END',
      'SELECT LOWER((Q))',
      'SELECT TRIM(BOTH (Q) FROM a) FROM t',
      'SELECT a FROM t LIMIT ROWS EXAMINED (Q)',
      'SELECT ((Q) + 1)',
      'SELECT ((Q))',
      'SELECT ((Q) UNION (SELECT 1))',
      'SELECT * FROM ((Q) UNION (SELECT 1)) x',
      'SELECT * FROM ((Q) x JOIN t)',
      'SELECT * FROM (t JOIN (Q) x)',
      '(Q) UNION SELECT 1',
      '((Q)) ORDER BY 1',
      "SELECT * FROM JSON_TABLE((Q), '$' COLUMNS (a INT PATH '$')) j",
      'VALUES ((Q))',
      'INSERT INTO t VALUES ((Q))',
      'INSERT INTO t (Q)',
      'INSERT INTO t SET a = (Q)',
      'INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = (Q)',
      'UPDATE t SET a = (Q)',
      'UPDATE t, (Q) x SET t.a = 1',
      'DELETE FROM t WHERE a IN (Q)',
      'DELETE t FROM t JOIN (Q) x',
      'SHOW TABLES WHERE (Q)',
      'CREATE TABLE t (Q)',
    ]) {
      const facts = mysqlFacts(sql.replace('Q', 'SELECT ssn FROM secret.people'))
      // What is not understood there is refused, never overlooked.
      if (!('unknown' in facts)) expect(facts.reads, sql).toContain('secret.people')
      else expect(sql).toContain('EXAMINED')
    }
  })
})

describe('the other parsers', () => {
  const walkOf = (sql: string) => {
    const walk = createWalk(createReader(tokensOf(sql)), {})
    query(walk, inside(null))
    walk.cores.push({ from: 0, to: walk.r.at, kind: 'query' })
    return walk
  }

  test('stop a statement of which they see more', () => {
    const sql = 'SELECT a FROM t WHERE b IN (SELECT c FROM u)'
    expect(() => askWitnesses(walkOf(sql))).not.toThrow()
    const blind = walkOf(sql)
    blind.tableNames.splice(1)
    expect(() => askWitnesses(blind)).toThrow('another parser sees u')
  })

  test('stop a statement in which none of them sees a table that was read', () => {
    const walk = walkOf('SELECT a FROM t')
    walk.tableNames.push({ at: 1, name: 'a' })
    expect(() => askWitnesses(walk)).toThrow('no second parser')
  })

  test.each([
    ['sqlparser', sqlparserSighting],
    ['antlr', antlrSighting],
  ])('%s sees every table and whether something changes', (_, sighting) => {
    const names = (sql: string) =>
      sighting(sql)
        ?.tables.map((path) => path.join('.'))
        .sort()
    expect(names('SELECT a FROM t JOIN d . u ON 1')).toEqual(['d.u', 't'])
    expect(names('SELECT f ( a , ( SELECT b FROM v ) ) FROM ( SELECT 1 FROM w ) x')).toEqual(['v', 'w'])
    expect(names('SELECT a FROM t UNION SELECT b FROM u')).toEqual(['t', 'u'])
    expect(sighting('SELECT a FROM t')?.kind).toBe('query')
    expect(sighting('UPDATE t SET a = 1')?.kind).toBe('change')
    expect(sighting('INSERT INTO t VALUES ( 1 )')?.kind).toBe('change')
    expect(sighting('SELECT a FROM t t t')).toBeUndefined()
    expect(sighting('SELECT 1 ; SELECT 2')).toBeUndefined()
  })

  test('sqlparser that has run out of stack is replaced by a new one', () => {
    expect(sqlparserSighting(`SELECT ${'1 + '.repeat(5_000)}1`)).toBeUndefined()
    expect(sqlparserSighting('SELECT a FROM t')?.tables).toEqual([['t']])
  })

  test('sqlparser notes a call that was not seen as one', () => {
    expect(sqlparserSighting('SELECT g ( a ) , f ( b ) FROM t')?.calls).toEqual(['g'])
  })

  test('what sqlparser does not accept is shown to the other one', () => {
    const walk = walkOf('SELECT a FROM t')
    walk.r.before.set(0, 'HANDLER t OPEN ;')
    expect(() => askWitnesses(walk)).toThrow('no second parser')
    walk.r.before.set(0, '( SELECT 1 FROM t JOIN t JOIN t ON 1 ON 2 ) UNION')
    expect(() => askWitnesses(walk)).not.toThrow()
    walk.r.before.set(0, '( SELECT 1 FROM t JOIN t JOIN z ON 1 ON 2 ) UNION')
    expect(() => askWitnesses(walk)).toThrow('another parser sees z')
  })
})

test('a long list of values is no depth', () => {
  const values = Array.from({ length: 10_000 }, (_, i) => i).join()
  expect(known(`SELECT a FROM t WHERE b IN (${values})`).read_only).toBe(true)
  const rows = Array.from({ length: 2_000 }, (_, i) => `(${i}, 'x')`).join()
  expect(known(`INSERT INTO t (a, b) VALUES ${rows}`).writes).toEqual(['t'])
})

test('what is accepted takes no longer than a second', () => {
  const long = [
    `SELECT 1 FROM t WHERE a${' OR b = 1'.repeat(5_000)}`,
    `SELECT a FROM t${' UNION SELECT a FROM u'.repeat(3_000)}`,
    `SELECT 1 FROM t${' JOIN u ON a'.repeat(4_000)}`,
    `SELECT a${', a'.repeat(10_000)} FROM t`,
    `SELECT ${'(SELECT a FROM t WHERE b = '.repeat(12)}1${')'.repeat(12)}`,
    `SELECT ${'LOWER('.repeat(90)}a${')'.repeat(90)} FROM t`,
    `SELECT ${'CASE WHEN a THEN '.repeat(200)}1${' END'.repeat(200)} FROM t`,
  ]
  for (const sql of long) {
    const start = performance.now()
    expect(known(sql).read_only, sql.slice(0, 60)).toBe(true)
    // The machine may be busy with other tests.
    expect(performance.now() - start, sql.slice(0, 60)).toBeLessThan(5_000)
  }
})

test('every statement has an access, one without data the resource null', () => {
  expect(known('SELECT 1').accesses).toEqual([
    { operation: 'read', resource: null, fields: [], functions: [] },
  ])
  expect(known('SELECT 1; SELECT 2').accesses).toHaveLength(2)
})
