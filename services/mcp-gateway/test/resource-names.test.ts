import { expect, test } from 'vitest'
import { resourceNames } from '../src/resource-names.ts'
import { parseUriTemplate } from '../src/uri-template.ts'

test('a URI keeps its name; where two upstreams have it, the later one’s is told apart, and both are found', () => {
  const names = resourceNames()
  expect(names.learn('beta', ['memo://1', 'memo://2'])).toEqual(['memo://1', 'memo://2'])
  expect(names.learn('alpha', ['memo://1'])).toEqual(['memo://1'])
  expect(names.learn('beta', ['memo://1', 'memo://2'])).toEqual([
    'mcpshield://beta/memo%3A%2F%2F1',
    'memo://2',
  ])
  expect(names.resolve('memo://1')).toEqual({ slug: 'alpha', uri: 'memo://1' })
  expect(names.resolve('memo://2')).toEqual({ slug: 'beta', uri: 'memo://2' })
  expect(names.resolve('mcpshield://beta/memo%3A%2F%2F1')).toEqual({ slug: 'beta', uri: 'memo://1' })
  expect(names.resolve('memo://3')).toBeUndefined()
})

test.each([
  'mcpshield://',
  'mcpshield://BETA/x',
  'mcpshield://beta/',
  'mcpshield://beta/%zz',
  'mcpshield:///x',
])('%s names nothing', (name) => {
  expect(resourceNames().resolve(name)).toBeUndefined()
})

test('a template finds what could come from it, and the first upstream wins', () => {
  const names = resourceNames()
  names.learnTemplates('beta', ['db://{table}/rows/{id}'])
  names.learnTemplates('alpha', ['db://{+all}'])
  expect(names.resolve('db://users/rows/7')).toEqual({ slug: 'alpha', uri: 'db://users/rows/7' })
  expect(names.resolve('other://users')).toBeUndefined()
})

test.each([
  ['test://template/{id}/data', 'test://template/1/data', true],
  ['test://template/{id}/data', 'test://template/1/date', false],
  ['test://template/{id}/data', 'test://template/data', false],
  ['a{x}b{y}c', 'a1b2c', true],
  ['a{x}b{y}c', 'abc', true],
  ['a{x}b{y}c', 'ac', false],
  ['fixed', 'fixed', true],
  ['fixed', 'fixed!', false],
])('%s and %s: %s', (template, uri, fits) => {
  expect(parseUriTemplate(template)?.(uri)).toBe(fits)
})

test('a template that is none is left alone, and a hostile one takes no time', () => {
  expect(parseUriTemplate('a{b')).toBeUndefined()
  const fits = parseUriTemplate(`${'a{x}'.repeat(20_000)}z`)
  const startedMs = performance.now()
  fits?.('a'.repeat(50_000))
  expect(performance.now() - startedMs).toBeLessThan(500)
})
