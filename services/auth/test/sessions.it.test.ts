import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { auth } from '@mcpshield/contracts/auth'
import { connectDb } from '@mcpshield/db/connect'
import { database } from '../src/entities.ts'
import { sweep } from '../src/sweep.ts'
import { freshEmail, password, sessionOf, startWorld, type World } from './world.ts'

let world: World

beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world[Symbol.asyncDispose]())

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

describe('the list of sessions', () => {
  test('says where the person is signed in, newest first, and which session asks', async () => {
    const { email } = await world.person()
    const first = await world.login(email, { address: '192.0.2.7', agent: 'curl/8' })
    world.pass(1_000)
    const second = await world.login(email, { address: '2001:db8::1', remember: true })
    const { items } = await world.as(first.access_token)(auth.rpc.listSessions, {})
    expect(items).toMatchObject([
      { id: sessionOf(second.access_token), address: '2001:db8::1', user_agent: null, current: false },
      { id: sessionOf(first.access_token), address: '192.0.2.7', user_agent: 'curl/8', current: true },
    ])
    const lifeMs = items.map(({ created_at, expires_at }) => Date.parse(expires_at) - Date.parse(created_at))
    expect(lifeMs).toEqual([30 * DAY_MS, DAY_MS])
  })

  test('has nobody else’s', async () => {
    const [one, other] = [await world.person(), await world.person()]
    await world.login(other.email)
    const { access_token } = await world.login(one.email)
    const { items } = await world.as(access_token)(auth.rpc.listSessions, {})
    expect(items.map(({ id }) => id)).toEqual([sessionOf(access_token)])
  })

  test('says when a session was last seen, to the minute', async () => {
    const { access_token } = await world.login((await world.person()).email)
    const seen = async () => {
      const { items } = await world.as(access_token)(auth.rpc.listSessions, {})
      return Date.parse(items[0]!.last_seen_at) - Date.parse(items[0]!.created_at)
    }
    world.pass(MINUTE_MS / 2)
    expect(await world.isOpen(access_token)).toBe(true)
    expect(await seen()).toBe(0)
    world.pass(MINUTE_MS)
    expect(await world.isOpen(access_token)).toBe(true)
    expect(await seen()).toBeGreaterThanOrEqual(1.5 * MINUTE_MS)
  })
})

