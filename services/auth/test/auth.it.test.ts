import { randomBytes, randomUUID } from 'node:crypto'
import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose'
import { Redis } from 'ioredis'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Bus } from '@mcpshield/bus/connect'
import { ACCESS_TOKEN } from '@mcpshield/contracts/access-token'
import { auth } from '@mcpshield/contracts/auth'
import type { Caller } from '@mcpshield/contracts/caller'
import type { flow } from '@mcpshield/contracts/flow'
import { consumption } from '@mcpshield/contracts/flow'
import { connectDb, migrateDb } from '@mcpshield/db/connect'
import { createLog } from '@mcpshield/runtime/log'
import { startTestBus, type TestBus } from '@mcpshield/testkit/bus'
import { freshRedis, type Fresh } from '@mcpshield/testkit/fresh'
import { freshSchema } from '@mcpshield/testkit/schema'
import { Config } from '../src/config.ts'
import { database } from '../src/entities.ts'
import { start } from '../src/start.ts'

const log = createLog('auth', { level: 'fatal' })
const stack = new AsyncDisposableStack()
let nats: TestBus
let schema: Fresh
let redis: Fresh
let config: Config
let gateway: Bus<(typeof flow)['rest-gateway']>
let operator: Bus<(typeof flow)['operator']>

beforeAll(async () => {
  nats = stack.use(await startTestBus())
  schema = stack.use(await freshSchema('auth'))
  redis = stack.use(await freshRedis())
  config = Config.parse({
    NATS_URL: nats.url,
    NATS_CREDS: nats.creds('auth'),
    DATABASE_URL: schema.url,
    REDIS_URL: redis.url,
    MASTER_KEY: randomBytes(32).toString('hex'),
  })
  await migrateDb(database(schema.url))
  stack.use(await start(config, log))
  gateway = stack.use(await nats.connect('rest-gateway'))
  operator = stack.use(await nats.connect('operator'))
})
afterAll(() => stack.disposeAsync())

const password = 'a long enough password'
let counter = 0
const freshEmail = () => `person${++counter}@example.com`
const from = (address: string): Caller => ({ kind: 'anonymous', address })

async function person(email = freshEmail()) {
  return operator.call(auth.rpc.createUser, { email, password, first_name: 'Ada', last_name: 'L' })
}

function login(email: string, options: { password?: string; address?: string; remember?: boolean } = {}) {
  const { address = '192.0.2.1', remember = false } = options
  return gateway.call(
    auth.rpc.createSession,
    { email, password: options.password ?? password, remember_me: remember },
    { caller: from(address) },
  )
}

const refresh = (refresh_token: string) =>
  gateway.call(auth.rpc.refreshSession, { refresh_token }, { caller: from('192.0.2.1') })
const sessionOf = (token: string) => decodeJwt(token).sid as string
const isOpen = async (token: string) =>
  (await gateway.call(auth.rpc.checkSession, { session_id: sessionOf(token) })).open
const callerOf = (token: string): Caller => ({
  kind: 'user',
  user_id: decodeJwt(token).sub!,
  org_id: randomUUID(),
  role: 'owner',
  session_id: sessionOf(token),
})

describe('the schema', () => {
  test('the migrations lead to what the entities say, and are harmless when run again', async () => {
    expect(await migrateDb(database(schema.url))).toEqual([])
    await using db = await connectDb(database(schema.url))
    const difference = await db.orm.schema.getUpdateSchemaSQL({ wrap: false })
    // Foreign keys are the database's own: entities do not know them.
    const lines = difference
      .split('\n')
      .filter((line) => line !== '' && !/drop constraint "\w+_fkey"/.test(line))
    expect(lines).toEqual([])
  })
})

describe('registering', () => {
  test('an address is taken once, whatever its case, and the event tells of the person', async () => {
    const made = await person('Mixed@Example.com')
    expect(made).toMatchObject({ email: 'mixed@example.com', is_email_verified: true })
    await expect(person('mixed@example.COM')).rejects.toMatchObject({ code: 'CONFLICT' })
    const told = Promise.withResolvers<unknown>()
    await using consumer = await nats.connect('projects')
    await using _consuming = await consumer.consume(consumption.projectsOrganizations, (message) => {
      message.ack()
      const payload = auth.evt.userRegistered.payload.parse(message.json())
      if (payload.user_id === made.id) told.resolve(payload)
    })
    expect(await told.promise).toEqual({ user_id: made.id, email: 'mixed@example.com', first_name: 'Ada' })
  })

  test('neither the password nor a private key can be read in the database', async () => {
    await person()
    const client = new pg.Client({ connectionString: schema.url })
    await client.connect()
    const { rows } = await client.query(
      'select (select string_agg(u::text, $1) from users u) || (select string_agg(k::text, $1) from signing_keys k) as all',
      [' '],
    )
    await client.end()
    const text = (rows[0] as { all: string }).all
    expect(text).toContain('$argon2id$v=19$m=19456,p=1,t=2$')
    expect(text).not.toContain(password)
    expect(text).not.toMatch(/PRIVATE KEY/)
  })
})

