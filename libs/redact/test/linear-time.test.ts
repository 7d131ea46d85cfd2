import { performance } from 'node:perf_hooks'
import { expect, test } from 'vitest'
import { findSecrets } from '../src/find.ts'

// Near-matches that would make a backtracking or rescanning detector slow: prefixes without bodies, openings without
// ends, names without values, and each of them again and again.
const NEAR_MATCHES = [
  ...[
    'eyJ',
    'eyJ.',
    'eyJhbGciOiJIUzI1NiJ9.',
    'sk-',
    'ghp_',
    'xoxb-',
    'aaaaQ~',
    'abcdef0123456789-us',
    '/api/webhooks/1',
  ],
  ...[
    '-----BEGIN ',
    '-----BEGIN PRIVATE ' + 'KEY-----',
    '-----BEGIN PRIVATE ' + 'KEY-----\nabc ',
    'LS0tLS1CRUdJTi',
  ],
  ...['PuTTY-User-Key-File-1 Private-Lines:', '"kty"', 'kty "d":"aaaa'],
  ...[
    'password',
    'password=',
    'password: ',
    'PASSWORD=${X}',
    'token: a.',
    'key=',
    '<password>x',
    'password=)))))',
    'pass,',
  ],
  ...['bearer:', 'Bearer ', 'Basic ', 'Cookie: ;', 'Cookie: a=', 'curl -u ', 'redis-cli -a ', 'mysql -p '],
  ...[
    '@',
    'a@',
    'a@b.',
    '"@',
    '%40',
    'a%2Bb%40',
    '://',
    'a://',
    'http://a:',
    'http://a:b',
    'a:b@tcp(',
    '=@tcp(',
    'thin:a/b',
  ],
  ...[
    '1 ',
    '0',
    '01 ',
    '012 34 ',
    '4111 ',
    '4111-1111-',
    '123-45-',
    '123 ',
    '1 415 555 ',
    '+1 ',
    '(',
    'DE89 3704 ',
    'tel 12 34 ',
  ],
  ...['a', '1', '\\n', '%', '[redacted:', '[redacted:email]', 'a.', 'é@'],
]
const ONE_MB = 1_000_000

test('a text that is full of near-matches is read in linear time', { timeout: 120_000 }, () => {
  findSecrets(NEAR_MATCHES.join(' ').repeat(20))
  const slow = NEAR_MATCHES.flatMap((unit) => {
    const ms = timeMs(unit, ONE_MB / 2)
    return ms > 1000 ? [`${JSON.stringify(unit)}: ${ms.toFixed(0)} ms`] : []
  })
  expect(slow).toEqual([])
})

test('ten times the text takes about ten times as long', { timeout: 120_000 }, () => {
  const mixed = NEAR_MATCHES.join('\n')
  const small = Math.min(timeMs(mixed, ONE_MB), timeMs(mixed, ONE_MB))
  expect(timeMs(mixed, 10 * ONE_MB)).toBeLessThan(Math.max(30 * small, 3000))
})

function timeMs(unit: string, length: number): number {
  const text = Buffer.from(unit.repeat(Math.ceil(length / unit.length)).slice(0, length)).toString()
  const start = performance.now()
  findSecrets(text)
  return performance.now() - start
}
