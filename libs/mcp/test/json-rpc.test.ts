import { describe, expect, test } from 'vitest'
import { readMessage } from '../src/json-rpc.ts'

const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo', arguments: {} } }
const text = (change: object) => JSON.stringify({ ...call, ...change })

describe('one message per body', () => {
  test.for([1, 0, -1, 'abc', '', Number.MAX_SAFE_INTEGER])('the id %s is taken', (id) => {
    expect(readMessage(text({ id }))).toMatchObject({
      kind: 'request',
      request: { id, method: 'tools/call' },
    })
  })

  test.for([null, true, 1.5, [], {}, Number.MAX_SAFE_INTEGER + 1])('the id %j is refused', (id) => {
    expect(readMessage(text({ id }))).toMatchObject({ kind: 'invalid', error: { code: -32600 } })
  })

  test.for([
    ['', -32700],
    ['not JSON', -32700],
    ["{'jsonrpc':'2.0'}", -32700],
    ['[]', -32600],
    [`[${JSON.stringify(call)}]`, -32600],
    ['null', -32600],
    ['"text"', -32600],
    [JSON.stringify({ ...call, jsonrpc: '1.0' }), -32600],
    [JSON.stringify({ ...call, method: 7 }), -32600],
    [JSON.stringify({ ...call, params: [] }), -32600],
    ['{"jsonrpc":"2.0","id":1,"method":"tools/call","method":"ping"}', -32700],
    ['{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","n\\u0061me":"b"}}', -32700],
    [
      `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":${'{"a":'.repeat(100)}1${'}'.repeat(100)}}}`,
      -32700,
    ],
  ] as const)('%s is refused', ([body, code]) => {
    expect(readMessage(body)).toMatchObject({ kind: 'invalid', error: { code } })
  })

  test('a request without an id is a notification, whatever its method', () => {
    const { id: _, ...notification } = call
    expect(readMessage(JSON.stringify(notification))).toEqual({
      kind: 'notification',
      method: 'tools/call',
      params: { name: 'echo', arguments: {} },
    })
  })

  test('keys that belong to objects themselves are plain data', () => {
    const message = readMessage(
      '{"jsonrpc":"2.0","id":1,"method":"x","params":{"__proto__":{"isAdmin":true},"constructor":1}}',
    )
    expect(message.kind).toBe('request')
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined()
  })
})
