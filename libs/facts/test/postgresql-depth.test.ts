// A statement that PostgreSQL's parser could not end would harm it for every later one: none may reach it.
import { beforeAll, describe, expect, test } from 'vitest'
import { postgresqlFacts, preparePostgresql } from '../src/sql/postgresql.ts'
import { parse } from '../src/sql/postgresql-parse.ts'
import { outputSources } from '../src/sql/postgresql-lineage.ts'

beforeAll(preparePostgresql)

function nested(before: string, after: string, times: number): string {
  return before.repeat(times) + '1' + after.repeat(times)
}

const shapes: [string, (times: number) => string][] = [
  ['brackets', (n) => `SELECT ${nested('(', ')', n)}`],
  ['sub-queries', (n) => `SELECT ${nested('(SELECT ', ')', n)}`],
  ['sub-queries in FROM', (n) => `SELECT * FROM ${nested('(SELECT * FROM ', ') q', n).replace('1', 'a')}`],
  ['EXISTS', (n) => `SELECT ${nested('EXISTS (SELECT ', ')', n)}`],
  ['ANY', (n) => `SELECT ${nested('1 = ANY (SELECT ', ')', n)}`],
  ['calls', (n) => `SELECT ${nested('f(', ')', n)}`],
  ['JSON', (n) => `SELECT ${nested('JSON_ARRAY(', ')', n)}`],
  ['JSON objects', (n) => `SELECT ${nested("JSON_OBJECT('a': ", ')', n)}`],
  ['rows', (n) => `SELECT ${nested('ROW(', ')', n)}`],
  ['arrays', (n) => `SELECT ${nested('ARRAY[', ']', n)}`],
  ['CASE', (n) => `SELECT ${nested('CASE WHEN true THEN ', ' END', n)}`],
  ['common table expressions', (n) => `${'WITH a AS ('.repeat(n)}SELECT 1${') SELECT 1'.repeat(n)}`],
  ['a union on the right', (n) => `${'SELECT 1 UNION ('.repeat(n)}SELECT 1${')'.repeat(n)}`],
  ['unions', (n) => `SELECT 1${' UNION SELECT 1'.repeat(n)}`],
  ['joins', (n) => `SELECT 1 FROM a${' CROSS JOIN a'.repeat(n)}`],
  ['joins in brackets', (n) => `SELECT 1 FROM ${'('.repeat(n)}a${' JOIN a ON true)'.repeat(n)}`],
  ['sums', (n) => `SELECT 1${' + 1'.repeat(n)}`],
  ['sums of calls with two arguments', (n) => `SELECT 1${'+f(1,1)'.repeat(n)}`],
  ['negations', (n) => `SELECT ${'- '.repeat(n)}1`],
  ['NOT', (n) => `SELECT ${'NOT '.repeat(n)}true`],
  ['NOT in front of brackets', (n) => `SELECT ${nested('NOT (', ')', n)}`],
  ['casts', (n) => `SELECT 1${'::int'.repeat(n)}`],
  ['collations', (n) => `SELECT a${' COLLATE "C"'.repeat(n)}`],
  ['time zones', (n) => `SELECT a${" AT TIME ZONE 'x'".repeat(n)}`],
  ['AT LOCAL', (n) => `SELECT a${' AT LOCAL'.repeat(n)}`],
  ['IS NULL', (n) => `SELECT a${' IS NULL'.repeat(n)}`],
  ['NOTNULL', (n) => `SELECT a${' NOTNULL'.repeat(n)}`],
  ['IN', (n) => `SELECT a${' IN (1)'.repeat(n)}`],
  ['IS JSON', (n) => `SELECT a${' IS JSON'.repeat(n)}`],
  ['qualified operators', (n) => `SELECT 1${' OPERATOR(pg_catalog.+) 1'.repeat(n)}`],
  ['fields of brackets', (n) => `SELECT ${'('.repeat(n)}a${').a'.repeat(n)}`],
]

/** Ways to hide a text from one who counts brackets in it. */
const covers: [string, (sql: string) => string][] = [
  ['nothing', (sql) => sql],
  ['quotes in quoted names', (sql) => sql.replace('SELECT', () => `SELECT "'", `) + ` + "'"`],
  ['a backslash before a quote', (sql) => sql.replace('SELECT', () => `SELECT '\\', `) + ` + ' '`],
  ['an escaped quote', (sql) => sql.replace('SELECT', () => `SELECT E'\\'', `) + ` + ' '`],
  ['a quote in a comment', (sql) => `-- '\n${sql} -- '`],
  ['a quote in a nested comment', (sql) => `/* /* */ ' */ ${sql} /* ' */`],
  ['a quote in dollars', (sql) => sql.replace('SELECT', () => `SELECT $a$'$a$, `) + ` + $a$'$a$`],
  ['dollars in a name', (sql) => sql.replace('SELECT', () => 'SELECT a$b$, ') + ' + a$b$'],
  ['a carriage return after a comment', (sql) => `-- '\r${sql}`],
]

