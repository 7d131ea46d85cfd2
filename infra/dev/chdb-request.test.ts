import { expect, test } from 'vitest'
import { canStream, isAuthentic, readRequest, tailAfterFirstStatement } from './chdb-request.ts'

const read = (query: string, body = '', method = 'POST') =>
  readRequest(method, new URLSearchParams(query), new Headers(), body)

test.for([
  ["param_x=it's", "SET param_x = 'it\\'s'"],
  ['param_x=a%5C%5Cb', "SET param_x = 'a\\\\\\\\b'"], // escaped as TSV by the client: the engine undoes that, not we
  ['max_threads=1', "SET max_threads = '1'"],
  ['database=d%60%3B+DROP', 'USE `d\\`; DROP`'],
  ['readonly=1&max_threads=1', "SET max_threads = '1'; SET readonly = '1'"],
  ['query_id=q&enable_http_compression=1&async_insert=1', ''],
] as const)('parameters %s become %s', ([query, prelude]) => {
  expect(read(query, 'SELECT 1').prelude).toBe(prelude)
})

test('a setting whose name is not a name is refused', () => {
  expect(() => read('a%3Db%2Cc=1', 'SELECT 1')).toThrow(/Code: 115/)
})

test('an empty query is refused, and so is a session, which could not be kept', () => {
  expect(() => read('', ' ')).toThrow(/Code: 62.*Empty query/)
  expect(() => read('session_id=s', 'SELECT 1')).toThrow(/Code: 48/)
})

test('a query by GET is read-only, one by POST is not', () => {
  expect(read('query=SELECT+1', '', 'GET').readOnly).toBe(true)
  expect(read('', 'SELECT 1').readOnly).toBe(false)
})

test('the data of an INSERT follows its query, and its rows are counted', () => {
  expect(read('query=INSERT+INTO+t+FORMAT+JSONEachRow', '{"a":1}\n{"a":2}\n')).toMatchObject({
    statement: 'INSERT INTO t FORMAT JSONEachRow\n{"a":1}\n{"a":2}\n',
    rowsSent: 2,
  })
})

test.for([
  ['SELECT 1', ''],
  ['SELECT 1;', ''],
  ['SELECT 1; -- end', ''],
  ['SELECT \';\' AS a, `;` AS b, ";" AS c', ''],
  ["SELECT 'it\\'s; DROP TABLE t'", ''],
  ["SELECT 'it''s; DROP TABLE t'", ''],
  ['SELECT 1 /* ; */ -- ;', ''],
  ['INSERT INTO t FORMAT JSONEachRow {"a":";x"}', ''],
  ["INSERT INTO t VALUES (';'), (1); x", ''],
  ['SELECT 1; DROP TABLE t', 'DROP TABLE t'],
  ["SELECT '\\\\'; DROP TABLE t", 'DROP TABLE t'],
  ['INSERT INTO t SELECT 1; DROP TABLE t', 'DROP TABLE t'],
] as const)('after the first statement of %s stands "%s"', ([sql, tail]) => {
  expect(tailAfterFirstStatement(sql)).toBe(tail)
})

test('a second statement is refused', () => {
  expect(() => read('', 'SELECT 1; DROP TABLE t')).toThrow(/Code: 62.*Multi-statements/)
})

test.for([
  ['-- note\n /* x */ select 1', 'TabSeparated', true],
  ['(SELECT 1) UNION ALL (SELECT 2)', 'CSV', true],
  ['WITH 1 AS x SELECT x FORMAT JSONEachRow', 'JSON', true],
  ['SELECT 1 FORMAT JSONEachRow SETTINGS max_threads = 1;', 'JSON', true],
  ['SELECT 1', 'JSON', false],
  ['SELECT 1 FORMAT CSVWithNames', 'CSV', false],
  ["SELECT ' FORMAT JSONEachRow'", 'JSON', false],
  ['SHOW TABLES', 'TabSeparated', false],
  ['SELECTION', 'TabSeparated', false],
] as const)('%s, by default as %s, can be streamed: %s', ([statement, defaultFormat, expected]) => {
  expect(canStream({ statement, defaultFormat })).toBe(expected)
})

test('the password is taken from each place ClickHouse takes it from, and a wrong or missing one is none', () => {
  const basic = (text: string) =>
    new Headers({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })
  const key = new Headers({ 'x-clickhouse-user': 'default', 'x-clickhouse-key': 'a:b' })
  const none = new URLSearchParams()
  const check = (headers: Headers, parameters = none) => isAuthentic(headers, parameters, 'default', 'a:b')
  expect([
    check(basic('default:a:b')),
    check(key),
    check(new Headers(), new URLSearchParams('password=a:b')),
  ]).toEqual([true, true, true])
  expect([
    check(basic('default:a')),
    check(basic('root:a:b')),
    check(basic('default:')),
    check(new Headers()),
  ]).toEqual([false, false, false, false])
})
