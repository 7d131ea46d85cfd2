import { isUnknown, type JsonValue } from '@mcpshield/policy/facts'
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { prepareParsers } from '../src/draw.ts'
import { guessFacts, TooMuch } from '../src/guess.ts'

beforeAll(prepareParsers)

const value = fc.letrec<{ any: JsonValue }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom<JsonValue>(
      '/etc/passwd',
      'https://a.test',
      'file:///x',
      'SELECT * FROM t',
      'x',
      '',
      1,
      null,
    ),
    fc.string(),
    fc.jsonValue() as fc.Arbitrary<JsonValue>,
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(
      fc.oneof(
        fc.constantFrom('path', 'url', 'sql', 'query', 'outputFile', '__proto__', 'toString', '/a'),
        fc.string(),
      ),
      tie('any'),
      { maxKeys: 4 },
    ),
  ),
})).any

test('no JSON makes it throw', () => {
  fc.assert(
    fc.property(value, (args) => {
      const guess = guessFacts(args)
      for (const path of guess.paths)
        expect(typeof path === 'string' ? path.startsWith('/') : isUnknown(path)).toBe(true)
    }),
    { numRuns: 1_000 },
  )
})

test('a path, a URL and a statement are found wherever they stand', () => {
  const found: [string, (guess: ReturnType<typeof guessFacts>) => unknown[]][] = [
    ['/etc/passwd', ({ paths }) => paths],
    ['https://evil.test/', ({ urls }) => urls],
  ]
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('a', 'b', 'data', '0'), { maxLength: 8 }),
      fc.boolean(),
      (path, listed) => {
        for (const [text, kind] of found) {
          const args = path.reduce<JsonValue>((inner, key) => (listed ? [inner] : { [key]: inner }), text)
          expect(kind(guessFacts(args))).toHaveLength(1)
        }
      },
    ),
  )
})

test('more than can be walked is refused at once', () => {
  let deep: JsonValue = 'x'
  for (let i = 0; i < 100_000; i++) deep = [deep]
  const start = performance.now()
  for (const args of [deep, Array.from({ length: 200_000 }, () => ({}))])
    expect(() => guessFacts(args)).toThrow(TooMuch)
  expect(performance.now() - start).toBeLessThan(500)
})

test('a long text is read in time, whatever it is called', () => {
  const start = performance.now()
  for (const text of [
    '('.repeat(200_000),
    '/*'.repeat(100_000),
    '--\n'.repeat(60_000),
    '/'.repeat(500_000),
    'a:'.repeat(99_999),
  ])
    for (const name of ['path', 'url', 'sql', 'query', 'note']) guessFacts({ [name]: text })
  expect(performance.now() - start).toBeLessThan(3_000)
})
