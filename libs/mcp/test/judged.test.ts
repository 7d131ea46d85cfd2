// What of a request is judged and sent on, method by method.
import { expect, test } from 'vitest'
import { isDecided, judged } from '../src/judged.ts'

test.each([
  ['tools/call', { name: 'echo', arguments: { a: 1 } }, 'echo', { a: 1 }],
  ['prompts/get', { name: 'greet' }, 'greet', {}],
  ['resources/read', { uri: 'file:///a.txt' }, 'file:///a.txt', { uri: 'file:///a.txt' }],
  ['resources/subscribe', { uri: 'file:///a.txt' }, 'file:///a.txt', { uri: 'file:///a.txt' }],
  ['resources/unsubscribe', { uri: 'file:///a.txt' }, 'file:///a.txt', { uri: 'file:///a.txt' }],
])('%s is judged by what it names', (method, params, target, args) => {
  expect(judged(method, params)).toMatchObject({ method, target, arguments: args, params })
  expect(isDecided(method)).toBe(true)
})

test('a completion is judged by the prompt or resource it is for, and by that member alone', () => {
  const ref = { type: 'ref/prompt', name: 'greet', uri: 'file:///etc/passwd' }
  const argument = { name: 'who', value: 'a' }
  expect(judged('completion/complete', { ref, argument })).toMatchObject({
    target: 'greet',
    params: { ref: { type: 'ref/prompt', name: 'greet' }, argument },
  })
  expect(judged('completion/complete', { ref, argument })).not.toHaveProperty('params.ref.uri')
})

test('a method that is not known is judged by its own name, with all it carries', () => {
  const params = { table: 'salaries', _meta: { trace: 1 } }
  expect(judged('vendor/export', params)).toEqual({
    method: 'vendor/export',
    target: 'vendor/export',
    arguments: { table: 'salaries' },
    params,
  })
  expect(isDecided('vendor/export')).toBe(true)
})

test('what was not judged is not sent on; `_meta`, answers and a task’s terms are', () => {
  const carried = {
    _meta: { 'com.example/x': 1 },
    inputResponses: { q: {} },
    requestState: 's',
    task: { ttl: 1 },
  }
  const read = judged('tools/call', { name: 'echo', arguments: {}, Name: 'rm', 'name\0': 'rm', ...carried })
  expect(read).toHaveProperty('params', { name: 'echo', arguments: {}, ...carried })
})

test.each([
  ['tools/call', { name: 1 }],
  ['tools/call', { name: ['a'] }],
  ['tools/call', {}],
  ['tools/call', { name: 'a', arguments: [] }],
  ['resources/read', { uri: 1 }],
  ['resources/read', { uri: 'file:///safe/../etc/passwd' }],
  ['resources/read', { uri: 'file:///safe/%2e%2e/etc/passwd' }],
  ['completion/complete', { ref: { type: 'ref/tool', name: 'a' } }],
  ['completion/complete', { ref: { type: 'ref/prompt' } }],
])('%s with %j cannot be judged', (method, params) => {
  expect(judged(method, params)).toBeTypeOf('string')
})

test.each(['__proto__', 'constructor', 'toString'])('the method %s is one nobody knows', (method) => {
  expect(judged(method, {})).toMatchObject({ target: method })
})
