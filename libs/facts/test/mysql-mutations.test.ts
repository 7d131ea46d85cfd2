// Whatever a text is, the answer comes, within a bound, and a mutation never makes a statement mean less than it says.
import { expect, test } from 'vitest'
import { mysqlFacts, prepareMysql } from '../src/sql/mysql.ts'
import { spec, type StatementSpec } from './spec.ts'

const rounds = Number(process.env['MYSQL_MUTATIONS'] ?? 3_000)

const pieces = [
  ...[
    "'",
    '"',
    '`',
    '\\',
    '\\\\',
    "''",
    '/*',
    '*/',
    '/*!',
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
    '((',
    '))',
    ',',
    '.',
    ';',
    '@',
    '@@',
    ':=',
    '{',
    '}',
    '?',
    '*',
    '->',
    '0x',
    '1e1',
    '.5',
    '$',
    '_',
  ],
  ...[
    'SELECT',
    'FROM',
    'WHERE',
    'UNION',
    'INTO',
    'OUTFILE',
    'FOR UPDATE',
    'JOIN',
    'ON',
    'USING',
    'AS',
    'WITH',
    'IN',
  ],
  ...[
    'CASE',
    'END',
    'INTERVAL',
    'VALUES',
    'ROW',
    'TABLE',
    'NATURAL',
    'LATERAL',
    'OVER',
    'LIMIT',
    'NOT',
    'BETWEEN',
  ],
  ...[
    'f(',
    'sleep(1)',
    'secret.salaries',
    'é',
    '\u00a0',
    '\u2028',
    '𝒳',
    '\ud800',
    '\0',
    '\x1a',
    'x'.repeat(200),
  ],
]

/** A generator of whole numbers below a bound, the same on every run. */
function randomBelow(seed: number): (bound: number) => number {
  let state = seed
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
}

function mutate(sql: string, below: (bound: number) => number): string {
  const at = below(sql.length + 1)
  const piece = pieces[below(pieces.length)] as string
  switch (below(5)) {
    case 0:
      return sql.slice(0, at) + piece + sql.slice(at)
    case 1:
      return sql.slice(0, at) + sql.slice(at + 1 + below(8))
    case 2:
      return sql.slice(0, at) + ` ${piece} ` + sql.slice(at + below(4))
    case 3:
      return sql.slice(0, at) + sql.slice(below(sql.length + 1))
    default:
      return sql.slice(0, at) + piece.repeat(1 + below(300)) + sql.slice(at)
  }
}

test('a mutated statement is answered without an error, in time', () => {
  prepareMysql()
  const statements = spec<StatementSpec>('mysql.jsonl').map(({ sql }) => sql)
  const below = randomBelow(4)
  let known = 0
  for (let round = 0; round < rounds; round++) {
    let sql = statements[below(statements.length)] as string
    for (let times = 1 + below(3); times > 0; times--) sql = mutate(sql, below)
    const start = performance.now()
    const facts = mysqlFacts(sql)
    const tookMs = performance.now() - start
    expect(tookMs, sql.slice(0, 300)).toBeLessThan(5_000)
    if ('unknown' in facts) expect(facts.unknown, sql).toMatch(/^[^\n]{5,200}$/)
    else known++
  }
  // Both sides are met.
  expect(known).toBeGreaterThan(rounds / 20)
  expect(known).toBeLessThan(rounds / 1.2)
}, 60_000)

test('a text without meaning is answered, too', () => {
  const below = randomBelow(9)
  for (let round = 0; round < rounds; round++) {
    let sql = ''
    for (let length = below(30); length >= 0; length--) sql += `${pieces[below(pieces.length)] ?? ''} `
    expect(() => mysqlFacts(sql), sql).not.toThrow()
  }
}, 60_000)
