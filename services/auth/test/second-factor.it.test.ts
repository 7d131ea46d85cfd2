import { generateSync } from 'otplib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { auth } from '@mcpshield/contracts/auth'
import { freshEmail, password, refusal, startWorld, type World } from './world.ts'

let world: World

beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world[Symbol.asyncDispose]())

const STEP_MS = 30_000
const required = { code: 'UNAUTHENTICATED', details: { type: 'mfa_required' } }
const invalid = { code: 'UNAUTHENTICATED', details: { type: 'mfa_invalid' } }
const codeOf = (secret: string, aheadMs = 0) =>
  generateSync({ secret, epoch: Math.floor((world.now().getTime() + aheadMs) / 1000) })
const wrongFor = (secret: string) => {
  const near = [-STEP_MS, 0, STEP_MS].map((ms) => codeOf(secret, ms))
  return ['000000', '111111', '222222', '333333'].find((code) => !near.includes(code))!
}

async function member() {
  const { email, id } = await world.person()
  const session = await world.login(email)
  return { email, id, session, ask: world.as(session.access_token) }
}

/** A person with an app, whose next code is of a step that was not used. */
async function withApp() {
  const person = await member()
  const { secret } = await person.ask(auth.rpc.enrolTotp, { password })
  const { recovery_codes } = await person.ask(auth.rpc.enrolTotp, { code: codeOf(secret!) })
  world.pass(STEP_MS)
  return { ...person, secret: secret!, recoveryCodes: recovery_codes! }
}

