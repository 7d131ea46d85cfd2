import { expect, test } from 'vitest'
import { takesMoreThan } from './room.ts'

test.each([
  ['a text', 'ab'],
  ['a text that is escaped', '"\u0001é\n'],
  ['numbers, truth and nothing', [1.5, -20, true, null]],
  ['an empty list', []],
  ['an empty object', {}],
  ['what is nested', { a: [{ b: 'c', 'd"': [[], {}] }, 'e'], f: { g: 1 } }],
])('%s takes its bytes and not one more', (_what, value) => {
  const bytes = Buffer.byteLength(JSON.stringify(value))
  expect(takesMoreThan(bytes, value)).toBe(false)
  expect(takesMoreThan(bytes - 1, value)).toBe(true)
})

test('what would be gigabytes is refused at once', () => {
  const text = 'x'.repeat(100_000)
  const list = Array.from({ length: 1_000 }, () => text)
  const value = Array.from({ length: 100 }, () => list)
  const startedMs = performance.now()
  expect(takesMoreThan(1024 * 1024, value)).toBe(true)
  expect(performance.now() - startedMs).toBeLessThan(100)
})
