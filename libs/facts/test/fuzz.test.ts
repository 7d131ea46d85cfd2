// Every reader of text that an agent sends: no input throws, none takes a second, and memory does not grow with them.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { beforeAll, describe, expect, test } from 'vitest'
import { isUnknown } from '@mcpshield/policy/facts'
import { mongodbFacts } from '../src/mongodb.ts'
import { normalizePath } from '../src/paths.ts'
import { redisFacts } from '../src/redis.ts'
import { mysqlFacts } from '../src/sql/mysql.ts'
import { postgresqlFacts, preparePostgresql } from '../src/sql/postgresql.ts'
import { outputSources } from '../src/sql/postgresql-lineage.ts'
import { sqliteFacts } from '../src/sql/sqlite.ts'
import { parseUrl } from '../src/urls.ts'
import { fuzzDeadline, fuzzSeconds } from './differential-time.ts'
import { randomOf, type Random } from './differential-random.ts'
import { spec } from './spec.ts'

const maxMs = 1_000
const maxGrowthBytes = 128 * 1024 * 1024

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Resident bytes once everything that can go is gone: parsers that were given up leave memory of WebAssembly behind. */
async function keptBytes(): Promise<number> {
  for (let turn = 0; turn < 3; turn++) {
    collectGarbage()
    await new Promise(setImmediate)
  }
  return process.memoryUsage().rss
}

const statements = (name: string) => spec<{ sql: string }>(name).map(({ sql }) => sql)
const seeds = [
  ...statements('postgresql-harmless.jsonl'),
  ...statements('postgresql-attacks.jsonl'),
  ...statements('sqlite-harmless.jsonl'),
  ...statements('sqlite-attacks.jsonl'),
]

const pieces = [
  ...`( ) [ ] { } ' " \` ; , . * + - / < > = ~ ! @ # % ^ & | ? : $ \\ -- /* */ /*! $$ $a$ E' U&" U&' x' b' :: -> ->> <= || && ..
  SELECT FROM WHERE WITH RECURSIVE AS INSERT INTO VALUES UPDATE SET DELETE MERGE USING ON WHEN MATCHED THEN CREATE TABLE VIEW DROP
  ALTER EXPLAIN ANALYZE COPY TO STDOUT UNION ALL EXCEPT INTERSECT ORDER BY GROUP HAVING LIMIT OFFSET JOIN LEFT NATURAL LATERAL
  CASE END NOT AND OR IN EXISTS ANY BETWEEN LIKE IS NULL OVER PARTITION WINDOW FILTER RETURNING FOR CAST ARRAY ROW INTERVAL
  PRAGMA ATTACH VACUUM DO CALL BEGIN COMMIT a users id 1 1e9 0x 1_0`.split(/\s+/),
  '\0',
  '\ud800',
  '\udfff',
  '\ufeff',
  '\u2028',
  '\u00a0',
  '\u200b',
  'ſ',
  'é',
  '🎉',
  '\v',
  '\f',
  '\r',
  '\n',
  '\t',
  '\b',
  '\u0001',
  '\u0085',
]

/** A text that nobody would write, or one that somebody did, a little changed. */
function strange(random: Random): string {
  const kind = random.below(6)
  if (kind === 0)
    return Array.from({ length: random.below(200) }, () => String.fromCharCode(random.below(0x10000))).join(
      '',
    )
  if (kind === 1)
    return Array.from({ length: random.below(60) }, () => random.pick(pieces)).join(
      random.pick(['', ' ', '\n']),
    )
  if (kind === 2) return `${random.pick(pieces).repeat(random.below(3_000))} ${random.pick(seeds)}`
  const text = random.pick(seeds)
  if (kind === 3) return text.slice(0, random.below(text.length + 1))
  if (kind === 4) return `${text}${random.pick(pieces)}${random.pick(seeds)}`
  let changed = text
  for (let times = 1 + random.below(4); times > 0; times--) {
    const at = random.below(changed.length + 1)
    changed = changed.slice(0, at) + random.pick(pieces) + changed.slice(at + random.below(3))
  }
  return changed
}

/** A value of JSON of any shape, with names that mean something to MongoDB. */
function strangeValue(random: Random, depth: number): unknown {
  const words = [
    'find',
    'aggregate',
    '$match',
    '$out',
    '$where',
    '$lookup',
    'filter',
    'pipeline',
    '__proto__',
    '$expr',
    'a',
    '',
  ]
  const kind = random.below(depth > 0 ? 8 : 6)
  if (kind === 0) return null
  if (kind === 1) return random.below(1_000)
  if (kind === 2) return random.chance(0.5)
  if (kind === 3) return random.pick([undefined, Number.NaN, 10n, new Date(0), /x/u])
  if (kind < 6) return random.chance(0.5) ? random.pick(words) : strange(random).slice(0, 20)
  const count = random.below(4)
  if (kind === 6) return Array.from({ length: count }, () => strangeValue(random, depth - 1))
  return Object.fromEntries(
    Array.from({ length: count }, () => [random.pick(words), strangeValue(random, depth - 1)]),
  )
}

