// What the web server keeps of who is signed in, on a real Redis.
import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { auth } from '@mcpshield/contracts/auth'
import { freshRedis } from '@mcpshield/testkit/fresh'
import type * as Sessions from '../src/lib/server/sessions.ts'

const stack = new AsyncDisposableStack()
let sessions: typeof Sessions
type Renew = Sessions.Renew
let store: Redis

beforeAll(async () => {
  const { url } = stack.use(await freshRedis())
  process.env['REDIS_URL'] = url
  sessions = await import('../src/lib/server/sessions.ts')
  const { redis } = await import('../src/lib/server/redis.ts')
  stack.defer(() => void redis().disconnect())
  store = new Redis(url)
  stack.defer(() => store.disconnect())
})
afterAll(() => stack.disposeAsync())
beforeEach(async () => void (await store.flushdb()))

const user = {
  id: '01a21e6a-193c-788e-8843-43fc9dda83ed',
  email: 'ada@example.com',
  first_name: 'Ada',
  last_name: 'Person',
  is_email_verified: true,
  created_at: '2026-11-27T00:00:00.000Z',
}
const tokens = (expires_in: number, name: string = randomUUID()) => ({
  access_token: `access-${name}`,
  refresh_token: `refresh-${name}`,
  token_type: 'Bearer' as const,
  expires_in,
  user,
})
const never: Renew = () => Promise.reject(new Error('was asked to renew'))

test('a session is read by its cookie only, and Redis alone does not tell its tokens', async () => {
  const id = await sessions.openSession(tokens(900, 'secret'), false)
  expect(await sessions.currentSession(id, never)).toMatchObject({ access_token: 'access-secret', user })
  const keys = await store.keys('*')
  const kept = JSON.stringify([keys, await Promise.all(keys.map((key) => store.get(key)))])
  expect(kept).not.toContain('secret')
  expect(kept).not.toContain(id)
  const [key = ''] = keys
  expect(await sessions.currentSession(key.split(':').at(-1) ?? '', never)).toBeUndefined()
})

test.for([
  { remembered: true, seconds: 30 * 86_400 },
  { remembered: false, seconds: 86_400 },
])('remembered: $remembered, it is kept for $seconds seconds', async ({ remembered, seconds }) => {
  await sessions.openSession(tokens(900), remembered)
  const [key = ''] = await store.keys('*')
  expect(await store.ttl(key)).toBeGreaterThan(seconds - 5)
  expect(await store.ttl(key)).toBeLessThanOrEqual(seconds)
})

test('what was sealed for one cookie opens nothing for another, nor once it was changed', async () => {
  const [mine, yours] = [
    await sessions.openSession(tokens(900), false),
    await sessions.openSession(tokens(900), false),
  ]
  const [first = '', second = ''] = await store.keys('*')
  const [one, other] = [await store.get(first), await store.get(second)]
  await store.set(first, other ?? '')
  await store.set(second, `${one?.slice(0, -4)}AAAA`)
  expect(await sessions.currentSession(mine, never)).toBeUndefined()
  expect(await sessions.currentSession(yours, never)).toBeUndefined()
})

describe('tokens that end soon', () => {
  test('are renewed once for many tabs, and all of them get the new ones', async () => {
    const id = await sessions.openSession(tokens(30, 'old'), false)
    const renew = vi.fn<Renew>(async () => {
      await setTimeout(200)
      return tokens(900, 'new')
    })
    const tabs = await Promise.all(Array.from({ length: 20 }, () => sessions.currentSession(id, renew)))
    expect(renew.mock.calls).toEqual([['refresh-old']])
    expect(new Set(tabs.map((each) => each?.access_token))).toEqual(new Set(['access-new']))
    expect((await sessions.currentSession(id, never))?.access_token).toBe('access-new')
  })

  test('that cannot be renewed any more end the session for every tab', async () => {
    const id = await sessions.openSession(tokens(30), false)
    const renew = vi.fn<Renew>(async () => {
      await setTimeout(50)
      return undefined
    })
    const tabs = await Promise.all(Array.from({ length: 5 }, () => sessions.currentSession(id, renew)))
    expect(tabs).toEqual(tabs.map(() => undefined))
    expect(renew).toHaveBeenCalledTimes(1)
  })

  test('stay what they were while the API cannot be reached: nobody is signed out by that', async () => {
    const id = await sessions.openSession(tokens(30, 'old'), false)
    await expect(
      sessions.currentSession(id, () => Promise.reject(new Error('unreachable'))),
    ).rejects.toThrow()
    const again = await sessions.currentSession(id, async () => tokens(900, 'new'))
    expect(again?.access_token).toBe('access-new')
  })
})

test('a session that was closed meanwhile is not written again by who renews it', async () => {
  const id = await sessions.openSession(tokens(30), false)
  const renewing = sessions.currentSession(id, async () => {
    await sessions.closeSession(id)
    return tokens(900)
  })
  await renewing
  expect(await sessions.currentSession(id, never)).toBeUndefined()
})

describe('a page whose session was ended elsewhere', () => {
  const url = new URL('http://localhost/app/projects')
  /** Two calls, of which the second is refused when the first has been. */
  async function refused(type: string) {
    const { signedOutWhenRefused } = await import('../src/lib/server/signed-out.ts')
    const { ApiError } = await import('../src/lib/server/api.ts')
    const id = await sessions.openSession(tokens(900), false)
    const session = await sessions.currentSession(id, () => Promise.resolve(undefined))
    const jar = new Map([['session', id]])
    const cookies = { get: (name: string) => jar.get(name), delete: (name: string) => void jar.delete(name) }
    const asking = { cookies, url, locals: { session } } as never
    const problem = { type: `urn:mcpshield:error:${type}`, status: 401 }
    const api = signedOutWhenRefused(asking, () => Promise.reject(new ApiError(problem)))
    const reasonOf = () => api(auth.rpc.getMe, {}).catch((reason: unknown) => reason)
    const reasons = [await reasonOf(), await reasonOf()]
    const isKept = (await sessions.currentSession(id, () => Promise.resolve(undefined))) !== undefined
    return { reasons, jar, isKept }
  }

  test('leads to the sign-in by each of its calls', async () => {
    const { reasons, jar, isKept } = await refused('unauthenticated')
    const away = { status: 303, location: '/auth/sign-in?ended&next=%2Fapp%2Fprojects' }
    expect(reasons).toMatchObject([away, away])
    expect([jar.size, isKept]).toEqual([0, false])
  })

  test('is none where something else was wrong', async () => {
    const { reasons, jar, isKept } = await refused('password_wrong')
    expect(reasons).toMatchObject([{ name: 'ApiError' }, { name: 'ApiError' }])
    expect([jar.size, isKept]).toEqual([1, true])
  })
})
