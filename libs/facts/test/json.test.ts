import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseStrictJson } from '../src/json.ts'

const refused = (text: string) => expect(parseStrictJson(text), text)

describe('a repeated key is refused', () => {
  test.each([
    '{"a":1,"a":1}',
    '{"a":1,"\\u0061":2}',
    '{"x":[{"y":{"a":1,"b":2,"a":3}}]}',
    '{"__proto__":1,"__proto__":2}',
    '{"a":{},"a":[]}',
    '{"\\"":1,"\\u0022":2}',
    '{"a\\\\":1,"a\\\\":2}',
    '{"":1,"":2}',
  ])('%s', (text) => refused(text).toMatchObject({ error: expect.stringContaining('repeated') as string }))

  test('its position is that of the second one', () => {
    expect(parseStrictJson('{"a":1, "a":2}')).toMatchObject({ position: 8 })
    expect(parseStrictJson('{"a":["a","a"],"b":{"a":1},"\\u0062":2}')).toMatchObject({ position: 27 })
  })
})

describe('what only looks like a repeated key is not', () => {
  test.each([
    '{"a":{"a":1},"b":[{"a":1},{"a":2}]}',
    '{"a":"a\\":1,\\"a\\":2"}',
    '{"a":1,"A":2}',
    '["a","a"]',
    '{"a:b":1,"a":":"}',
  ])('%s', (text) => expect(parseStrictJson(text)).toEqual({ value: JSON.parse(text) as unknown }))
})

describe('numbers', () => {
  test.each(['9007199254740993', '-9007199254740993', '{"id":12345678901234567890}', '1e400', '[-1E999]'])(
    '%s is refused: it would become another one',
    (text) => refused(text).toMatchObject({ error: expect.stringContaining('number') as string }),
  )
  test.each([
    '9007199254740991',
    '9007199254740992',
    '-9007199254740991',
    '0',
    '1.5e300',
    '-0.25',
    '"9007199254740993"',
  ])('%s is kept', (text) => expect(parseStrictJson(text)).toEqual({ value: JSON.parse(text) as unknown }))
})

test('nesting is allowed to the limit and refused beyond it, also where the text is no JSON', () => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
  expect(parseStrictJson(nested(64))).toHaveProperty('value')
  expect(parseStrictJson(nested(65))).toMatchObject({ position: 64 })
  expect(parseStrictJson('['.repeat(1_000_000))).toHaveProperty('error')
  expect(parseStrictJson(JSON.stringify('['.repeat(100)))).toHaveProperty('value')
})

test('a text longer than the limit is refused, one of that length is not', () => {
  const limits = { maxLength: 10, maxDepth: 64 }
  expect(parseStrictJson('"12345678"', limits)).toHaveProperty('value')
  expect(parseStrictJson('"123456789"', limits)).toHaveProperty('error')
})

test.each(['', '{', '{"a":1,}', "{'a':1}", '01', 'NaN', '{"a":1}x', '"\\', '[1,2', '\u0001'])(
  '%j is no JSON',
  (text) => {
    expect(parseStrictJson(text)).toHaveProperty('error')
  },
)

test('a __proto__ key is a key like any other', () => {
  const parsed = parseStrictJson('{"__proto__":{"isAdmin":true}}')
  expect(Object.hasOwn((parsed as { value: object }).value, '__proto__')).toBe(true)
  expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined()
})

test('whatever JSON.stringify writes is read back as it was', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
      const text = JSON.stringify(value)
      expect(parseStrictJson(text)).toEqual({ value: JSON.parse(text) as unknown })
    }),
  )
})

test('any text is answered without throwing', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(...'{}[]",:\\ua01e-+. tn') }),
      (text) => void parseStrictJson(text),
    ),
  )
})

test('a message of 300 bytes takes microseconds', () => {
  const text = JSON.stringify({
    jsonrpc: '2.0',
    id: 17,
    method: 'tools/call',
    params: {
      name: 'postgres__query',
      arguments: {
        sql: "SELECT id, total FROM sales.orders WHERE placed_at > now() - interval '7 days' ORDER BY total DESC LIMIT 20",
        connection: 'warehouse',
      },
      _meta: { progressToken: 'abc-123', trace: '00-4bf92f3577b34da6a3ce929d0e0e4736' },
    },
  })
  for (let i = 0; i < 20_000; i++) parseStrictJson(text)
  const runs = Array.from({ length: 5 }, () => {
    const start = performance.now()
    for (let i = 0; i < 5_000; i++) parseStrictJson(text)
    return ((performance.now() - start) * 1_000) / 5_000
  })
  // The target is 5 µs; a busy machine gets room, a quadratic scan does not.
  expect(Math.min(...runs)).toBeLessThan(20)
})
