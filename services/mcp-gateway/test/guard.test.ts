import { describe, expect, test } from 'vitest'
import { guard, preflight } from '../src/guard.ts'

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
    expect(refuse({ host })).toEqual({ kind: 'host', why: expect.stringContaining('MCP_ALLOWED_HOSTS') })
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
      expect(refuse({ host, origin })).toMatchObject({
        kind: 'origin',
        why: expect.stringContaining('ALLOWED_ORIGINS'),
      })
    }
  })
})

describe('a browser that asks before it sends', () => {
  const origin = 'https://app.example.com'
  const ask = (headers: string) =>
    preflight({
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': headers,
    })

  test('may send what the protocol has', () => {
    expect(ask('Content-Type, mcp-session-id,mcp-param-region, x-api-key')).toMatchObject({
      'access-control-allow-methods': 'GET, POST, DELETE',
      'access-control-allow-headers': 'content-type, mcp-session-id, mcp-param-region, x-api-key',
    })
  })

  test('may send nothing else', () => {
    expect(ask('cookie, x-forwarded-host, mcp-param-, *')).not.toHaveProperty('access-control-allow-headers')
  })

  test('is not who names no method or no origin', () => {
    expect(preflight({ origin })).toBeNull()
    expect(preflight({ 'access-control-request-method': 'POST' })).toBeNull()
  })
})