describe('signing in', () => {
  test('an unknown address and a wrong password get the same answer', async () => {
    const { email } = await person()
    const wrong = await login(email, { password: 'not the password' }).catch((error: unknown) => error)
    const unknown = await login(freshEmail()).catch((error: unknown) => error)
    expect(wrong).toMatchObject({ code: 'UNAUTHENTICATED' })
    expect((unknown as Error).message).toBe((wrong as Error).message)
  })

  test('passwords are compared to their last byte', async () => {
    const email = freshEmail()
    const long = 'x'.repeat(73)
    await operator.call(auth.rpc.createUser, { email, password: long, first_name: 'A', last_name: 'B' })
    await expect(login(email, { password: 'x'.repeat(72) })).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    })
    expect((await login(email, { password: long })).token_type).toBe('Bearer')
  })

  test('an address that is not verified is told so only after the right password', async () => {
    const { email, id } = await person()
    const client = new pg.Client({ connectionString: schema.url })
    await client.connect()
    await client.query('update users set is_email_verified = false where id = $1', [id])
    await client.end()
    await expect(login(email, { password: 'not the password' })).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      details: {},
    })
    await expect(login(email)).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      details: { type: 'email_not_verified' },
    })
  })

  test('the sixth try is refused, for this address of this person only, and signing in clears the count', async () => {
    const { email } = await person()
    const wrong = () => login(email, { password: 'wrong' })
    for (let i = 0; i < 4; i++) await expect(wrong()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    await login(email)
    for (let i = 0; i < 5; i++) await expect(wrong()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    const refused: unknown = await login(email).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'RATE_LIMITED' })
    const { retry_after_ms } = (refused as { details: { retry_after_ms: number } }).details
    expect(retry_after_ms).toBeGreaterThan(14 * 60_000)
    expect(retry_after_ms).toBeLessThanOrEqual(15 * 60_000)
    expect((await login(email, { address: '192.0.2.2' })).user.email).toBe(email)
    expect((await login((await person()).email)).token_type).toBe('Bearer')
  })

  test('of many tries at once no more than five are taken', async () => {
    const { email } = await person()
    const tries = await Promise.allSettled(
      Array.from({ length: 12 }, () => login(email, { password: 'wrong' })),
    )
    const codes = tries.map((each) => (each as { reason: { code: string } }).reason.code)
    expect(codes.filter((code) => code === 'UNAUTHENTICATED')).toHaveLength(5)
    expect(codes.filter((code) => code === 'RATE_LIMITED')).toHaveLength(7)
  })
})

describe('tokens', () => {
  test('an access token verifies with the published keys and says who, for fifteen minutes', async () => {
    const { email, id } = await person()
    const { access_token, expires_in } = await login(email)
    const { keys } = await gateway.call(auth.rpc.getSigningKeys, {})
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
    expect(await gateway.call(auth.rpc.getMe, {}, { caller: callerOf(access_token) })).toMatchObject({
      id,
      email,
    })
  })

  test('another process signs with the same key, also after the master key was changed', async () => {
    const changed = {
      ...config,
      MASTER_KEY: randomBytes(32).toString('hex'),
      MASTER_KEY_PREVIOUS: config.MASTER_KEY,
    }
    const before = await gateway.call(auth.rpc.getSigningKeys, {})
    await using _second = await start(changed, log)
    expect(await gateway.call(auth.rpc.getSigningKeys, {})).toEqual(before)
    const { MASTER_KEY_PREVIOUS: _, ...onlyNew } = changed
    await using _third = await start(onlyNew, log)
    await expect(start(config, log)).rejects.toThrow(/not among those given/)
    config = onlyNew
  })

  test('a refresh token is exchanged once; one used twice ends its whole family', async () => {
    const { email } = await person()
    const first = await login(email)
    const second = await refresh(first.refresh_token)
    const third = await refresh(second.refresh_token)
    expect(new Set([first, second, third].map((each) => each.refresh_token)).size).toBe(3)
    expect(await isOpen(third.access_token)).toBe(true)
    const other = await login(email)
    await expect(refresh(first.refresh_token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    await expect(refresh(third.refresh_token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    expect(await isOpen(third.access_token)).toBe(false)
    expect(await isOpen(other.access_token)).toBe(true)
  })

  test('of many exchanges at once one succeeds at most', async () => {
    const { refresh_token } = await login((await person()).email)
    const all = await Promise.allSettled(Array.from({ length: 20 }, () => refresh(refresh_token)))
    expect(all.filter((each) => each.status === 'fulfilled')).toHaveLength(1)
  })

  test('a made-up refresh token, and an access token in its place, are refused', async () => {
    const { access_token } = await login((await person()).email)
    for (const token of ['mcpr_made-up', access_token])
      await expect(refresh(token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })

  test('signing out ends the session at once, its refresh token too, and no other session', async () => {
    const { email } = await person()
    const [one, other] = [await login(email), await login(email, { remember: true })]
    await gateway.call(auth.rpc.endSession, {}, { caller: callerOf(one.access_token) })
    expect(await isOpen(one.access_token)).toBe(false)
    await expect(refresh(one.refresh_token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    expect(await isOpen(other.access_token)).toBe(true)
    expect((await refresh(other.refresh_token)).user.email).toBe(email)
  })

  test('a session lives a day, and thirty days where it is remembered', async () => {
    const { email } = await person()
    const client = new Redis(redis.url)
    const lifeMs = async (remember: boolean) =>
      client.pttl(`auth:session:${sessionOf((await login(email, { remember })).access_token)}`)
    expect(Math.ceil((await lifeMs(false)) / 86_400_000)).toBe(1)
    expect(Math.ceil((await lifeMs(true)) / 86_400_000)).toBe(30)
    await client.quit()
  })
})

describe('without Redis', () => {
  test('nobody signs in and no session counts as open', async () => {
    await using bus = await startTestBus()
    await using _service = await start(
      { ...config, REDIS_URL: 'redis://127.0.0.1:1', NATS_URL: bus.url, NATS_CREDS: bus.creds('auth') },
      log,
    )
    await using asking = await bus.connect('rest-gateway')
    const { email } = await person()
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
