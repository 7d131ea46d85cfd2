import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { auth } from '@mcpshield/contracts/auth'
import { freshEmail, password, refusal, startWorld, type World } from './world.ts'

let world: World

beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world[Symbol.asyncDispose]())
beforeEach(() => Object.assign(world.departure, { needed_by: [], fails: false }))

const HOUR_MS = 3_600_000
const other = 'another pass phrase'
const wrongPassword = { code: 'PERMISSION_DENIED', details: { type: 'password_wrong' } }

async function member() {
  const { email, id } = await world.person()
  const session = await world.login(email)
  return { email, id, session, ask: world.as(session.access_token) }
}
const verify = (email: string, code: string) =>
  world.anonymous(auth.rpc.verifyOtp, { email, purpose: 'verify_email', code })

describe('the profile', () => {
  test('shows what was changed, and keeps what was not given', async () => {
    const { ask, id, email } = await member()
    expect(await ask(auth.rpc.getMe, {})).toMatchObject({
      ...{ id, email, company: null, bio: null, pending_email: null, mfa_enabled: false },
    })
    await ask(auth.rpc.updateMe, { company: 'Engines', website_url: 'https://example.com/ada' })
    const changed = await ask(auth.rpc.updateMe, { first_name: 'Augusta', company: null })
    expect(changed).toMatchObject({
      ...{ first_name: 'Augusta', last_name: 'L', company: null, website_url: 'https://example.com/ada' },
    })
    expect(await ask(auth.rpc.getMe, {})).toEqual(changed)
  })

  test('tells of changed names, and not of a changed profile', async () => {
    const { ask, id } = await member()
    await ask(auth.rpc.updateMe, { bio: 'Programs.\nAnd \ud800 notes.', first_name: 'Ada' })
    await ask(auth.rpc.updateMe, { last_name: 'Lovelace' })
    await expect.poll(() => world.toldOf(id)).toEqual(['userRegistered', 'userChanged'])
  })

  test.for([
    ['javascript: address', { website_url: 'javascript:alert(1)' }, 'website_url'],
    ['name of two lines', { first_name: 'Ada\nBcc: x' }, 'first_name'],
    ['name with a tag', { last_name: '<b>L' }, 'last_name'],
    ['text with a NUL', { bio: 'a\0b' }, 'bio'],
    ['web address with a NUL', { website_url: 'https://example.com/\0' }, 'website_url'],
    ['company of two lines', { company: 'Engines\nLtd' }, 'company'],
    ['field that is not there', { is_email_verified: true }, 'is_email_verified'],
  ] as const)('a %s is refused by field', async ([, input, path]) => {
    const { ask } = await member()
    const refused = await refusal(ask(auth.rpc.updateMe, input as never))
    expect(refused).toMatchObject({ code: 'INVALID_ARGUMENT', details: { errors: [{ path }] } })
  })

  test('whoever does not exist any more is not signed in', async () => {
    const { ask, id } = await member()
    await world.sql('delete from users where id = $1', [id])
    for (const asked of [ask(auth.rpc.getMe, {}), ask(auth.rpc.updateMe, { bio: 'x' })])
      await expect(asked).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })
})

