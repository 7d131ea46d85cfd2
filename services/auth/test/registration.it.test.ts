import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { auth } from '@mcpshield/contracts/auth'
import { startTestBus } from '@mcpshield/testkit/bus'
import { start } from '../src/start.ts'
import { freshEmail, from, log, password, refusal, startWorld, type World } from './world.ts'

let world: World

beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world[Symbol.asyncDispose]())

const MINUTE_MS = 60_000
const other = 'another pass phrase'
const wrongOf = (code: string) => (code === '000000' ? '000001' : '000000')

const request = (email: string, purpose: 'verify_email' | 'reset_password') =>
  world.anonymous(auth.rpc.requestOtp, { email, purpose })
const verify = (email: string, purpose: 'verify_email' | 'reset_password', code: string) =>
  world.anonymous(auth.rpc.verifyOtp, { email, purpose, code })
const reset = (reset_token: string, new_password: string) =>
  world.anonymous(auth.rpc.resetPassword, { reset_token, new_password })
const invalid = { code: 'INVALID_ARGUMENT', details: { type: 'otp_invalid' } }

async function registered(email = freshEmail()) {
  await world.register(email)
  await verify(email, 'verify_email', await world.code(email, 'verify_email'))
  return email
}

/** A registration or request of this address has been taken up: what follows it in the outbox has been. */
async function takenUp() {
  const marker = freshEmail()
  await world.register(marker)
  await world.code(marker, 'verify_email')
}

describe('registering', () => {
  test('makes a person once the mailed code is redeemed, who is told of then and not before', async () => {
    const email = freshEmail()
    expect(await world.register(email)).toEqual({ email, expires_in: 600 })
    const { mail, to, expires_at } = await world.mail(email, 'verify_email')
    expect(mail).toMatchObject({ code: expect.stringMatching(/^\d{6}$/), minutes: 10 })
    expect(to).toEqual({ email, first_name: 'Ada' })
    expect(Date.parse(expires_at!) - Date.now()).toBeLessThanOrEqual(10 * MINUTE_MS)
    expect(world.eventsOf(email)).toEqual([])
    expect(await refusal(world.login(email))).toMatchObject({
      code: 'PERMISSION_DENIED',
      details: { type: 'email_not_verified' },
    })
    expect(await verify(email, 'verify_email', mail.code)).toEqual({ verified: true })
    await expect.poll(() => world.eventsOf(email).map(({ event }) => event)).toEqual(['userRegistered'])
    expect((await world.login(email)).user).toMatchObject({ email, is_email_verified: true })
  })

  test('with a known-common password, the address, or the name of the product is refused by field, mailing nothing', async () => {
    const email = freshEmail()
    for (const weak of ['qwerty123456', email, 'mcpshield2026']) {
      expect(await refusal(world.register(email, { password: weak }))).toMatchObject({
        code: 'INVALID_ARGUMENT',
        details: { errors: [{ path: 'password', message: expect.any(String) }] },
      })
    }
    await takenUp()
    expect(world.mails(email)).toEqual([])
  })

  test('a verified address changes nothing of the person, and tells only the mailbox', async () => {
    const email = await registered()
    const answer = await world.register(email, { password: other, first_name: 'Eve' })
    expect(answer).toEqual({ email, expires_in: 600 })
    const { to } = await world.mail(email, 'address_in_use')
    expect(to).toEqual({ email, first_name: 'Ada' })
    expect(world.mails(email, 'verify_email')).toHaveLength(1)
    await expect(world.login(email, { password: other })).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    expect((await world.login(email)).user.first_name).toBe('Ada')
  })

  test('again before it is verified: the newest holds, and a code confirms only the registration it was made for', async () => {
    const email = freshEmail()
    await world.register(email, { first_name: 'Eve', password: other })
    const old = await world.code(email, 'verify_email')
    await world.register(email)
    const present = await world.code(email, 'verify_email', 2)
    if (old !== present) expect(await refusal(verify(email, 'verify_email', old))).toMatchObject(invalid)
    await verify(email, 'verify_email', present)
    expect((await world.login(email)).user.first_name).toBe('Ada')
    await expect(world.login(email, { password: other })).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })

  test('a code that is live does not confirm a registration that has replaced its own', async () => {
    const email = freshEmail()
    await world.register(email)
    const code = await world.code(email, 'verify_email')
    await world.sql('update users set registration_id = gen_random_uuid() where email = $1', [email])
    expect(await refusal(verify(email, 'verify_email', code))).toMatchObject(invalid)
    expect(world.eventsOf(email)).toEqual([])
  })

  test('an operator is not stopped by a registration that nobody confirmed, whose code is void then', async () => {
    const email = freshEmail()
    await world.register(email, { password: other })
    const code = await world.code(email, 'verify_email')
    await world.person(email)
    expect(await refusal(verify(email, 'verify_email', code))).toMatchObject(invalid)
    expect((await world.login(email)).user.email).toBe(email)
  })

  test('neither the password nor a code is in the database, and a code is in Redis only as a keyed digest', async () => {
    const email = freshEmail()
    await world.register(email)
    const code = await world.code(email, 'verify_email')
    await takenUp()
    const [row] = await world.sql(
      "select (select string_agg(o::text, ' ') from outbox o) as outbox, (select string_agg(u::text, ' ') from users u) as users",
    )
    expect(JSON.stringify(row)).not.toContain(password)
    expect(row!.outbox ?? '').not.toContain(code)
    const keys = await world.redis.keys('auth:code:*')
    const values = await Promise.all(keys.map((key) => world.redis.hgetall(key)))
    expect(values.length).toBeGreaterThan(0)
    expect(JSON.stringify([keys, values.map(({ mac }) => mac)])).not.toContain(code)
    expect(JSON.stringify(keys)).not.toContain(email)
  })
})