const readers: [string, number, (random: Random) => unknown][] = [
  ['PostgreSQL', 6_000, (random) => postgresqlFacts(strange(random))],
  [
    'PostgreSQL with columns',
    2_000,
    (random) => postgresqlFacts(strange(random), { schema: { 'public.users': ['id', 'name'] } }),
  ],
  [
    'sources of PostgreSQL',
    3_000,
    (random) => outputSources(strange(random), { schema: { 'public.users': ['id', 'name'] } }),
  ],
  ['SQLite', 3_000, (random) => sqliteFacts(strange(random))],
  ['SQLite with a schema', 3_000, (random) => sqliteFacts(strange(random), { schema: sqliteSchema })],
  ['MySQL', 300, (random) => mysqlFacts(strange(random))],
  ['MongoDB', 10_000, (random) => mongodbFacts(strangeValue(random, 5))],
  ['Redis', 10_000, (random) => redisFacts(strangeValue(random, 2))],
  ['paths', 10_000, (random) => normalizePath(strange(random), '/root')],
  ['URLs', 10_000, (random) => parseUrl(strange(random))],
]
const sqliteSchema = ['CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT)', 'CREATE TABLE t(a, b, c)']

describe('any text', () => {
  beforeAll(preparePostgresql)

  test.each(readers)('is read as %s', { timeout: 60_000 + fuzzSeconds() * 1_000 }, async (_, usual, read) => {
    const deadline = fuzzDeadline()
    let done = 0
    let before = 0
    for (let seed = deadline.seed; deadline.goesOn(done, usual); seed++) {
      const random = randomOf(seed)
      const start = performance.now()
      try {
        read(random)
      } catch (error) {
        throw new Error(`seed ${seed} throws`, { cause: error })
      }
      const tookMs = performance.now() - start
      expect(tookMs, `seed ${seed}: ${strange(randomOf(seed)).slice(0, 500)}`).toBeLessThan(maxMs)
      // What was read first loads and warms; a parser that was given up is loaded in between.
      if (done++ === Math.floor(usual / 2)) before = await keptBytes()
      if (done % 200 === 0) await new Promise(setImmediate)
    }
    expect((await keptBytes()) - before).toBeLessThan(maxGrowthBytes)
  })

  test('that is long and repeats is read in time by each', { timeout: 60_000 }, () => {
    const parts = [
      '(',
      "'",
      '"',
      '$$',
      '/*',
      '--',
      '\n',
      ';',
      ',',
      'a,',
      'a.',
      '1+',
      '-',
      '::int',
      'a AS ',
      '(SELECT ',
      'x IN ',
      '[1]',
      'é',
      '🎉',
      '\\',
      'NOT ',
      "E'\\",
      'CASE ',
      'WITH a AS (',
      'SELECT 1;',
      'UNION SELECT 1 ',
      'JOIN a ',
      '$1',
      '?',
      '/*!',
      '{',
      '`',
    ]
    for (const part of parts) {
      const text = `SELECT ${part.repeat(Math.floor(90_000 / Buffer.byteLength(part)))}`
      for (const read of [postgresqlFacts, sqliteFacts, (sql: string) => outputSources(sql)]) {
        const start = performance.now()
        read(text)
        expect(performance.now() - start, `${part} to ${read.name}`).toBeLessThan(maxMs)
      }
    }
  })

  test('with many tables and many columns is read in time by each', () => {
    const many = (count: number, part: (i: number) => string) =>
      Array.from({ length: count }, (_, i) => part(i)).join()
    for (const text of [
      `SELECT ${many(9_000, (i) => `c${i}`)} FROM ${many(4_000, (i) => `t${i}`)}`,
      `SELECT ${many(15_000, () => 'c')} FROM ${many(10_000, () => 'a')}`,
      `SELECT ${many(1_500, (i) => `(SELECT c${i} FROM t${i})`)} FROM ${many(1_500, (i) => `s${i}`)}`,
    ]) {
      const begun = performance.now()
      // Nobody asks for the sources of what is not run.
      if (!isUnknown(postgresqlFacts(text))) outputSources(text)
      expect(performance.now() - begun, `${text.slice(0, 60)} to PostgreSQL`).toBeLessThan(2_000)
      const start = performance.now()
      sqliteFacts(text)
      expect(performance.now() - start, `${text.slice(0, 60)} to SQLite`).toBeLessThan(3_000)
    }
  })

  test('leaves the readers as they were', async () => {
    await expect
      .poll(() => postgresqlFacts('SELECT a FROM b'))
      .toMatchObject({ reads: ['b'], read_only: true })
    expect(sqliteFacts('SELECT a FROM b')).toMatchObject({ reads: ['b'], read_only: true })
    expect(isUnknown(postgresqlFacts('SELEC'))).toBe(true)
  })
})
