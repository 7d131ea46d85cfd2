import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshRedis, type Fresh } from '@mcpshield/testkit/fresh'
import { rateLimits, redisLimiter } from '../src/rate-limit.ts'
import { silent, edge } from './edge.ts'
import { connectRedis } from '../src/redis.ts'

const stack = new AsyncDisposableStack()
let store: Fresh

beforeAll(async () => {
  store = stack.use(await freshRedis())
})
afterAll(() => stack.disposeAsync())

async function connection(): Promise<Redis> {
  return stack.use(await connectRedis(store.url, silent as never))
}

const asked = (perMinute: number) => ({ route: 'GET /me', caller: `user:${randomUUID()}`, perMinute })

test('two gateways count in the same minute: exactly as many pass as one would let pass', async () => {
  const gateways = [
    rateLimits(redisLimiter(await connection())),
    rateLimits(redisLimiter(await connection())),
  ]
  const one = asked(50)
  const takes = Array.from({ length: 200 }, (_, index) => gateways[index % 2]!.take(one))
  const admitted = (await Promise.all(takes)).filter((each) => each.admitted)
  expect(admitted).toHaveLength(50)
  const refused = await gateways[0]!.take(one)
  expect(refused).toMatchObject({ admitted: false, remaining: 0, limit: 50 })
  expect(refused.resetMs).toBeGreaterThan(50_000)
  expect(refused.resetMs).toBeLessThanOrEqual(60_000)
})

test('lots taken by two gateways add up to the limit, not more', async () => {
  const gateways = [
    rateLimits(redisLimiter(await connection())),
    rateLimits(redisLimiter(await connection())),
  ]
  const machine = asked(8_000)
  const takes = Array.from({ length: 9_000 }, (_, index) => gateways[index % 2]!.take(machine))
  expect((await Promise.all(takes)).filter((each) => each.admitted)).toHaveLength(8_000)
})

test('what is counted ends by itself', async () => {
  const redis = await connection()
  const one = asked(5)
  await rateLimits(redisLimiter(redis)).take(one)
  const ttlMs = await redis.pttl(`rate:GET /me:${one.caller}`)
  expect(ttlMs).toBeGreaterThan(55_000)
  expect(ttlMs).toBeLessThanOrEqual(60_000)
})

test('while Redis is away requests are refused, and pass again when it is back', async () => {
  const redis = await connection()
  const { app, asked: reached } = await edge({ limits: rateLimits(redisLimiter(redis)) })
  const login = () => app.inject({ method: 'POST', url: '/auth/login', payload: {} })
  expect((await login()).statusCode).toBe(200)
  redis.disconnect()
  await expect.poll(() => redis.status).toBe('end')
  expect((await login()).statusCode).toBe(503)
  expect(reached).toHaveLength(1)
  await redis.connect()
  expect((await login()).statusCode).toBe(200)
})
