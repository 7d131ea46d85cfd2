import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import { flow } from '@mcpshield/contracts/flow'
import { edge, memoryLimiter } from '../test/edge.ts'
import { limitKeyOf, rateLimits } from './rate-limit.ts'

const login = { method: 'POST', url: '/auth/login', payload: {} } as const
const from = (remoteAddress: string) => ({ ...login, remoteAddress })

describe('a route’s limit', () => {
  test('admits exactly as many as the contract says, then says how long to wait', async () => {
    const { app, asked } = await edge()
    for (let left = 59; left >= 0; left--) {
      const { statusCode, headers } = await app.inject(login)
      expect([statusCode, headers['ratelimit-limit'], headers['ratelimit-remaining']]).toEqual([
        200,
        '60',
        String(left),
      ])
    }
    const refused = await app.inject(login)
    expect(refused.statusCode).toBe(429)
    expect(refused.json()).toMatchObject({ type: 'urn:mcpshield:error:rate_limited', status: 429 })
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(50)
    expect(refused.headers['ratelimit-remaining']).toBe('0')
    expect(Number(refused.headers['ratelimit-reset'])).toBeLessThanOrEqual(60)
    expect(asked).toHaveLength(60)
  })

  test('is the network’s where nobody is known: neighbours in a /64 share it, others do not', async () => {
    const { app } = await edge()
    for (let i = 0; i < 60; i++) await app.inject(from('2001:db8:1:2::1'))
    expect((await app.inject(from('2001:db8:1:2:ffff::9'))).statusCode).toBe(429)
    expect((await app.inject(from('2001:db8:1:3::1'))).statusCode).toBe(200)
    expect((await app.inject(from('192.0.2.1'))).statusCode).toBe(200)
  })

  test('is one person’s, on whatever network, and one route’s', async () => {
    const { app, sign } = await edge()
    const ada = { authorization: `Bearer ${await sign({ sub: randomUUID() })}` }
    const bob = { authorization: `Bearer ${await sign({ sub: randomUUID() })}` }
    const change = (headers: object, remoteAddress: string) =>
      app.inject({ method: 'PUT', url: '/me/password', headers: { ...headers }, payload: {}, remoteAddress })
    for (let i = 0; i < 30; i++) await change(ada, `192.0.2.${i}`)
    expect((await change(ada, '203.0.113.1')).statusCode).toBe(429)
    expect((await change(bob, '203.0.113.1')).statusCode).toBe(204)
    expect((await app.inject({ url: '/me', headers: ada })).statusCode).toBe(200)
  })

  test('without an answer from where it is counted, nothing passes but what tells of the gateway itself', async () => {
    const broken = new RateLimiterMemory({ points: 1, duration: 60 })
    broken.consume = () => Promise.reject(new Error('connect ECONNREFUSED 10.0.0.7:6379'))
    const { app, asked, sign } = await edge({ limits: rateLimits(() => broken) })
    const refused = await app.inject(login)
    expect([refused.statusCode, refused.headers['retry-after']]).toEqual([503, '1'])
    expect(refused.body).not.toContain('10.0.0.7')
    const headers = { authorization: `Bearer ${await sign()}` }
    expect((await app.inject({ url: '/me', headers })).statusCode).toBe(503)
    expect(asked).toEqual([])
    for (const url of ['/', '/health', '/ready', '/metrics', '/docs', '/openapi.json'])
      expect((await app.inject(url)).statusCode, url).toBe(200)
  })

  test('refusals are counted by route, without ids', async () => {
    const { app } = await edge()
    for (let i = 0; i < 61; i++) await app.inject(login)
    const { body } = await app.inject('/metrics')
    expect(body).toContain('mcpshield_http_limited_total{route="POST /auth/login",limit="rate"} 1')
    expect(body).not.toContain('127.0.0.1')
  })
})

describe('a machine’s limit', () => {
  const asked = { route: 'POST /events/ingest', caller: 'key:1', perMinute: 10_000 }

  test('is taken by the lot: one question for many requests', async () => {
    const limiter = memoryLimiter()
    let questions = 0
    const counting = rateLimits((perMinute) => {
      questions++
      return limiter(perMinute)
    })
    for (let i = 0; i < 500; i++) expect((await counting.take(asked)).admitted).toBe(true)
    expect(questions).toBe(10)
  })

  test('is exact however many gateways take from it at once', async () => {
    const limiter = memoryLimiter()
    const gateways = [rateLimits(limiter), rateLimits(limiter), rateLimits(limiter)]
    const takes = Array.from({ length: 12_000 }, (_, index) => gateways[index % 3]!.take(asked))
    const admitted = (await Promise.all(takes)).filter((each) => each.admitted)
    expect(admitted).toHaveLength(10_000)
    for (const gateway of gateways)
      expect(await gateway.take(asked)).toMatchObject({ admitted: false, remaining: 0, limit: 10_000 })
    expect((await gateways[0]!.take({ ...asked, caller: 'key:2' })).admitted).toBe(true)
  })
})

test('every kind of caller is counted apart', () => {
  const ids = { org_id: randomUUID(), project_id: randomUUID() }
  const keys = [
    limitKeyOf({ kind: 'anonymous', address: '2001:db8::1' }),
    limitKeyOf({ kind: 'user', user_id: '1', org_id: ids.org_id, role: 'owner', session_id: 's' }),
    limitKeyOf({ kind: 'key', key_id: '1', ...ids, digest: 'd' }),
    limitKeyOf({ kind: 'operator' }),
  ]
  expect(keys).toEqual(['net:2001:db8:0:0::/64', 'user:1', 'key:1', 'operator'])
})

test('every route has a limit that admits somebody', () => {
  for (const def of flow['rest-gateway'].calls)
    if ('http' in def) expect(def.http?.perMinute ?? 600).toBeGreaterThan(0)
})
