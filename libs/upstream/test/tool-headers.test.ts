// Which annotations of a tool's schema are valid, and what they mirror.
import { describe, expect, test } from 'vitest'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'
import { headerValue } from '../src/header-value.ts'
import { headerParams, mirrored } from '../src/tool-headers.ts'

const annotated = (type: JsonValue, name: JsonValue = 'A') => ({ type, 'x-mcp-header': name })
const object = (properties: JsonObject, more: JsonObject = {}) => ({ type: 'object', properties, ...more })

describe('an annotation', () => {
  test.for([
    ['a string', object({ a: annotated('string') }), [{ header: 'mcp-param-a', path: ['a'] }]],
    ['an integer', object({ a: annotated('integer') }), [{ header: 'mcp-param-a', path: ['a'] }]],
    ['a boolean', object({ a: annotated('boolean') }), [{ header: 'mcp-param-a', path: ['a'] }]],
    [
      'an inner property',
      object({ a: object({ b: annotated('string') }) }),
      [{ header: 'mcp-param-a', path: ['a', 'b'] }],
    ],
    ['a property of that name', object({ 'x-mcp-header': { type: 'string' } }), []],
    ['data that looks like one', object({ a: { type: 'object', default: annotated('x') } }), []],
    ['no schema', undefined, []],
  ] as const)('on %s is valid', ([, schema, params]) => {
    expect(headerParams(schema as JsonValue | undefined)).toEqual(params)
  })

  const elsewhere = (keyword: string, inner: JsonValue = object({ b: annotated('string') })) =>
    object({ a: { type: 'object', [keyword]: inner } })
  test.for([
    ['a number', object({ a: annotated('number') })],
    ['null', object({ a: annotated('null') })],
    ['an object', object({ a: annotated('object') })],
    ['an array', object({ a: annotated('array') })],
    ['several types', object({ a: annotated(['string', 'null']) })],
    ['no type', object({ a: { 'x-mcp-header': 'A' } })],
    ['the root', { ...object({}), ...annotated('string') }],
    ['an empty name', object({ a: annotated('string', '') })],
    ['a name that is none', object({ a: annotated('string', 7) })],
    ['a name with a space', object({ a: annotated('string', 'a b') })],
    ['a name with a colon', object({ a: annotated('string', 'a:b') })],
    ['a name with a line end', object({ a: annotated('string', 'a\r\nb') })],
    ['a name beyond ASCII', object({ a: annotated('string', 'ä') })],
    ['a name that stands twice', object({ a: annotated('string', 'A'), b: annotated('string', 'a') })],
    ['items', elsewhere('items')],
    ['additionalProperties', elsewhere('additionalProperties')],
    ['patternProperties', elsewhere('patternProperties', { x: annotated('string') })],
    ['anyOf', elsewhere('anyOf', [annotated('string')])],
    ['allOf', elsewhere('allOf', [object({ b: annotated('string') })])],
    ['not', elsewhere('not')],
    ['if', elsewhere('if')],
    ['then', elsewhere('then')],
    ['$defs', elsewhere('$defs', { x: annotated('string') })],
    ['an unknown keyword', elsewhere('x-other')],
  ] as const)('on %s makes the tool invalid', ([, schema]) => {
    expect(headerParams(schema as JsonValue)).toEqual(expect.any(String))
  })

  test('is not looked for without end', () => {
    const deep = JSON.parse(`${'{"not":'.repeat(50_000)}1${'}'.repeat(50_000)}`) as JsonValue
    const wide = { type: 'object', anyOf: Array.from({ length: 50_000 }, () => ({})) }
    for (const schema of [deep, wide]) expect(headerParams(schema)).toMatch(/too deep or too large/)
  })
})

test('values are mirrored by their exact path, and what is not there is left out', () => {
  const params = headerParams(
    object({
      region: annotated('string', 'Region'),
      count: annotated('integer', 'Count'),
      dry: annotated('boolean', 'Dry'),
      inner: object({ id: annotated('string', 'Id') }),
    }),
  )
  if (typeof params === 'string') throw new Error(params)
  expect(mirrored(params, { region: '', count: -7, dry: false, inner: { id: 'x y' } })).toEqual([
    ...['mcp-param-region', ''],
    ...['mcp-param-count', '-7'],
    ...['mcp-param-dry', 'false'],
    ...['mcp-param-id', 'x y'],
  ])
  expect(mirrored(params, { region: null, count: {}, inner: 'id' })).toEqual([])
  expect(mirrored(params, undefined)).toEqual([])
  const inherited = headerParams(object({ constructor: object({ name: annotated('string', 'N') }) }))
  expect(typeof inherited === 'string' ? inherited : mirrored(inherited, {})).toEqual([])
})

test.for([
  ['us-west1', 'us-west1'],
  ['us west 1', 'us west 1'],
  ['', ''],
  ['Hello, 世界', '=?base64?SGVsbG8sIOS4lueVjA==?='],
  [' padded ', '=?base64?IHBhZGRlZCA=?='],
  ['line1\nline2', '=?base64?bGluZTEKbGluZTI=?='],
  ['a\tb', '=?base64?YQli?='],
  ['=?base64?literal?=', '=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?='],
] as const)('%j stands in a header as %j', ([value, written]) => {
  expect(headerValue(value)).toBe(written)
})