describe('setting up an app', () => {
  test('begins with the password and is in force once a code confirms it; it is mailed', async () => {
    const { email, ask } = await member()
    const begun = await ask(auth.rpc.enrolTotp, { password })
    expect(begun).toMatchObject({ enabled: false, secret: expect.stringMatching(/^[A-Z2-7]{32}$/) })
    expect(begun.otpauth_uri).toContain(begun.secret)
    expect(await ask(auth.rpc.getMe, {})).toMatchObject({ mfa_enabled: false })
    expect((await world.login(email)).token_type).toBe('Bearer')
    const confirmed = await ask(auth.rpc.enrolTotp, { code: codeOf(begun.secret!) })
    expect(confirmed.enabled).toBe(true)
    expect(new Set(confirmed.recovery_codes).size).toBe(10)
    expect(confirmed.secret).toBeUndefined()
    expect(await ask(auth.rpc.getMe, {})).toMatchObject({ mfa_enabled: true })
    expect((await world.mail(email, 'mfa_changed')).mail.enabled).toBe(true)
    expect(await refusal(world.login(email))).toMatchObject(required)
  })

  test('ends the other sessions, and not the one that confirms', async () => {
    const { email, session, ask } = await member()
    const other = await world.login(email)
    const { secret } = await ask(auth.rpc.enrolTotp, { password })
    expect(await world.isOpen(other.access_token)).toBe(true)
    await ask(auth.rpc.enrolTotp, { code: codeOf(secret!) })
    expect(await world.isOpen(other.access_token)).toBe(false)
    await expect(world.refresh(other.refresh_token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    expect(await world.isOpen(session.access_token)).toBe(true)
    expect((await world.refresh(session.refresh_token)).user.email).toBe(email)
  })

  test('needs exactly one of password and code, a secret to confirm, and its code', async () => {
    const { ask } = await member()
    for (const both of [{}, { password, code: '123456' }])
      await expect(ask(auth.rpc.enrolTotp, both)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(ask(auth.rpc.enrolTotp, { code: '123456' })).rejects.toMatchObject({ code: 'CONFLICT' })
    expect(await refusal(ask(auth.rpc.enrolTotp, { password: 'wrong' }))).toMatchObject({
      code: 'PERMISSION_DENIED',
      details: { type: 'password_wrong' },
    })
    const { secret: first } = await ask(auth.rpc.enrolTotp, { password })
    const { secret } = await ask(auth.rpc.enrolTotp, { password })
    expect(secret).not.toBe(first)
    expect(await refusal(ask(auth.rpc.enrolTotp, { code: wrongFor(secret!) }))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { type: 'mfa_invalid', errors: [{ path: 'code' }] },
    })
    expect(await ask(auth.rpc.getMe, {})).toMatchObject({ mfa_enabled: false })
  })

  test('is refused while one is in force, in both steps', async () => {
    const { ask, secret } = await withApp()
    for (const again of [{ password }, { code: codeOf(secret) }])
      await expect(ask(auth.rpc.enrolTotp, again)).rejects.toMatchObject({ code: 'CONFLICT' })
  })

  test('neither a secret nor a recovery code can be read in the database', async () => {
    const { secret, recoveryCodes } = await withApp()
    const [row] = await world.sql(
      "select (select string_agg(t::text, ' ') from totps t) || (select string_agg(r::text, ' ') from recovery_codes r) as all",
    )
    expect(row!.all).toContain('v1.')
    for (const shown of [secret, recoveryCodes[0]!, recoveryCodes[0]!.replaceAll('-', '')])
      expect(row!.all).not.toContain(shown)
  })
})

describe('signing in with an app', () => {
  test('needs the password first: who does not know it is not told that there is an app', async () => {
    const { email, secret } = await withApp()
    const wrong = await refusal(world.login(email, { password: 'wrong', otp: codeOf(secret) }))
    expect(wrong).toEqual(await refusal(world.login(freshEmail(), { password: 'wrong', otp: '123456' })))
  })

  test('needs its code, which works once', async () => {
    const { email, secret } = await withApp()
    const otp = codeOf(secret)
    expect(await refusal(world.login(email))).toMatchObject(required)
    expect(await refusal(world.login(email, { otp: wrongFor(secret) }))).toMatchObject(invalid)
    expect((await world.login(email, { otp })).user.email).toBe(email)
    expect(await refusal(world.login(email, { otp, address: '192.0.2.2' }))).toMatchObject(invalid)
    world.pass(STEP_MS)
    expect((await world.login(email, { otp: codeOf(secret) })).user.email).toBe(email)
  })

  test('refuses a code of a step before one that was used, and the code that confirmed the app', async () => {
    const person = await member()
    const { secret } = await person.ask(auth.rpc.enrolTotp, { password })
    const confirming = codeOf(secret!)
    await person.ask(auth.rpc.enrolTotp, { code: confirming })
    expect(await refusal(world.login(person.email, { otp: confirming }))).toMatchObject(invalid)
    await world.login(person.email, { otp: codeOf(secret!, STEP_MS) })
    expect(await refusal(world.login(person.email, { otp: confirming }))).toMatchObject(invalid)
  })

  test('of many sign-ins at once with one code exactly one succeeds', async () => {
    const { email, secret } = await withApp()
    const otp = codeOf(secret)
    const all = await Promise.allSettled(
      Array.from({ length: 50 }, (_, i) => world.login(email, { otp, address: `198.51.100.${i}` })),
    )
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  test('takes each recovery code once, however it is typed, for one of many at once', async () => {
    const { email, recoveryCodes } = await withApp()
    const [first = '', second = ''] = recoveryCodes
    expect((await world.login(email, { otp: first })).user.email).toBe(email)
    expect(await refusal(world.login(email, { otp: first }))).toMatchObject(invalid)
    const typed = ` ${second.toLowerCase().replaceAll('-', ' ')}`
    const all = await Promise.allSettled(
      Array.from({ length: 4 }, (_, i) => world.login(email, { otp: typed, address: `198.51.100.${i}` })),
    )
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  test('refuses another person’s recovery code', async () => {
    const [one, other] = [await withApp(), await withApp()]
    expect(await refusal(world.login(one.email, { otp: other.recoveryCodes[0]! }))).toMatchObject(invalid)
    expect((await world.login(other.email, { otp: other.recoveryCodes[0]! })).user.id).toBe(other.id)
  })

  test('takes five wrong codes in fifteen minutes from wherever, then not even the right one', async () => {
    const { email, secret } = await withApp()
    for (let i = 0; i < 5; i++) {
      const otp = wrongFor(secret)
      expect(await refusal(world.login(email, { otp, address: `192.0.2.${i}` }))).toMatchObject(invalid)
    }
    const refused = await refusal(world.login(email, { otp: codeOf(secret), address: '203.0.113.1' }))
    expect(refused).toMatchObject({ code: 'RATE_LIMITED' })
    expect(refused.details.retry_after_ms).toBeGreaterThan(14 * 60_000)
    const neighbour = await withApp()
    expect((await world.login(neighbour.email, { otp: codeOf(neighbour.secret) })).user.id).toBe(neighbour.id)
  })

  test('is not locked by strangers, who do not know the password', async () => {
    const { email, secret } = await withApp()
    for (let i = 0; i < 8; i++)
      await refusal(world.login(email, { password: 'wrong', otp: '000000', address: `192.0.2.${i}` }))
    expect((await world.login(email, { otp: codeOf(secret), address: '203.0.113.1' })).user.email).toBe(email)
  })

  test('begins to count anew after a success', async () => {
    const { email, secret } = await withApp()
    for (let i = 0; i < 4; i++) await refusal(world.login(email, { otp: wrongFor(secret) }))
    await world.login(email, { otp: codeOf(secret) })
    for (let i = 0; i < 4; i++)
      expect(await refusal(world.login(email, { otp: wrongFor(secret) }))).toMatchObject(invalid)
  })

  test('the right password without a code does not give more tries to sign in', async () => {
    const { email, secret } = await withApp()
    for (let i = 0; i < 5; i++) expect(await refusal(world.login(email))).toMatchObject(required)
    expect(await refusal(world.login(email, { otp: codeOf(secret) }))).toMatchObject({ code: 'RATE_LIMITED' })
  })

  test('is asked for after a reset of the password, too', async () => {
    const { email, secret } = await withApp()
    await world.anonymous(auth.rpc.requestOtp, { email, purpose: 'reset_password' })
    const code = await world.code(email, 'reset_password')
    const { reset_token } = await world.anonymous(auth.rpc.verifyOtp, {
      ...{ email, purpose: 'reset_password', code },
    })
    const new_password = 'another pass phrase'
    await world.anonymous(auth.rpc.resetPassword, { reset_token: reset_token!, new_password })
    expect(await refusal(world.login(email, { password: new_password }))).toMatchObject(required)
    const again = await world.login(email, { password: new_password, otp: codeOf(secret) })
    expect(again.user.email).toBe(email)
  })
})

describe('removing an app, and new recovery codes', () => {
  test('need password and code, and an app', async () => {
    const { ask, secret } = await withApp()
    for (const def of [auth.rpc.removeTotp, auth.rpc.renewRecoveryCodes]) {
      expect(await refusal(ask(def, { password: 'wrong', otp: codeOf(secret) }))).toMatchObject({
        details: { type: 'password_wrong' },
      })
      expect(await refusal(ask(def, { password, otp: wrongFor(secret) }))).toMatchObject({
        code: 'PERMISSION_DENIED',
        details: { type: 'mfa_invalid' },
      })
      const without = await member()
      await expect(without.ask(def, { password, otp: '123456' })).rejects.toMatchObject({ code: 'CONFLICT' })
    }
    expect(await ask(auth.rpc.getMe, {})).toMatchObject({ mfa_enabled: true })
  })

  test('removing it lets the password alone sign in again, ends the other sessions, and is mailed', async () => {
    const { email, session, ask, secret, recoveryCodes } = await withApp()
    const other = await world.login(email, { otp: recoveryCodes[0]! })
    await ask(auth.rpc.removeTotp, { password, otp: codeOf(secret) })
    expect((await world.mail(email, 'mfa_changed', 2)).mail.enabled).toBe(false)
    expect(await world.isOpen(other.access_token)).toBe(false)
    expect(await world.isOpen(session.access_token)).toBe(true)
    expect(await ask(auth.rpc.getMe, {})).toMatchObject({ mfa_enabled: false })
    expect((await world.login(email)).user.email).toBe(email)
    expect(await ask(auth.rpc.enrolTotp, { password })).toMatchObject({ enabled: false })
  })

  test('new recovery codes end the old ones, and are mailed', async () => {
    const { email, ask, secret, recoveryCodes } = await withApp()
    const { recovery_codes } = await ask(auth.rpc.renewRecoveryCodes, { password, otp: codeOf(secret) })
    expect(recovery_codes).toHaveLength(10)
    await world.mail(email, 'mfa_changed', 2)
    expect(await refusal(world.login(email, { otp: recoveryCodes[0]! }))).toMatchObject(invalid)
    expect((await world.login(email, { otp: recovery_codes[0]! })).user.email).toBe(email)
  })
})