describe('codes', () => {
  test('an unknown address is answered like a known one, and is sent nothing', async () => {
    const [known, unknown] = [await registered(), freshEmail()]
    expect(await request(unknown, 'reset_password')).toEqual(await request(known, 'reset_password'))
    expect(await request(unknown, 'verify_email')).toEqual(await request(known, 'verify_email'))
    await world.code(known, 'reset_password')
    await takenUp()
    expect(world.mails(unknown)).toEqual([])
    expect(world.mails(known, 'verify_email')).toHaveLength(1)
  })

  test('unknown address, wrong, used and outlived code are refused in the same words', async () => {
    const email = freshEmail()
    await world.register(email)
    const code = await world.code(email, 'verify_email')
    const refused = [
      await refusal(verify(freshEmail(), 'verify_email', code)),
      await refusal(verify(email, 'reset_password', code)),
      await refusal(verify(email, 'verify_email', wrongOf(code))),
    ]
    await verify(email, 'verify_email', code)
    refused.push(await refusal(verify(email, 'verify_email', code)))
    const late = freshEmail()
    await world.register(late)
    const outlived = await world.code(late, 'verify_email')
    const [key] = await keysOf(late)
    expect(await world.redis.pttl(key!)).toBeGreaterThan(9 * MINUTE_MS)
    await world.redis.pexpire(key!, 1)
    await expect.poll(() => world.redis.exists(key!)).toBe(0)
    refused.push(await refusal(verify(late, 'verify_email', outlived)))
    expect(refused[0]).toMatchObject(invalid)
    for (const each of refused) expect(each).toEqual(refused[0])
  })

  test('five wrong tries void a code, four do not', async () => {
    const [five, four] = [freshEmail(), freshEmail()]
    for (const [email, tries] of [
      [five, 5],
      [four, 4],
    ] as const) {
      await world.register(email)
      const code = await world.code(email, 'verify_email')
      for (let i = 0; i < tries; i++)
        expect(await refusal(verify(email, 'verify_email', wrongOf(code)))).toMatchObject(invalid)
    }
    const last = await refusal(verify(five, 'verify_email', await world.code(five, 'verify_email')))
    expect(last).toMatchObject(invalid)
    expect(await verify(four, 'verify_email', await world.code(four, 'verify_email'))).toEqual({
      verified: true,
    })
  })

  test('of fifty redemptions at once exactly one wins', async () => {
    const email = await registered()
    await request(email, 'reset_password')
    const code = await world.code(email, 'reset_password')
    const all = await Promise.allSettled(
      Array.from({ length: 50 }, () => verify(email, 'reset_password', code)),
    )
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  test('of fifty wrong tries at once no more than five are taken: the right one after them is refused', async () => {
    const email = freshEmail()
    await world.register(email)
    const code = await world.code(email, 'verify_email')
    await Promise.allSettled(Array.from({ length: 50 }, () => verify(email, 'verify_email', wrongOf(code))))
    expect(await refusal(verify(email, 'verify_email', code))).toMatchObject(invalid)
  })

  test('a new code takes the place of the one before', async () => {
    const email = freshEmail()
    await world.register(email)
    const first = await world.code(email, 'verify_email')
    await request(email, 'verify_email')
    const second = await world.code(email, 'verify_email', 2)
    if (first !== second) expect(await refusal(verify(email, 'verify_email', first))).toMatchObject(invalid)
    expect(await verify(email, 'verify_email', second)).toEqual({ verified: true })
  })

  test('the fourth request in five minutes is refused, for known and unknown addresses alike, however they are mixed', async () => {
    const refused = []
    for (const email of [await registered(), freshEmail()]) {
      await request(email, 'verify_email')
      await request(email, 'reset_password')
      await request(email, 'reset_password')
      refused.push(await refusal(request(email, 'verify_email')))
    }
    // Registrations are counted by themselves, as often.
    for (const email of [await registered(), freshEmail()]) {
      for (let left = world.mails(email).length === 0 ? 3 : 2; left > 0; left--) await world.register(email)
      refused.push(await refusal(world.register(email)))
      await request(email, 'verify_email')
    }
    for (const { code, message, details } of refused) {
      expect({ code, message }).toEqual({ code: 'RATE_LIMITED', message: refused[0]!.message })
      expect(details.retry_after_ms).toBeGreaterThan(4 * MINUTE_MS)
      expect(details.retry_after_ms).toBeLessThanOrEqual(5 * MINUTE_MS)
    }
    expect(await request(freshEmail(), 'verify_email')).toEqual({ expires_in: 600 })
  })

  test('a request that is delivered twice is one code, one mail, and no second use', async () => {
    const email = await registered()
    await request(email, 'reset_password')
    const { id, mail } = await world.mail(email, 'reset_password')
    await verify(email, 'reset_password', mail.code)
    const payload = {
      kind: 'code',
      email,
      purpose: 'reset_password',
      requested_at: new Date().toISOString(),
    }
    await world.sql("insert into outbox (topic, key, payload, message_id) values ('codes', 'code', $1, $2)", [
      payload,
      id,
    ])
    await expect
      .poll(async () => (await world.sql("select id from outbox where topic = 'codes'")).length)
      .toBe(0)
    expect(await refusal(verify(email, 'reset_password', mail.code))).toMatchObject(invalid)
    expect(world.mails(email, 'reset_password')).toHaveLength(1)
  })
})

describe('resetting a password', () => {
  async function resetToken(email: string) {
    await request(email, 'reset_password')
    const { reset_token, expires_in } = await verify(
      email,
      'reset_password',
      await world.code(email, 'reset_password'),
    )
    expect(expires_in).toBe(600)
    return reset_token!
  }

  test('sets the new one, ends every session, mails it, and signs nobody in', async () => {
    const email = await registered()
    const [one, two] = [await world.login(email), await world.login(email, { remember: true })]
    const token = await resetToken(email)
    expect(await reset(token, other)).toEqual({})
    expect(await world.isOpen(one.access_token)).toBe(false)
    await expect(world.refresh(two.refresh_token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    expect(await world.sql('select 1 from refresh_tokens where user_id = $1', [one.user.id])).toEqual([])
    await expect(world.login(email)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    const { user } = await world.login(email, { password: other })
    expect(user.id).toBe(one.user.id)
    await world.mail(email, 'password_changed')
    expect(world.toldOf(user.id)).toEqual(['userRegistered'])
  })

  test('a token is good once, for one of many, and a made-up one never', async () => {
    const token = await resetToken(await registered())
    const all = await Promise.allSettled(Array.from({ length: 10 }, (_, i) => reset(token, `${other} ${i}`)))
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const bad of [token, 'made-up'])
      expect(await refusal(reset(bad, other))).toMatchObject({
        code: 'INVALID_ARGUMENT',
        details: { type: 'reset_token_invalid' },
      })
  })

  test('a common password, and the address itself, are refused without spending the token', async () => {
    const email = await registered()
    const token = await resetToken(email)
    for (const weak of ['qwerty123456', email])
      expect(await refusal(reset(token, weak))).toMatchObject({
        code: 'INVALID_ARGUMENT',
        details: { errors: [{ path: 'new_password' }] },
      })
    expect(await reset(token, other)).toEqual({})
  })

  test('an earlier token is void once sessions were ended or the password was changed', async () => {
    const email = await registered()
    const token = await resetToken(email)
    const { access_token } = await world.login(email)
    await world.as(access_token)(auth.rpc.endAllSessions, {})
    expect(await refusal(reset(token, other))).toMatchObject({ details: { type: 'reset_token_invalid' } })
    expect((await world.login(email)).user.email).toBe(email)
  })

  test('proves the mailbox of an address that was not verified: the person is told of', async () => {
    const email = freshEmail()
    await world.register(email)
    const verification = await world.code(email, 'verify_email')
    await reset(await resetToken(email), other)
    expect((await world.login(email, { password: other })).user.is_email_verified).toBe(true)
    await expect.poll(() => world.eventsOf(email).map(({ event }) => event)).toEqual(['userRegistered'])
    expect(await refusal(verify(email, 'verify_email', verification))).toMatchObject(invalid)
  })
})

test('without Redis nobody registers and no code is asked for or redeemed', async () => {
  await using bus = await startTestBus()
  const config = { ...world.config, REDIS_URL: 'redis://127.0.0.1:1', NATS_URL: bus.url }
  await using _service = await start({ ...config, NATS_CREDS: bus.creds('auth') }, log)
  await using asking = await bus.connect('rest-gateway')
  const email = freshEmail()
  const names = { first_name: 'Ada', last_name: 'L' }
  const tries = [
    () => asking.call(auth.rpc.registerUser, { email, password, ...names }, { caller: from() }),
    () => asking.call(auth.rpc.requestOtp, { email, purpose: 'verify_email' }, { caller: from() }),
    () =>
      asking.call(auth.rpc.verifyOtp, { email, purpose: 'verify_email', code: '123456' }, { caller: from() }),
  ]
  for (const ask of tries) await expect(ask()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})

function keysOf(email: string): Promise<string[]> {
  return world.redis.keys(`auth:code:*:${createHash('sha256').update(email).digest('hex')}`)
}