describe('what the parser could not take never reaches it', () => {
  test.each(shapes)('%s', (_, shape) => {
    const longest = Math.floor(95_000 / (shape(101).length - shape(100).length))
    for (const times of [2_000, 4_000, longest].filter((n) => n <= longest)) {
      for (const [cover, hide] of covers) {
        const sql = hide(shape(times))
        const start = performance.now()
        expect(postgresqlFacts(sql), cover).toEqual({ unknown: 'the SQL is nested too deeply' })
        expect(outputSources(sql), cover).toBe('unknown')
        expect(performance.now() - start).toBeLessThan(1_000)
        // It is as it was: this would be unknown while a parser that was harmed is loaded anew.
        expect(postgresqlFacts('SELECT 1')).toHaveProperty('read_only', true)
      }
    }
  })
})

test('a parser that ran out of its stack is not asked again, but replaced', async () => {
  expect(() => parse(`SELECT a${' COLLATE "C"'.repeat(8_000)}`)).toThrow('nested too deeply')
  expect(postgresqlFacts('SELECT 1')).toEqual({ unknown: 'the parser of PostgreSQL is not ready' })
  await expect.poll(() => postgresqlFacts('SELECT a FROM b')).toMatchObject({ reads: ['b'], read_only: true })
})

describe('what people and programs write is not taken for deep', () => {
  test.each<[string, string]>([
    ['a long list', `SELECT a FROM t WHERE b IN (${Array.from({ length: 10_000 }, (_, i) => i).join()})`],
    [
      'a list of rows',
      `SELECT a FROM t WHERE (b, c) IN (${Array.from({ length: 3_000 }, (_, i) => `(${i}, '${i}')`).join()})`,
    ],
    [
      'a CASE of many branches',
      `SELECT CASE ${Array.from({ length: 600 }, (_, i) => `WHEN a = ${i} AND b <> -${i} THEN '${i}' || c`).join(' ')} END FROM t`,
    ],
    [
      'a report of many parts',
      Array.from(
        { length: 300 },
        (_, i) => `SELECT '${i}' AS k, count(*) AS n FROM t${i} WHERE a > ${i} + 1`,
      ).join(' UNION ALL '),
    ],
    [
      'many conditions',
      `SELECT a FROM t WHERE ${Array.from({ length: 1_500 }, (_, i) => `a${i} = ${i}`).join(' AND ')}`,
    ],
    [
      'many alternatives',
      `SELECT a FROM t WHERE ${Array.from({ length: 1_500 }, (_, i) => `(a = ${i} AND b = ${i})`).join(' OR ')}`,
    ],
    [
      'many values',
      `SELECT * FROM (VALUES ${Array.from({ length: 3_000 }, (_, i) => `(${i}, -${i}, now() + '1 day')`).join()}) v`,
    ],
    [
      'many outputs',
      `SELECT ${Array.from({ length: 1_500 }, (_, i) => `coalesce(round(a${i} * 1.1 + 2, 2), 0) AS x${i}`).join()} FROM t`,
    ],
    [
      'many parts of a text',
      `SELECT ${Array.from({ length: 300 }, (_, i) => `coalesce(c${i}, '')`).join(" || ';' || ")} FROM t`,
    ],
    [
      'many joins',
      `SELECT 1 FROM t0 ${Array.from({ length: 100 }, (_, i) => `LEFT JOIN t${i + 1} ON t${i + 1}.a = t${i}.a + 1 AND t${i}.b IS NOT NULL`).join(' ')}`,
    ],
    [
      'many common table expressions',
      `WITH a0 AS (SELECT 1 AS x) ${Array.from({ length: 300 }, (_, i) => `, a${i + 1} AS (SELECT x + 1 AS x FROM a${i} WHERE x IS NOT NULL)`).join('')} SELECT x FROM a300`,
    ],
    ['a long text', `SELECT '${'(((((+ NOT - '.repeat(6_000)}'`],
    ['a long text in dollars', `SELECT $x$${"(((('((( + NOT - ".repeat(5_000)}$x$`],
    ['a long comment', `SELECT 1 -- ${'((((( + '.repeat(6_000)}`],
    [
      'many statements',
      Array.from({ length: 1_500 }, () => 'SELECT a.b + 1 FROM a JOIN b ON true').join('; '),
    ],
    ['a long JSON path', `SELECT a ${"-> 'x' ".repeat(200)} FROM t`],
  ])('%s', (_, sql) => {
    const start = performance.now()
    expect(postgresqlFacts(sql)).toHaveProperty('read_only', true)
    expect(performance.now() - start).toBeLessThan(2_000)
  })
})
