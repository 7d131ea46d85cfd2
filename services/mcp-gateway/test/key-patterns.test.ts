// What is told of the keys of a Redis database: how they are named, and not whose they are.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { anyGlob } from '@mcpshield/policy/globs'
import { keyPatterns } from '../src/stored/key-patterns.ts'

const many = (make: (n: number) => string, count = 20) => Array.from({ length: count }, (_, n) => make(n))
const NAMES =
  'ann bob carl dora eve finn gina hugo ida jon kim lena max nora otto pia quinn rosa sam tom'.split(' ')
const nameOf = (n: number) => NAMES[n % NAMES.length] ?? ''

test.for<[what: string, keys: string[], told: string[]]>([
  ['numbers', many((n) => `session:${n}`), ['session:*']],
  ['one key of its kind', ['session:9f8e7d6c5b'], ['session:*']],
  ['UUIDs', many((n) => `order:0b9f1c1e-8d0e-4c8a-9a39-6b7f0c2d1a${10 + n}:lines`), ['order:*:lines']],
  ['addresses', ['mail:jane.doe@example.org', 'mail:tom@example.org:seen'], ['mail:*']],
  ['addresses as whole keys', ['jane.doe@example.org', 'tom@example.org'], ['*']],
  ['names of people', many((n) => `user:${nameOf(n)}`), ['user:*']],
  [
    'names of people with several things each',
    many(nameOf, 6).flatMap((each) => ['cart', 'profile', 'seen'].map((what) => `user:${each}:${what}`)),
    ['user:*:cart', 'user:*:profile', 'user:*:seen'],
  ],
  ['a few names, which no pattern can be told from', ['user:ann', 'user:bob'], ['user:*']],
  [
    'kinds below a beginning',
    [...many((n) => `cache:page:${n}`), ...many((n) => `cache:user:${n}`)],
    ['cache:page:*', 'cache:user:*'],
  ],
  [
    'other separators',
    [...many((n) => `jobs/${n}/state`), ...many((n) => `rate.${n}`)],
    ['jobs/*/state', 'rate.*'],
  ],
  ['a key that is one word', ['feature_flags', 'queue2'], ['feature_flags', 'queue2']],
  ['hexadecimal words', ['deadbeefcafe', 'session:cafebabe'], ['*', 'session:*']],
  ['tokens of chance', ['qXzLpTbVnMkR', 'tok:xkcdqwrtzpsd'], ['*', 'tok:*']],
  ['patterns within keys', ['a*b', '?:x'], ['*']],
  ['nothing', [], []],
  ['the empty key', [''], ['*']],
])('%s', ([, keys, told]) => {
  expect(keyPatterns(keys)).toEqual(told)
})

test('of more beginnings than there are kinds of keys, those that several keys have are told', () => {
  const keys = [
    ...many((n) => `${nameOf(n % 20)}${'xyz'[Math.floor(n / 20)] ?? ''}:1`, 60),
    'job:1',
    'job:2',
    'job:3',
  ]
  expect(keyPatterns(keys)).toEqual(['*', 'job:*'])
})

const part = fc.oneof(
  fc.constantFrom('user', 'session', 'cart', 'ann', 'v1', '17', 'deadbeef', 'a@b.c', '*', ''),
  fc.string({ maxLength: 6 }),
)
const key = fc
  .array(fc.tuple(part, fc.constantFrom(':', '/', '.', '|', '-')), { maxLength: 12 })
  .map((parts) => parts.flat().join(''))

test('every key is matched by a pattern that is told, so that a rule of them covers it', () => {
  fc.assert(
    fc.property(fc.array(key, { maxLength: 40 }), (keys) => {
      const matches = anyGlob(keyPatterns(keys))
      return keys.every((each) => matches(each))
    }),
  )
})

test('a part with a digit within, an address or an id is in no pattern', () => {
  fc.assert(
    fc.property(fc.array(key, { maxLength: 40 }), (keys) =>
      keyPatterns(keys).every((each) => !/@|\d\d|deadbeef/.test(each)),
    ),
  )
})

test('long keys and many of them take no time to speak of', () => {
  const keys = [
    ...many((n) => `${'a'.repeat(200_000)}${n}`, 50),
    ...many((n) => `k:${n}:`.repeat(100), 3_000),
  ]
  const startMs = performance.now()
  keyPatterns(keys)
  expect(performance.now() - startMs).toBeLessThan(2_000)
})
