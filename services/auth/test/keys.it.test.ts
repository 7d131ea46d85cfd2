import { randomBytes, randomUUID } from 'node:crypto'
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import { generateSync } from 'otplib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { auth } from '@mcpshield/contracts/auth'
import { connectDb, migrateDb } from '@mcpshield/db/connect'
import { masterSealer } from '@mcpshield/db/seal'
import { startTestBus } from '@mcpshield/testkit/bus'
import { freshSchema } from '@mcpshield/testkit/schema'
import { database } from '../src/entities.ts'
import { keyStore } from '../src/key-store.ts'
import { start } from '../src/start.ts'
import { accessTokens } from '../src/tokens.ts'
import { from, log, password, startWorld, type World } from './world.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const KEY_DAYS = 30

describe('signing keys', () => {
  const stack = new AsyncDisposableStack()
  let makeTokens: (now: Date) => ReturnType<typeof accessTokens>
  beforeAll(async () => {
    const schema = stack.use(await freshSchema('auth'))
    await migrateDb(database(schema.url))
    const db = stack.use(await connectDb(database(schema.url)))
    const sealer = masterSealer(randomBytes(32).toString('hex'))
    makeTokens = (now) => accessTokens(keyStore(db), sealer, { lifeMinutes: 15, keyDays: KEY_DAYS }, now)
  })
  afterAll(() => stack.disposeAsync())

  test('follow one another: published an hour ahead, signing on time, kept while tokens live, then gone', async () => {
    const begin = Date.parse('2026-01-01T00:00:00Z')
    const at = (ms: number) => new Date(begin + ms)
    const tokens = await makeTokens(at(0))
    const kids = () => tokens.publicKeys().map(({ kid }) => kid)
    const kidAt = async (ms: number) => {
      const { token } = await tokens.sign({ sub: randomUUID(), sid: randomUUID() }, at(ms))
      return { token, kid: decodeProtectedHeader(token).kid }
    }
    const [first] = kids()
    await tokens.refreshKeys(at(KEY_DAYS * DAY_MS - HOUR_MS - 1))
    expect(kids()).toEqual([first])

    await tokens.refreshKeys(at(KEY_DAYS * DAY_MS - HOUR_MS))
    const [second] = kids()
    expect(kids()).toEqual([second, first])
    const last = await kidAt(KEY_DAYS * DAY_MS - 1)
    expect(last.kid).toBe(first)
    expect((await kidAt(KEY_DAYS * DAY_MS)).kid).toBe(second)

    await tokens.refreshKeys(at(KEY_DAYS * DAY_MS + HOUR_MS))
    const keySet = createLocalJWKSet({ keys: tokens.publicKeys() })
    const verified = await jwtVerify(last.token, keySet, { currentDate: at(KEY_DAYS * DAY_MS + 14 * 60_000) })
    expect(verified.protectedHeader.kid).toBe(first)

    await tokens.refreshKeys(at(KEY_DAYS * DAY_MS + 2 * HOUR_MS))
    expect(kids()).toEqual([second])
    expect(JSON.stringify(tokens.publicKeys())).not.toMatch(/"d":/)
  })

  test('are made once, however many instances look at the same time, and taken over by all', async () => {
    const now = new Date(Date.parse('2027-01-01T00:00:00Z'))
    const instances = await Promise.all(Array.from({ length: 5 }, () => makeTokens(now)))
    await Promise.all(instances.map((tokens) => tokens.refreshKeys(now)))
    const published = instances.map((tokens) => tokens.publicKeys().map(({ kid }) => kid))
    expect(published[0]).toHaveLength(2)
    for (const each of published) expect(each).toEqual(published[0])
  })
})

describe('the master key', () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld()
  })
  afterAll(() => world[Symbol.asyncDispose]())

  /** An instance on a bus of its own, and who asks it. */
  async function instance(config: Parameters<typeof start>[0]) {
    await using stack = new AsyncDisposableStack()
    const bus = stack.use(await startTestBus())
    stack.use(await start({ ...config, NATS_URL: bus.url, NATS_CREDS: bus.creds('auth') }, log, world.now))
    const asking = stack.use(await bus.connect('rest-gateway'))
    const kept = stack.move()
    return { asking, [Symbol.asyncDispose]: () => kept.disposeAsync() }
  }

  test('can be changed: everything sealed is sealed anew, and the old one opens nothing then', async () => {
    const { email } = await world.person()
    const ask = world.as((await world.login(email)).access_token)
    const { secret } = await ask(auth.rpc.enrolTotp, { password })
    const codeNow = () => generateSync({ secret: secret!, epoch: Math.floor(world.now().getTime() / 1000) })
    await ask(auth.rpc.enrolTotp, { code: codeNow() })
    const before = await world.gateway.call(auth.rpc.getSigningKeys, {})
    const sealed = async () =>
      (
        await world.sql(
          'select sealed_secret as s from totps union all select sealed_private from signing_keys',
        )
      ).map(({ s }) => String(s).split('.')[1])
    const [oldKey] = await sealed()

    const changed = { ...world.config, MASTER_KEY: randomBytes(32).toString('hex') }
    {
      await using _both = await instance({ ...changed, MASTER_KEY_PREVIOUS: world.config.MASTER_KEY })
    }
    expect(new Set(await sealed()).size).toBe(1)
    expect(await sealed()).not.toContain(oldKey)
    await using only = await instance(changed)
    expect(await only.asking.call(auth.rpc.getSigningKeys, {})).toEqual(before)
    world.pass(30_000)
    const session = await only.asking.call(
      auth.rpc.createSession,
      { email, password, otp: codeNow() },
      { caller: from() },
    )
    expect(session.user.email).toBe(email)
    await expect(start(world.config, log)).rejects.toThrow(/not among those given/)
  })
})
