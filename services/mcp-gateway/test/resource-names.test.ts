import { expect, test } from 'vitest'
import { resourceNames } from '../src/resource-names.ts'
import { parseUriTemplate } from '../src/uri-template.ts'

test('a URI keeps its name while one upstream has it; what two have is told of each, and none can take it', () => {
  const names = resourceNames()
  names.learn('beta', ['memo://1', 'memo://2'])
  expect(names.nameOf('beta', 'memo://1')).toBe('memo://1')
  expect(names.resolve('memo://1')).toEqual({ slug: 'beta', uri: 'memo://1' })
  names.learn('alpha', ['memo://1'])
  expect(names.nameOf('alpha', 'memo://1')).toBe('mcpshield://alpha/memo%3A%2F%2F1')
  expect(names.nameOf('beta', 'memo://1')).toBe('mcpshield://beta/memo%3A%2F%2F1')
  expect(names.nameOf('beta', 'memo://2')).toBe('memo://2')
  expect(names.resolve('memo://1')).toBeUndefined()
  expect(names.resolve('memo://2')).toEqual({ slug: 'beta', uri: 'memo://2' })
  expect(names.resolve('mcpshield://beta/memo%3A%2F%2F1')).toEqual({ slug: 'beta', uri: 'memo://1' })
  expect(names.resolve('memo://3')).toBeUndefined()
  names.learn('alpha', [])
  expect(names.resolve('memo://1')).toEqual({ slug: 'beta', uri: 'memo://1' })
})

test('an upstream that lists ever new URIs takes nobody’s place', () => {
  const names = resourceNames()
  for (let list = 0; list < 200; list++)
    names.learn(
      'zzz',
      Array.from({ length: 1_000 }, (_, index) => `x://${list}/${index}`),
    )
  names.learn('honest', ['docs://new'])
  expect(names.resolve('docs://new')).toEqual({ slug: 'honest', uri: 'docs://new' })
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

test('of templates the one that says the most of a URI finds it; where two say as much, neither does', () => {
  const names = resourceNames()
  names.learnTemplates('beta', ['db://{table}/rows/{id}'])
  names.learnTemplates('alpha', ['{+any}', 'db://{+all}'])
  expect(names.resolve('db://users/rows/7')).toEqual({ slug: 'beta', uri: 'db://users/rows/7' })
  expect(names.resolve('other://users')).toEqual({ slug: 'alpha', uri: 'other://users' })
  names.learnTemplates('gamma', ['db://{t}/rows/{i}'])
  expect(names.resolve('db://users/rows/7')).toBeUndefined()
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
  expect(parseUriTemplate(template)?.matches(uri)).toBe(fits)
})

test('a template that is none is left alone, and a hostile one takes no time', () => {
  expect(parseUriTemplate('a{b')).toBeUndefined()
  const fits = parseUriTemplate(`${'a{x}'.repeat(20_000)}z`)
  const startedMs = performance.now()
  fits?.matches('a'.repeat(50_000))
  expect(performance.now() - startedMs).toBeLessThan(500)
})
