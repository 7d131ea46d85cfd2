import { expect, test } from 'vitest'
import { climbs } from '../src/climbing-path.ts'

test.for([
  ...[
    'file:///pub/../secret',
    'file:///pub/..',
    'file:///pub/.. ',
    'file:///pub/./secret',
    'file://../secret',
  ],
  ...['file:///pub/%2e%2e/secret', 'file:///pub/.%2E/secret', 'file:///pub/a/..\\..\\secret'],
  ...['file:///pub/a%2f..%2f..%2fsecret', 'file:///pub/a%5c..%5csecret', 'file:///pub/%252e%252e/secret'],
  ...['file:///pub/%25252e%25252e/secret', 'file:///pub/..;x/secret', 'file:///pub/..%3bx/secret'],
  ...['file:///pub/..?x', 'file:///pub/..#x', 'file:///pub/a?/../../secret', 'file:///pub/..%00/secret'],
  ...['file:///pub/.\t./secret', 'file:///pub/..\n/secret', 'file:///pub/%ff/%2e%2e/secret', '..', '../a'],
])('%j climbs', (path) => {
  expect(climbs(path)).toBe(true)
})

test.for([
  ...['file:///pub/a', 'file:///pub/..a', 'file:///pub/a..', 'file:///pub/...', 'file:///pub/.hidden/a.b'],
  ...['file:///pub/a..b/c', 'file:///pub/100%', 'file:///pub/%ff', 'https://h/v1..v2?range=1..2#..', ''],
  ...['file:///pub/a%20b/gr%C3%BC%C3%9Fe', 'note://x;y/z'],
])('%j does not', (path) => {
  expect(climbs(path)).toBe(false)
})

test('a path of ten million characters is told within seconds', () => {
  const startMs = performance.now()
  climbs('%25'.repeat(3_400_000))
  climbs(`/${'%2525'.repeat(2_000_000)}`)
  climbs('/.'.repeat(10) + 'a/'.repeat(5_000_000))
  expect(performance.now() - startMs).toBeLessThan(5_000)
})
