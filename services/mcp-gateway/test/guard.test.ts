import { describe, expect, test } from 'vitest'
import { guard } from '../src/guard.ts'
import { sessions } from '../src/session.ts'

describe('hosts and origins', () => {
  const refuse = guard({ hosts: ['mcp.example.com'], origins: ['https://app.example.com'], port: () => 8100 })

  test.for(['localhost:8100', '127.0.0.1:8100', '[::1]:8100', 'mcp.example.com'])(
    'host %s is answered',
    (host) => {
      expect(refuse({ host })).toBeNull()
    },
  )

  test.for([
    undefined,
    '',
    'localhost',
    'localhost:8101',
    'localhost.evil.example:8100',
    'mcp.example.com.evil.example',
    'mcp.example.com:8100',
    'MCP.example.com@evil.example',
  ])('host %s is refused', (host) => {
    expect(refuse({ host })).toContain('MCP_ALLOWED_HOSTS')
  })

  test('only the listed origin, exactly, may call', () => {
    const host = 'localhost:8100'
    expect(refuse({ host, origin: 'https://app.example.com' })).toBeNull()
    for (const origin of [
      'http://app.example.com',
      'https://app.example.com:444',
      'https://app.example.com.evil.example',
      'https://app.example.com, https://evil.example',
      'null',
      'http://localhost:8100',
      'chrome-extension://abc',
    ]) {
      expect(refuse({ host, origin })).toContain('ALLOWED_ORIGINS')
    }
  })
})

describe('session ids', () => {
  const store = sessions(Buffer.alloc(32, 1))

  test('carry the client’s name, for the key they were opened with', () => {
    expect(store.find(store.open('key-a', 'claude'), 'key-a')).toEqual({ agent: 'claude' })
    expect(store.find(store.open('key-a', null), 'key-a')).toEqual({ agent: null })
  })

  test('of another key, guessed, changed or signed elsewhere are not known', () => {
    const id = store.open('key-a', 'claude')
    expect(store.find(id, 'key-b')).toBeUndefined()
    expect(store.find('guessed', 'key-a')).toBeUndefined()
    expect(store.find(`${id}x`, 'key-a')).toBeUndefined()
    expect(store.find(`x${id}`, 'key-a')).toBeUndefined()
    expect(store.find(sessions(Buffer.alloc(32, 2)).open('key-a', 'claude'), 'key-a')).toBeUndefined()
    const [payload] = id.split('.')
    expect(store.find(`${payload}.`, 'key-a')).toBeUndefined()
    expect(store.find('x'.repeat(100_000), 'key-a')).toBeUndefined()
  })

  test('are never twice the same', () => {
    const ids = Array.from({ length: 1_000 }, () => store.open('key-a', 'claude'))
    expect(new Set(ids).size).toBe(1_000)
  })
})