describe('mails that one may do without', () => {
  test('are all wanted until one is switched off, which the mailer sees', async () => {
    const { ask, id, email } = await member()
    const all = {
      ...{ plan_limit_near: true, plan_limit_reached: true, pending_approval: true, quarantined_tool: true },
    }
    expect(await ask(auth.rpc.getNotifications, {})).toEqual(all)
    await ask(auth.rpc.setNotifications, { pending_approval: false })
    const chosen = await ask(auth.rpc.setNotifications, { plan_limit_near: false })
    expect(chosen).toEqual({ ...all, pending_approval: false, plan_limit_near: false })
    await using mailer = await world.nats.connect('mailer')
    expect(await mailer.call(auth.rpc.getRecipient, { user_id: id })).toEqual({
      ...{ email, first_name: 'Ada', notifications: chosen },
    })
    await expect(mailer.call(auth.rpc.getRecipient, { user_id: randomUUID() })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
  })

  test('those that keep an account safe cannot be switched off', async () => {
    const { ask } = await member()
    await expect(ask(auth.rpc.setNotifications, { password_changed: false } as never)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
  })
})

describe('changing the password', () => {
  test('ends every session, this one too, and mails it', async () => {
    const { email, session, ask } = await member()
    const second = await world.login(email)
    await ask(auth.rpc.changePassword, { current_password: password, new_password: other })
    for (const { access_token, refresh_token } of [session, second]) {
      expect(await world.isOpen(access_token)).toBe(false)
      await expect(world.refresh(refresh_token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    }
    await world.mail(email, 'password_changed')
    await expect(world.login(email)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    expect((await world.login(email, { password: other })).user.email).toBe(email)
  })

  test('needs the present one: a wrong one is a 403 that changes nothing', async () => {
    const { email, session, ask } = await member()
    const asked = ask(auth.rpc.changePassword, { current_password: 'wrong', new_password: other })
    expect(await refusal(asked)).toMatchObject(wrongPassword)
    expect(await world.isOpen(session.access_token)).toBe(true)
    expect((await world.login(email)).user.email).toBe(email)
  })

  test('to a common one, or to the address, is refused by field', async () => {
    const { email, ask } = await member()
    for (const new_password of ['qwerty123456', email])
      expect(
        await refusal(ask(auth.rpc.changePassword, { current_password: password, new_password })),
      ).toMatchObject({ code: 'INVALID_ARGUMENT', details: { errors: [{ path: 'new_password' }] } })
  })

  test('the sixth wrong password in a session is refused, whatever it was asked for; four and the right one are not', async () => {
    const { ask } = await member()
    for (let i = 0; i < 4; i++)
      expect(await refusal(ask(auth.rpc.deleteMe, { password: 'wrong' }))).toMatchObject(wrongPassword)
    expect(await ask(auth.rpc.enrolTotp, { password })).toMatchObject({ enabled: false })
    const tries = [
      () => ask(auth.rpc.changePassword, { current_password: 'wrong', new_password: other }),
      () => ask(auth.rpc.changeEmail, { email: freshEmail(), password: 'wrong' }),
      () => ask(auth.rpc.enrolTotp, { password: 'wrong' }),
      () => ask(auth.rpc.removeTotp, { password: 'wrong', otp: '123456' }),
      () => ask(auth.rpc.renewRecoveryCodes, { password: 'wrong', otp: '123456' }),
    ]
    for (const wrong of tries) expect(await refusal(wrong())).toMatchObject(wrongPassword)
    const refused = await refusal(ask(auth.rpc.deleteMe, { password }))
    expect(refused).toMatchObject({ code: 'RATE_LIMITED' })
    expect(refused.details.retry_after_ms).toBeGreaterThan(14 * 60_000)
    const neighbour = await member()
    expect(await refusal(neighbour.ask(auth.rpc.deleteMe, { password: 'wrong' }))).toMatchObject(
      wrongPassword,
    )
  })
})

describe('changing the address', () => {
  test('holds once the code mailed to the new one is redeemed; the old one is told, sessions end', async () => {
    const { email, id, session, ask } = await member()
    const next = freshEmail()
    expect(await ask(auth.rpc.changeEmail, { email: next, password })).toEqual({ expires_in: 600 })
    const code = await world.code(next, 'verify_email')
    expect(await ask(auth.rpc.getMe, {})).toMatchObject({ email, pending_email: next })
    expect(world.mails(email)).toEqual([])
    expect(await verify(next, code)).toEqual({ verified: true })
    await world.mail(email, 'email_changed')
    expect(await world.isOpen(session.access_token)).toBe(false)
    await expect(world.login(email)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    const again = await world.login(next)
    expect(again.user.id).toBe(id)
    expect(await world.as(again.access_token)(auth.rpc.getMe, {})).toMatchObject({ pending_email: null })
    await expect.poll(() => world.toldOf(id)).toEqual(['userRegistered', 'userChanged'])
    expect(world.eventsOf(next)).toMatchObject([{ event: 'userChanged', person: { email: next } }])
  })

  test('to an address that is somebody’s is answered the same, and tells only that mailbox', async () => {
    const [{ ask, id }, taken] = [await member(), await world.person()]
    const answer = await ask(auth.rpc.changeEmail, { email: taken.email, password })
    expect(answer).toEqual({ expires_in: 600 })
    await world.mail(taken.email, 'address_in_use')
    expect(world.mails(taken.email, 'verify_email')).toEqual([])
    expect(await ask(auth.rpc.getMe, {})).toMatchObject({ pending_email: taken.email })
    expect((await world.login(taken.email)).user.id).not.toBe(id)
  })

  test('does not hold an address: who registers it meanwhile has it, and the code of the change is refused', async () => {
    const { email, ask } = await member()
    const next = freshEmail()
    await ask(auth.rpc.changeEmail, { email: next, password })
    const code = await world.code(next, 'verify_email')
    await world.person(next)
    expect(await refusal(verify(next, code))).toMatchObject({ details: { type: 'otp_invalid' } })
    expect((await world.login(email)).user.email).toBe(email)
    expect((await world.login(next)).user.first_name).toBe('Ada')
  })

  test('is not held up by a registration that nobody confirmed', async () => {
    const { id, ask } = await member()
    const next = freshEmail()
    await world.register(next, { password: other })
    await world.code(next, 'verify_email')
    await ask(auth.rpc.changeEmail, { email: next, password })
    expect(await verify(next, await world.code(next, 'verify_email', 2))).toEqual({ verified: true })
    expect((await world.login(next)).user.id).toBe(id)
  })

  test('the code can be asked for again, for an hour; and not once the change was dropped', async () => {
    const [{ ask, id }, dropped] = [await member(), await member()]
    const again = (email: string) => world.anonymous(auth.rpc.requestOtp, { email, purpose: 'verify_email' })
    const [next, never] = [freshEmail(), freshEmail()]
    await dropped.ask(auth.rpc.changeEmail, { email: never, password })
    await world.code(never, 'verify_email')
    await dropped.ask(auth.rpc.changeEmail, { email: dropped.email, password })
    await again(never)
    await ask(auth.rpc.changeEmail, { email: next, password })
    await world.code(next, 'verify_email')
    await again(next)
    await world.code(next, 'verify_email', 2)
    expect(world.mails(never)).toHaveLength(1)
    await world.sql(
      "update users set email_change_at = email_change_at - interval '61 minutes' where id = $1",
      [id],
    )
    expect(await ask(auth.rpc.getMe, {})).toMatchObject({ pending_email: null })
  })

  test('a newer change, and a changed password, void the code of an earlier one', async () => {
    const { email, ask } = await member()
    const [first, second] = [freshEmail(), freshEmail()]
    await ask(auth.rpc.changeEmail, { email: first, password })
    const firstCode = await world.code(first, 'verify_email')
    await ask(auth.rpc.changeEmail, { email: second, password })
    const secondCode = await world.code(second, 'verify_email')
    await expect(verify(first, firstCode)).rejects.toMatchObject({ details: { type: 'otp_invalid' } })
    await ask(auth.rpc.changePassword, { current_password: password, new_password: other })
    await expect(verify(second, secondCode)).rejects.toMatchObject({ details: { type: 'otp_invalid' } })
    expect((await world.login(email, { password: other })).user.email).toBe(email)
  })

  test('needs the password', async () => {
    const { ask } = await member()
    const next = freshEmail()
    expect(await refusal(ask(auth.rpc.changeEmail, { email: next, password: 'wrong' }))).toMatchObject(
      wrongPassword,
    )
    expect(await ask(auth.rpc.getMe, {})).toMatchObject({ pending_email: null })
  })
})

describe('deleting oneself', () => {
  test('leaves nothing of the person, tells it, and frees the address', async () => {
    const { email, id, session, ask } = await member()
    await ask(auth.rpc.enrolTotp, { password })
    await world.anonymous(auth.rpc.requestOtp, { email, purpose: 'reset_password' })
    const code = await world.code(email, 'reset_password')
    expect(await ask(auth.rpc.deleteMe, { password })).toEqual({})
    expect(await world.isOpen(session.access_token)).toBe(false)
    await expect(world.refresh(session.refresh_token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    for (const table of ['users', 'refresh_tokens', 'totps', 'recovery_codes', 'sign_in_clients'])
      expect(
        await world.sql(`select 1 from ${table} where ${table === 'users' ? 'id' : 'user_id'} = $1`, [id]),
      ).toEqual([])
    await expect.poll(() => world.toldOf(id)).toEqual(['userRegistered', 'userDeleted'])
    await expect(
      world.anonymous(auth.rpc.verifyOtp, { email, purpose: 'reset_password', code }),
    ).rejects.toMatchObject({ details: { type: 'otp_invalid' } })
    await expect.poll(async () => await world.sql('select 1 from outbox')).toEqual([])
    const left = await world.redis.keys(`*${id}*`)
    expect(left).toEqual([])
    expect((await world.person(email)).id).not.toBe(id)
  })

  test('is refused to the last owner of an organisation with members, which is named', async () => {
    const { session, id, ask } = await member()
    world.departure.needed_by = ['Engines']
    const refused = await refusal(ask(auth.rpc.deleteMe, { password }))
    expect(refused).toMatchObject({ code: 'CONFLICT', message: expect.stringContaining('Engines') })
    expect(await world.isOpen(session.access_token)).toBe(true)
    expect(world.toldOf(id)).not.toContain('userDeleted')
  })

  test('is refused while nobody can say whether the person is needed', async () => {
    const { session, ask } = await member()
    world.departure.fails = true
    await expect(ask(auth.rpc.deleteMe, { password })).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(await world.isOpen(session.access_token)).toBe(true)
    expect(await ask(auth.rpc.getMe, {})).toMatchObject({ first_name: 'Ada' })
  })

  test('needs the password', async () => {
    const { ask } = await member()
    expect(await refusal(ask(auth.rpc.deleteMe, { password: 'wrong' }))).toMatchObject(wrongPassword)
    expect(await ask(auth.rpc.getMe, {})).toMatchObject({ first_name: 'Ada' })
  })
})

test('an address that waits for its code is shown for an hour', async () => {
  const { ask } = await member()
  const next = freshEmail()
  await ask(auth.rpc.changeEmail, { email: next, password })
  expect(await ask(auth.rpc.getMe, {})).toMatchObject({ pending_email: next })
  world.pass(HOUR_MS)
  expect(await ask(auth.rpc.getMe, {})).toMatchObject({ pending_email: null })
})
