import { describe, expect, test } from 'vitest'
import { edge } from '../test/edge.ts'

describe('browsers', () => {
  const cors = (headers: Record<string, unknown>) =>
    Object.keys(headers).filter((name) => name.startsWith('access-control-'))

  test('an allowed origin may call; any other gets no CORS header at all', async () => {
    const { app } = await edge()
    const good = await app.inject({ url: '/', headers: { origin: 'https://app.example.com' } })
    expect(good.headers).toMatchObject({
      'access-control-allow-origin': 'https://app.example.com',
      'access-control-allow-credentials': 'true',
    })
    expect(good.headers.vary).toMatch(/origin/i)
    const preflight = { 'access-control-request-method': 'PUT', 'access-control-request-headers': 'if-match' }
    for (const origin of [
      'null',
      'https://evil.example',
      'https://app.example.com.evil.example',
      'http://app.example.com',
      'https://APP.example.com',
      'https://app.example.com:8443',
    ]) {
      expect(cors((await app.inject({ url: '/', headers: { origin } })).headers), origin).toEqual([])
      const options = { method: 'OPTIONS', url: '/projects', headers: { origin, ...preflight } } as const
      expect(cors((await app.inject(options)).headers), origin).toEqual([])
    }
    const asked = await app.inject({
      method: 'OPTIONS',
      url: '/projects',
      headers: { origin: 'https://app.example.com', ...preflight },
    })
    expect(asked.statusCode).toBe(204)
    expect(asked.headers['access-control-allow-methods']).toContain('PUT')
    expect(asked.headers['access-control-allow-headers']).toBe(
      'authorization, content-type, if-match, x-api-key',
    )
  })

  test('a page may read what it needs: versions, limits, file names, request ids', async () => {
    const { app } = await edge()
    const { headers } = await app.inject({ url: '/', headers: { origin: 'https://app.example.com' } })
    for (const name of ['etag', 'retry-after', 'ratelimit-remaining', 'content-disposition', 'x-request-id'])
      expect(String(headers['access-control-expose-headers'])).toContain(name)
  })

  test('every answer carries the headers that keep browsers from harm', async () => {
    const { app } = await edge()
    for (const url of ['/', '/nothing', '/me', '/docs', '/projects/%ff', `/projects/${'a'.repeat(300)}`]) {
      const { headers } = await app.inject(url)
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-store',
        'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      })
      expect(headers['strict-transport-security']).toMatch(/max-age=\d{7,}/)
      expect(headers['content-security-policy']).toMatch(/default-src 'none'/)
      expect(headers['content-security-policy']).toMatch(/frame-ancestors 'none'/)
      expect(headers['content-security-policy']).not.toMatch(/script-src[^;]*unsafe/)
      expect(headers['x-powered-by']).toBeUndefined()
    }
  })
})
