import { expect, test } from 'vitest'
import { headerMismatch, headerParams } from '../src/param-headers.ts'

const marked = (name: string, more: object = {}) => ({ type: 'string', 'x-mcp-header': name, ...more })
const definition = {
  name: 'query',
  inputSchema: {
    type: 'object',
    properties: {
      region: marked('Region'),
      count: { type: 'integer', 'x-mcp-header': 'Count' },
      nested: { type: 'object', properties: { deep: marked('Deep') } },
      listed: { type: 'array', items: { type: 'object', properties: { inside: marked('Inside') } } },
      plain: { type: 'string' },
    },
  },
}
const params = headerParams(definition)

test('marked arguments are found below properties alone', () => {
  expect(params).toEqual([
    { header: 'region', path: ['region'] },
    { header: 'count', path: ['count'] },
    { header: 'deep', path: ['nested', 'deep'] },
  ])
})

test.each([
  [{ region: 'us' }, { region: 'us' }, true],
  [{ region: 'us' }, { region: 'US' }, false],
  [{ region: 'us' }, {}, false],
  [{}, { region: 'us' }, false],
  [{ region: null }, {}, true],
  [{ region: 'us', plain: 'x' }, { region: 'us' }, true],
  [{ count: 42 }, { count: '42.0' }, true],
  [{ count: 42 }, { count: '43' }, false],
  [{ count: 0 }, { count: '' }, false],
  [{ nested: { deep: 'a' } }, { deep: 'a' }, true],
  [{ nested: { deep: 'a' } }, {}, false],
  [{ nested: 'no object' }, {}, true],
  // What no header can say, the server refuses.
  [{ region: { not: 'a text' } }, {}, true],
  [{ region: ['us'] }, {}, true],
  [{ region: ['us'] }, { region: 'us' }, false],
])('%j beside headers %j: %s', (args, headers, agrees) => {
  expect(headerMismatch(params, args, headers) === undefined).toBe(agrees)
})

test('a schema without end is not walked without end', () => {
  const endless: Record<string, unknown> = { type: 'object' }
  endless['properties'] = { again: endless }
  expect(headerParams({ name: 'x', inputSchema: endless as never })).toEqual([])
})
