import { randomUUID } from 'node:crypto'
import { createLocalJWKSet, jwtVerify } from 'jose'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ACCESS_TOKEN } from '@mcpshield/contracts/access-token'
import { auth } from '@mcpshield/contracts/auth'
import { connectDb, migrateDb } from '@mcpshield/db/connect'
import { startTestBus } from '@mcpshield/testkit/bus'
import { freshSchema } from '@mcpshield/testkit/schema'
import { database } from '../src/entities.ts'
import { ToldOfPerson } from '../src/people.ts'
import { start } from '../src/start.ts'
import { callerOf, freshEmail, from, log, password, startWorld, type World } from './world.ts'

let world: World

beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world[Symbol.asyncDispose]())

describe('the schema', () => {
  test('the migrations lead to what the entities say, and are harmless when run again', async () => {
    expect(await migrateDb(database(world.schema.url))).toEqual([])
    await using db = await connectDb(database(world.schema.url))
    const difference = await db.orm.schema.getUpdateSchemaSQL({ wrap: false })
    // Foreign keys are the database's own: entities do not know them.
    const lines = difference
      .split('\n')
      .filter((line) => line !== '' && !/drop constraint "\w+_fkey"/.test(line))
    expect(lines).toEqual([])
  })
})

test('what the first version of the schema held is kept: keys sign on, and events that wait are told', async () => {
  await using schema = await freshSchema('auth')
  const options = database(schema.url)
  await migrateDb({ ...options, migrations: options.migrations.slice(0, 1) })
  const client = new pg.Client({ connectionString: schema.adminUrl })
  await client.connect()
  const id = randomUUID()
  await client.query(
    "insert into users values ($1, 'ada@example.com', 'x', 'Ada', 'Lovelace', true, now(), now())",
    [id],
  )
  await client.query("insert into signing_keys values ('kid', '{}', 'sealed', '2026-01-01T00:00:00Z')")
  await client.query(
    "insert into outbox (topic, key, payload, message_id) values ('userRegistered', $1, $2, gen_random_uuid())",
    [id, { user_id: id, email: 'ada@example.com', first_name: 'Ada' }],
  )
  await migrateDb(options)
  const { rows: keys } = await client.query('select signs_from from signing_keys')
  expect(keys).toEqual([{ signs_from: new Date('2026-01-01T00:00:00Z') }])
  const { rows: told } = await client.query<{ topic: string; payload: unknown }>(
    'select topic, payload from outbox order by id',
  )
  const person = { user_id: id, email: 'ada@example.com', first_name: 'Ada', last_name: 'Lovelace' }
  // The second for whoever did not keep names before.
  expect(told.map(({ topic, payload }) => ({ topic, ...ToldOfPerson.parse(payload) }))).toEqual([
    { topic: 'people', event: 'userRegistered', person },
    { topic: 'people', event: 'userChanged', person },
  ])
  await client.end()
})

describe('registering', () => {
  test('an address is taken once, whatever its case, and the event tells of the person', async () => {
    const made = await world.person('Mixed@Example.com')
    expect(made).toMatchObject({ email: 'mixed@example.com', is_email_verified: true })
    await expect(world.person('mixed@example.COM')).rejects.toMatchObject({ code: 'CONFLICT' })
    await expect
      .poll(() => world.eventsOf('mixed@example.com'))
      .toEqual([
        {
          event: 'userRegistered',
          person: { user_id: made.id, email: 'mixed@example.com', first_name: 'Ada', last_name: 'L' },
        },
      ])
  })

  test('neither the password nor a private key can be read in the database', async () => {
    await world.person()
    const rows = await world.sql(
      'select (select string_agg(u::text, $1) from users u) || (select string_agg(k::text, $1) from signing_keys k) as all',
      [' '],
    )
    const text = (rows[0] as { all: string }).all
    expect(text).toContain('$argon2id$v=19$m=19456,p=1,t=2$')
    expect(text).not.toContain(password)
    expect(text).not.toMatch(/PRIVATE KEY/)
  })
})