describe('a session ends', () => {
  test('when it is ended one by one: at once, with its refresh token, and no other', async () => {
    const { email } = await world.person()
    const [here, there] = [await world.login(email), await world.login(email)]
    const ask = world.as(here.access_token)
    await ask(auth.rpc.endOneSession, { session_id: sessionOf(there.access_token) })
    expect(await world.isOpen(there.access_token)).toBe(false)
    await expect(world.refresh(there.refresh_token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    expect(await world.isOpen(here.access_token)).toBe(true)
    expect((await ask(auth.rpc.listSessions, {})).items).toHaveLength(1)
    expect((await world.refresh(here.refresh_token)).user.email).toBe(email)
  })

  test('by nobody else: a stranger’s session, a made-up one and one that has ended are not found', async () => {
    const stranger = await world.login((await world.person()).email)
    const { email } = await world.person()
    const [here, ended] = [await world.login(email), await world.login(email)]
    const ask = world.as(here.access_token)
    await ask(auth.rpc.endOneSession, { session_id: sessionOf(ended.access_token) })
    for (const session_id of [sessionOf(stranger.access_token), randomUUID(), sessionOf(ended.access_token)])
      await expect(ask(auth.rpc.endOneSession, { session_id })).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(await world.isOpen(stranger.access_token)).toBe(true)
    expect((await world.refresh(stranger.refresh_token)).token_type).toBe('Bearer')
  })

  test('with all of the person’s, and nobody else’s', async () => {
    const stranger = await world.login((await world.person()).email)
    const { email, id } = await world.person()
    const all = [await world.login(email), await world.login(email, { remember: true })]
    await world.as(all[0]!.access_token)(auth.rpc.endAllSessions, {})
    for (const { access_token, refresh_token } of all) {
      expect(await world.isOpen(access_token)).toBe(false)
      await expect(world.refresh(refresh_token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    }
    expect(await world.sql('select 1 from refresh_tokens where user_id = $1', [id])).toEqual([])
    expect(await world.redis.keys(`auth:open-of:${id}`)).toEqual([])
    expect(await world.isOpen(stranger.access_token)).toBe(true)
  })

  test('also when Redis heard of it late: what the outbox says is done until it is done, and ends nothing newer', async () => {
    const { email, id } = await world.person()
    const [old, spared] = [await world.login(email), await world.login(email)]
    await world.sql('update users set generation = generation + 1 where id = $1', [id])
    const newer = await world.login(email)
    await world.sql(
      "insert into outbox (topic, key, payload, message_id) values ('endedSessions', $1, $2, $3)",
      [id, { user_id: id, before: 1, except: sessionOf(spared.access_token) }, randomUUID()],
    )
    await expect.poll(() => world.isOpen(old.access_token)).toBe(false)
    expect(await world.isOpen(spared.access_token)).toBe(true)
    expect(await world.isOpen(newer.access_token)).toBe(true)
  })

  test('after eight hours in which nothing was asked, remembered or not after two weeks', async () => {
    const { email } = await world.person()
    const keyOf = ({ access_token }: { access_token: string }) => `auth:open:${sessionOf(access_token)}`
    const [short, long] = [await world.login(email), await world.login(email, { remember: true })]
    expect(await world.redis.pttl(keyOf(short))).toBeLessThanOrEqual(8 * HOUR_MS)
    expect(await world.redis.pttl(keyOf(short))).toBeGreaterThan(8 * HOUR_MS - MINUTE_MS)
    expect(await world.redis.pttl(keyOf(long))).toBeGreaterThan(14 * DAY_MS - MINUTE_MS)
    expect(await world.redis.pttl(keyOf(long))).toBeLessThanOrEqual(14 * DAY_MS)
  })

  test('a day after it began however often it is used, and using it puts off only its idle end', async () => {
    const { access_token, refresh_token } = await world.login((await world.person()).email)
    const key = `auth:open:${sessionOf(access_token)}`
    await world.redis.pexpire(key, 5 * MINUTE_MS)
    world.pass(2 * MINUTE_MS)
    expect(await world.isOpen(access_token)).toBe(true)
    expect(await world.redis.pttl(key)).toBeGreaterThan(7 * HOUR_MS)
    world.pass(20 * HOUR_MS)
    expect(await world.isOpen(access_token)).toBe(true)
    expect(await world.redis.pttl(key)).toBeLessThan(4 * HOUR_MS)
    world.pass(4 * HOUR_MS)
    await expect(world.refresh(refresh_token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })
})

describe('many at once', () => {
  test('of fifty exchanges of a refresh token one succeeds at most', async () => {
    const { refresh_token } = await world.login((await world.person()).email)
    const all = await Promise.allSettled(Array.from({ length: 50 }, () => world.refresh(refresh_token)))
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  test('no session escapes a change of password: those that were being begun meanwhile are not open', async () => {
    const { email } = await world.person()
    const { access_token } = await world.login(email)
    const begun = Array.from({ length: 50 }, (_, i) => world.login(email, { address: `198.51.100.${i}` }))
    const changed = world.as(access_token)(auth.rpc.changePassword, {
      current_password: password,
      new_password: 'another pass phrase',
    })
    const all = await Promise.allSettled(begun)
    await changed
    for (const each of all) {
      if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'UNAUTHENTICATED' })
      else expect(await world.isOpen(each.value.access_token)).toBe(false)
    }
    const { user } = await world.login(email, { password: 'another pass phrase', address: '203.0.113.1' })
    expect(await world.redis.zcard(`auth:open-of:${user.id}`)).toBe(1)
  })

  test('a sign-in that was half done when all sessions were ended is refused, and leaves nothing open', async () => {
    const { email, id } = await world.person()
    const client = new pg.Client({ connectionString: world.schema.adminUrl })
    await client.connect()
    await client.query('begin')
    await client.query('select 1 from users where id = $1 for update', [id])
    const refused = expect(world.login(email)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    await expect.poll(() => world.redis.zcard(`auth:open-of:${id}`)).toBe(1)
    await client.query('update users set generation = generation + 1 where id = $1', [id])
    await client.query('commit')
    await client.end()
    await refused
    expect(await world.redis.zcard(`auth:open-of:${id}`)).toBe(0)
    expect(await world.sql('select 1 from refresh_tokens where user_id = $1', [id])).toEqual([])
  })

  test('of fifty sign-ins all sessions are open and listed', async () => {
    const { email } = await world.person()
    const all = await Promise.all(
      Array.from({ length: 50 }, (_, i) => world.login(email, { address: `198.51.100.${i}` })),
    )
    const { items } = await world.as(all[0]!.access_token)(auth.rpc.listSessions, {})
    expect(new Set(items.map(({ id }) => id))).toEqual(
      new Set(all.map(({ access_token }) => sessionOf(access_token))),
    )
  })
})

describe('a sign-in from somewhere new', () => {
  test('is mailed with its network and program; the first of a person and a known one are not', async () => {
    const { email } = await world.person()
    await world.login(email, { address: '192.0.2.1', agent: 'Firefox' })
    await world.login(email, { address: '192.0.2.1', agent: 'Firefox' })
    await world.login(email, { address: '192.0.2.9', agent: 'curl/8' })
    const { mail, to } = await world.mail(email, 'new_sign_in')
    expect(mail).toMatchObject({ address: '192.0.2.9', user_agent: 'curl/8' })
    expect(to).toEqual({ email, first_name: 'Ada' })
    await world.login(email, { address: '192.0.2.1', agent: 'Chrome' })
    await world.mail(email, 'new_sign_in', 2)
    expect(world.mails(email)).toHaveLength(2)
  })

  test('is new again after ninety days', async () => {
    const { email } = await world.person()
    await world.login(email)
    world.pass(91 * DAY_MS)
    await world.login(email)
    await world.mail(email, 'new_sign_in')
    expect(world.mails(email)).toHaveLength(1)
  })

  test('from the same network of IPv6 is not new', async () => {
    const { email } = await world.person()
    for (const address of ['2001:db8:1:2::3', '2001:db8:1:2::4', '2001:db8:1:9::4'])
      await world.login(email, { address })
    await world.mail(email, 'new_sign_in')
    expect(world.mails(email).map(({ mail }) => mail)).toMatchObject([{ address: '2001:db8:1:9::4' }])
  })
})

test('registrations that nobody confirmed in a week, and sessions’ leftovers, are swept; people and what is alive are not', async () => {
  await using db = await connectDb(database(world.schema.url))
  const { email, id } = await world.person()
  const waiting = freshEmail()
  await world.register(waiting)
  await world.code(waiting, 'verify_email')
  await world.login(email)
  const left = async () => {
    const [row] = await world.sql(
      `select (select count(*)::int from users where email = $1) as waiting,
        (select count(*)::int from users where id = $2) as people,
        (select count(*)::int from refresh_tokens where user_id = $2) as tokens,
        (select count(*)::int from sign_in_clients where user_id = $2) as clients`,
      [waiting, id],
    )
    return row
  }
  const after = (days: number) => new Date(world.now().getTime() + days * DAY_MS)
  await sweep(db, after(0.9))
  expect(await left()).toEqual({ waiting: 1, people: 1, tokens: 1, clients: 1 })
  await sweep(db, after(7.1))
  expect(await left()).toEqual({ waiting: 0, people: 1, tokens: 0, clients: 1 })
  await sweep(db, after(91))
  expect(await left()).toEqual({ waiting: 0, people: 1, tokens: 0, clients: 0 })
})
