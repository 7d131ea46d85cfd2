import { describe, expect, test } from 'vitest'
import type { JsonObject } from '@mcpshield/policy/facts'
import { accepts, isJson, mirrorProblem, paramHeaders, repeatedHeader } from '../src/headers.ts'

const base64 = (text: string) => `=?base64?${Buffer.from(text).toString('base64')}?=`

describe('Mcp-Method and Mcp-Name', () => {
  const codeOf = (headers: Record<string, string>, method: string, params: JsonObject = {}) =>
    mirrorProblem(headers, { id: 1, method, params })?.code ?? null
  const call = (name: string | undefined, params: JsonObject, method = 'tools/call') =>
    codeOf({ 'mcp-method': method, ...(name === undefined ? {} : { 'mcp-name': name }) }, method, params)

  test('say what the body says', () => {
    expect(codeOf({ 'mcp-method': 'tools/list' }, 'tools/list')).toBeNull()
    expect(call('echo', { name: 'echo' })).toBeNull()
    expect(call('greet', { name: 'greet' }, 'prompts/get')).toBeNull()
    expect(call('file:///a', { uri: 'file:///a' }, 'resources/read')).toBeNull()
    expect(call('t-1', { taskId: 't-1' }, 'tasks/get')).toBeNull()
  })

  test('are refused where they are missing or say anything else', () => {
    expect(codeOf({}, 'tools/list')).toBe(-32020)
    expect(codeOf({ 'mcp-method': 'Tools/List' }, 'tools/list')).toBe(-32020)
    expect(call(undefined, { name: 'echo' })).toBe(-32020)
    expect(call('Echo', { name: 'echo' })).toBe(-32020)
    expect(call('echo', { name: 'danger' })).toBe(-32020)
    expect(call('echo', { uri: 'file:///a', name: 'echo' }, 'resources/read')).toBe(-32020)
    expect(call('t-2', { taskId: 't-1' }, 'tasks/cancel')).toBe(-32020)
  })

  test('are decoded before they are compared', () => {
    expect(call(base64('echo'), { name: 'echo' })).toBeNull()
    expect(call(base64('grüße'), { name: 'grüße' })).toBeNull()
    expect(call(base64(base64('x')), { name: base64('x') })).toBeNull()
    expect(call(base64('danger'), { name: 'echo' })).toBe(-32020)
    // As it stands it would be the name, and so would what it stands for.
    expect(call(base64('x'), { name: base64('x') })).toBe(-32020)
  })

  test.for([
    '=?base64?ZWNobw?=',
    '=?base64?ZWNo!w==?=',
    '=?base64?ZWNob3==?=',
    '=?base64?ZWNo bw==?=',
    '=?BASE64?ZWNobw==?=',
    '=?base64?/w==?=',
    'gr\xfc\xdfe',
  ])('%s stands for nothing', (value) => {
    for (const name of ['echo', 'grüße', '\ufffd']) expect(call(value, { name }), name).toBe(-32020)
  })

  test('a name that is no text is left to who reads the params', () => {
    expect(call('1', { name: 1 })).toBeNull()
    expect(call(undefined, {})).toBeNull()
  })
})

describe('Mcp-Param-*', () => {
  test('come decoded, by the rest of their names', () => {
    const headers = { 'mcp-param-region': 'us-west1', 'mcp-param-text': base64(' padded '), 'mcp-name': 'x' }
    expect(paramHeaders(headers)).toEqual({ params: { region: 'us-west1', text: ' padded ' } })
    expect(paramHeaders({})).toEqual({ params: {} })
  })

  test('that cannot be decoded are refused', () => {
    expect(paramHeaders({ 'mcp-param-region': '=?base64?x?=' })).toMatchObject({ code: -32020 })
  })

  test('by the names of an object’s own members are as harmless as any', () => {
    const read = paramHeaders({ 'mcp-param-__proto__': 'x', 'mcp-param-constructor': 'y' })
    expect('params' in read && Object.entries(read.params)).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ])
    expect(({} as { x?: string }).x).toBeUndefined()
  })
})

describe('content types', () => {
  test.for([
    'application/json',
    'Application/JSON',
    'application/json; charset=utf-8',
    'application/json;charset="UTF-8"',
    'application/json; profile=x',
  ])('%s is read', (type) => {
    expect(isJson(type)).toBe(true)
  })

  test.for([
    undefined,
    '',
    'text/plain',
    'text/plain; a=application/json',
    'application/jsonp',
    'application/json-patch+json',
    'application/json, text/plain',
    'application/json; charset=utf-16',
    'xapplication/json',
  ])('%s is not', (type) => {
    expect(isJson(type)).toBe(false)
  })
})

describe('what a client takes', () => {
  test('is what it names, in any case and order', () => {
    for (const accept of [
      'text/event-stream',
      'application/json, Text/Event-Stream;q=0.5',
      'a/b,text/event-stream',
    ])
      expect(accepts(accept, 'text/event-stream')).toBe(true)
  })

  test('is not what it does not name, or weighs with nothing', () => {
    for (const accept of [
      undefined,
      '*/*',
      'text/*',
      'application/json',
      'text/event-stream;q=0',
      'x-text/event-stream',
    ])
      expect(accepts(accept, 'text/event-stream')).toBe(false)
  })
})

test('a header that decides something is seen to be repeated, in whatever case', () => {
  const raw = ['Host', 'a', 'Mcp-Param-X', '1', 'mcp-param-x', '2']
  expect(repeatedHeader({ host: 'a', 'mcp-param-x': '1, 2' }, raw)).toBe('mcp-param-x')
  expect(repeatedHeader({ host: 'a' }, ['host', 'a', 'HOST', 'b'])).toBe('host')
  expect(
    repeatedHeader({ host: 'a', accept: 'x, y' }, ['host', 'a', 'accept', 'x', 'accept', 'y']),
  ).toBeUndefined()
  expect(repeatedHeader({ host: 'a' }, ['host', 'a'])).toBeUndefined()
})