describe('signing in', () => {
  test('an unknown address and a wrong password get the same answer', async () => {
    const { email } = await world.person()
    const wrong = await world.login(email, { password: 'not the password' }).catch((error: unknown) => error)
    const unknown = await world.login(freshEmail()).catch((error: unknown) => error)
    expect(wrong).toMatchObject({ code: 'UNAUTHENTICATED' })
    expect((unknown as Error).message).toBe((wrong as Error).message)
  })

  test('passwords are compared to their last byte', async () => {
    const email = freshEmail()
    const passage = 'it was a bright cold day in april and the clocks were striking thirteen, as ever'
    const long = passage.slice(0, 73)
    await world.operator.call(auth.rpc.createUser, { email, password: long, first_name: 'A', last_name: 'B' })
    await expect(world.login(email, { password: passage.slice(0, 72) })).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    })
    expect((await world.login(email, { password: long })).token_type).toBe('Bearer')
  })

  test('an address that is not verified is told so only after the right password', async () => {
    const { email, id } = await world.person()
    await world.sql('update users set is_email_verified = false where id = $1', [id])
    await expect(world.login(email, { password: 'not the password' })).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      details: {},
    })
    await expect(world.login(email)).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      details: { type: 'email_not_verified' },
    })
  })

  test('the sixth try is refused, for this address of this person only, and signing in clears the count', async () => {
    const { email } = await world.person()
    const wrong = () => world.login(email, { password: 'wrong' })
    for (let i = 0; i < 4; i++) await expect(wrong()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    await world.login(email)
    for (let i = 0; i < 5; i++) await expect(wrong()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    const refused: unknown = await world.login(email).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'RATE_LIMITED' })
    const { retry_after_ms } = (refused as { details: { retry_after_ms: number } }).details
    expect(retry_after_ms).toBeGreaterThan(14 * 60_000)
    expect(retry_after_ms).toBeLessThanOrEqual(15 * 60_000)
    expect((await world.login(email, { address: '192.0.2.2' })).user.email).toBe(email)
    expect((await world.login((await world.person()).email)).token_type).toBe('Bearer')
  })

  test('of many tries at once no more than five are taken', async () => {
    const { email } = await world.person()
    const tries = await Promise.allSettled(
      Array.from({ length: 12 }, () => world.login(email, { password: 'wrong' })),
    )
    const codes = tries.map((each) => (each as { reason: { code: string } }).reason.code)
    expect(codes.filter((code) => code === 'UNAUTHENTICATED')).toHaveLength(5)
    expect(codes.filter((code) => code === 'RATE_LIMITED')).toHaveLength(7)
  })
})

describe('tokens', () => {
  test('an access token verifies with the published keys and says who, for fifteen minutes', async () => {
    const { email, id } = await world.person()
    const { access_token, expires_in } = await world.login(email)
    const { keys } = await world.gateway.call(auth.rpc.getSigningKeys, {})
    expect(JSON.stringify(keys)).not.toMatch(/"d":/)
    const { payload, protectedHeader } = await jwtVerify(access_token, createLocalJWKSet({ keys: keys }), {
      algorithms: [ACCESS_TOKEN.algorithm],
      typ: ACCESS_TOKEN.type,
      issuer: ACCESS_TOKEN.issuer,
      audience: ACCESS_TOKEN.audience,
    })
    expect(payload).toMatchObject({ sub: id })
    expect(payload.exp! - payload.iat!).toBe(900)
    expect(expires_in).toBe(900)
    expect(protectedHeader.alg).toBe('EdDSA')
    expect(await world.gateway.call(auth.rpc.getMe, {}, { caller: callerOf(access_token) })).toMatchObject({
      id,
      email,
    })
  })

  test('a refresh token is exchanged once; one used twice ends its whole family', async () => {
    const { email } = await world.person()
    const first = await world.login(email)
    const second = await world.refresh(first.refresh_token)
    const third = await world.refresh(second.refresh_token)
    expect(new Set([first, second, third].map((each) => each.refresh_token)).size).toBe(3)
    expect(await world.isOpen(third.access_token)).toBe(true)
    const other = await world.login(email)
    await expect(world.refresh(first.refresh_token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    await expect(world.refresh(third.refresh_token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    expect(await world.isOpen(third.access_token)).toBe(false)
    expect(await world.isOpen(other.access_token)).toBe(true)
  })

  test('of many exchanges at once one succeeds at most', async () => {
    const { refresh_token } = await world.login((await world.person()).email)
    const all = await Promise.allSettled(Array.from({ length: 20 }, () => world.refresh(refresh_token)))
    expect(all.filter((each) => each.status === 'fulfilled')).toHaveLength(1)
  })

  test('a made-up refresh token, and an access token in its place, are refused', async () => {
    const { access_token } = await world.login((await world.person()).email)
    for (const token of ['mcpr_made-up', access_token])
      await expect(world.refresh(token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })

  test('signing out ends the session at once, its refresh token too, and no other session', async () => {
    const { email } = await world.person()
    const [one, other] = [await world.login(email), await world.login(email, { remember: true })]
    await world.gateway.call(auth.rpc.endSession, {}, { caller: callerOf(one.access_token) })
    expect(await world.isOpen(one.access_token)).toBe(false)
    await expect(world.refresh(one.refresh_token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    expect(await world.isOpen(other.access_token)).toBe(true)
    expect((await world.refresh(other.refresh_token)).user.email).toBe(email)
  })
})

describe('without Redis', () => {
  test('nobody signs in and no session counts as open', async () => {
    await using bus = await startTestBus()
    await using _service = await start(
      { ...world.config, REDIS_URL: 'redis://127.0.0.1:1', NATS_URL: bus.url, NATS_CREDS: bus.creds('auth') },
      log,
    )
    await using asking = await bus.connect('rest-gateway')
    const { email } = await world.person()
    await expect(
      asking.call(auth.rpc.createSession, { email, password }, { caller: from('192.0.2.1') }),
    ).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(asking.call(auth.rpc.checkSession, { session_id: 'x' })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    })
    const health = await asking.call(auth.rpc.checkHealth, {})
    expect(health).toMatchObject({
      ok: false,
      dependencies: { redis: { ok: false }, postgres: { ok: true } },
    })
  })
})
