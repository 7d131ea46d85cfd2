// What people do from their first day to their last, over HTTP, with real mail.
import { randomUUID } from 'node:crypto'
import { generateSync } from 'otplib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { httpOf, type Http, type HttpAnswer } from './http.ts'
import { mailedCode, mailsTo, mailWith } from './mailbox.ts'
import { createMember, createPerson, send, type Person } from './people.ts'
import { startProduct, type Product } from './product.ts'

let product: Product
let http: Http

beforeAll(async () => {
  Object.assign(process.env, { TRUST_PROXY: 'loopback', MAIL_PORT: '21023' })
  product = await startProduct(21_020)
  http = httpOf(product.stack.api)
})
afterAll(() => product[Symbol.asyncDispose]())

const PASSWORD = 'orange-kettle-walks-27'
type Tokens = { access_token: string; refresh_token: string }

const post = (path: string, body: object, token?: string) =>
  http({ method: 'POST', path, body, ...(token === undefined ? {} : { token }) })
const get = (path: string, token: string) => http({ method: 'GET', path, token })
const login = (email: string, more: object = {}) =>
  post('/auth/login', { email, password: PASSWORD, ...more })
const typeOf = (answer: HttpAnswer) =>
  answer.json<{ type: string }>().type.replace('urn:mcpshield:error:', '')

async function tokens(email: string, more: object = {}): Promise<Tokens> {
  const answer = await login(email, more)
  expect(answer.status, answer.text).toBe(200)
  return answer.json<Tokens>()
}

describe('an account', () => {
  test('begins with a mailed code, and not before', async () => {
    const email = `new-${randomUUID()}@example.com`
    const names = { first_name: 'Ada', last_name: 'Lovelace' }
    expect((await post('/auth/register', { email, password: PASSWORD, ...names })).status).toBe(201)
    const code = await mailedCode(product.stack, email)
    const early = await login(email)
    expect([early.status, typeOf(early)]).toEqual([403, 'email_not_verified'])
    const otp = { email, purpose: 'verify_email' }
    expect((await post('/auth/otp/verify', { ...otp, code: wrongOf(code) })).status).toBe(400)
    const verified = await post('/auth/otp/verify', { ...otp, code })
    expect(verified.json()).toEqual({ verified: true })
    expect((await post('/auth/otp/verify', { ...otp, code })).status).toBe(400)
    const { access_token } = await tokens(email)
    await expect.poll(async () => (await get('/organization', access_token)).status).toBe(200)
    expect((await get('/me', access_token)).json()).toMatchObject({ email, ...names, mfa_enabled: false })
    expect((await get('/organization', access_token)).json()).toMatchObject({ role: 'owner', current: true })
  })

  test('answers the same to a known and to an unknown address, and tells only the mailbox', async () => {
    const known = await createPerson(product.stack, http)
    const unknown = `nobody-${randomUUID()}@example.com`
    const ask = async (email: string) => {
      const register = { email, password: PASSWORD, first_name: 'A', last_name: 'B' }
      const answers = [
        await post('/auth/register', register),
        await post('/auth/otp/request', { email, purpose: 'reset_password' }),
        await post('/auth/otp/verify', { email, purpose: 'reset_password', code: '000000' }),
        await login(email, { password: 'not the password at all' }),
      ]
      return answers.map(({ status, text }) => [status, text.replace(email, '').replace(/"request_id.*/, '')])
    }
    expect(await ask(known.email)).toEqual(await ask(unknown))
    await mailWith(product.stack, known.email, ({ Text }) => (/already/i.test(Text) ? true : undefined))
  })

  test('is kept by exchanging a refresh token once; used twice it ends the session', async () => {
    const { email } = await createPerson(product.stack, http)
    const first = await tokens(email)
    const refresh = (refresh_token: string) => post('/auth/refresh', { refresh_token })
    const second = (await refresh(first.refresh_token)).json<Tokens>()
    expect((await get('/me', second.access_token)).status).toBe(200)
    expect((await refresh(first.refresh_token)).status).toBe(401)
    expect((await refresh(second.refresh_token)).status).toBe(401)
    expect((await get('/me', second.access_token)).status).toBe(401)
  })

  test('a forgotten password is replaced with a mailed code, and everything opened with the old one ends', async () => {
    const { email, token } = await createPerson(product.stack, http)
    await post('/auth/otp/request', { email, purpose: 'reset_password' })
    const code = await mailedCode(product.stack, email)
    const granted = await post('/auth/otp/verify', { email, purpose: 'reset_password', code })
    const { reset_token } = granted.json<{ reset_token: string }>()
    const new_password = 'seven-lanterns-over-water'
    expect((await post('/auth/password/reset', { reset_token, new_password })).status).toBe(204)
    expect((await post('/auth/password/reset', { reset_token, new_password })).status).toBe(400)
    expect((await get('/me', token)).status).toBe(401)
    expect((await login(email)).status).toBe(401)
    expect((await login(email, { password: new_password })).status).toBe(200)
  })

  test('asks for the authenticator app once it is set up, and takes each code once', async () => {
    const { email, token } = await createPerson(product.stack, http)
    expect((await post('/me/mfa/totp', { password: 'wrong password' }, token)).status).toBe(403)
    const begun = await send<{ secret: string }>(http, token, 'POST', '/me/mfa/totp', { password: PASSWORD })
    expect((await login(email)).status).toBe(200)
    const code = generateSync({ secret: begun.secret })
    const { recovery_codes } = await send<{ recovery_codes: string[] }>(http, token, 'POST', '/me/mfa/totp', {
      code,
    })
    const without = await login(email)
    expect([without.status, typeOf(without)]).toEqual([401, 'mfa_required'])
    const replayed = await login(email, { otp: code })
    expect([replayed.status, typeOf(replayed)]).toEqual([401, 'mfa_invalid'])
    expect((await login(email, { otp: recovery_codes[0] })).status).toBe(200)
    expect((await login(email, { otp: recovery_codes[0] })).status).toBe(401)
    await mailWith(product.stack, email, ({ Text }) => (/authenticator/i.test(Text) ? true : undefined))
  })

  test('shows where it is open, and ends one session or all of them at once', async () => {
    const { email } = await createPerson(product.stack, http)
    const [here, there] = [await tokens(email), await tokens(email)]
    const { items } = (await get('/me/sessions', here.access_token)).json<{
      items: { id: string; current: boolean }[]
    }>()
    const other = items.find(({ current }) => !current && items.length > 1)!
    const ended = await http({
      method: 'DELETE',
      path: `/me/sessions/${other.id}`,
      token: here.access_token,
    })
    expect(ended.status).toBe(204)
    expect((await get('/me', here.access_token)).status).toBe(200)
    expect((await http({ method: 'DELETE', path: '/me/sessions', token: here.access_token })).status).toBe(
      204,
    )
    for (const each of [here, there]) expect((await get('/me', each.access_token)).status).toBe(401)
  })

  test('moves to another address once that one is confirmed, and the old one is told', async () => {
    const { email, token } = await createPerson(product.stack, http)
    const next = `moved-${randomUUID()}@example.com`
    const change = { email: next, password: PASSWORD }
    expect((await http({ method: 'PUT', path: '/me/email', token, body: change })).status).toBe(202)
    const code = await mailedCode(product.stack, next)
    expect((await login(next)).status).toBe(401)
    expect((await post('/auth/otp/verify', { email: next, purpose: 'verify_email', code })).json()).toEqual({
      verified: true,
    })
    expect((await get('/me', token)).status).toBe(401)
    expect((await login(email)).status).toBe(401)
    expect((await login(next)).status).toBe(200)
    await mailWith(product.stack, email, ({ Subject }) => (/address/i.test(Subject) ? true : undefined))
  })
})

describe('an organisation', () => {
  test('has members by invitation; a right that is taken away is gone at the next request', async () => {
    const owner = await createPerson(product.stack, http)
    const member = await createMember(product.stack, http, owner, 'admin')
    const invite = () =>
      post('/organization/invitations', { email: `x-${randomUUID()}@example.com` }, member.token)
    expect((await invite()).status).toBe(201)
    const at = `/organization/members/${member.user_id}`
    await send(http, owner.token, 'PATCH', at, { role: 'viewer' })
    expect((await invite()).status).toBe(403)
    await send(http, owner.token, 'DELETE', at)
    const { items } = (await get('/organizations', member.token)).json<{ items: { role: string }[] }>()
    expect(items).toMatchObject([{ role: 'owner', current: true }])
    const last = await http({
      method: 'DELETE',
      path: `/organization/members/${owner.user_id}`,
      token: owner.token,
    })
    expect(last.status).toBe(409)
  })

  test('has as many projects as its plan; a larger plan holds at once, a smaller one waits', async () => {
    const { token } = await createPerson(product.stack, http)
    const project = (name: string) => post('/projects', { name }, token)
    const first = await project('first')
    expect(first.status).toBe(201)
    const refused = await project('second')
    expect([refused.status, typeOf(refused)]).toEqual([402, 'plan_limit_projects'])
    expect((await post('/billing/subscribe', { plan: 'pro', period: 'monthly' }, token)).status).toBe(200)
    expect((await project('second')).status).toBe(201)
    expect((await project('second')).status).toBe(409)
    const cancelled = await post('/billing/cancel', {}, token)
    expect([cancelled.status, typeOf(cancelled)]).toEqual([409, 'too_many_projects'])
    await send(http, token, 'DELETE', `/projects/${first.json<{ id: string }>().id}`)
    expect((await post('/billing/cancel', {}, token)).json()).toMatchObject({
      plan: { code: 'pro' },
      status: 'canceled',
      next_plan: 'free',
    })
    const { items } = (await get('/billing/history', token)).json<{
      items: { status: string; total: number; lines: { amount: number }[] }[]
    }>()
    expect(items[0]).toMatchObject({ status: 'draft', total: 2_900 })
    expect(items[0]!.lines.reduce((sum, { amount }) => sum + amount, 0)).toBe(2_900)
  })
})

describe('the record', () => {
  type Ingested = { accepted: number; duplicates: number; usage: { count: number; limit: number } }
  type Records = { items: Record<string, unknown>[]; next_cursor: string | null }

  async function withKey(person: Person) {
    const project = await send<{ id: string }>(http, person.token, 'POST', '/projects', {
      name: 'recorded',
      infrastructure: ['postgresql'],
    })
    const { api_key } = await send<{ api_key: string }>(
      http,
      person.token,
      'POST',
      `/projects/${project.id}/keys`,
      { name: 'reporter' },
    )
    await expect
      .poll(
        async () =>
          (await http({ method: 'GET', path: `/projects/${project.id}/policy`, key: api_key })).status,
      )
      .toBe(200)
    return { project, api_key }
  }
  const event = (tool: string, more: object = {}) => ({
    event_id: randomUUID(),
    type: 'policy_check',
    tool,
    decision: 'allow',
    timestamp: new Date().toISOString(),
    ...more,
  })
  const report = async (key: string, body: object) => {
    const answer = await http({ method: 'POST', path: '/events/ingest', key, body })
    expect(answer.status, answer.text).toBe(202)
    return answer.json<Ingested>()
  }

  test('takes reports once, a decision of ours reported again not at all, and adds them up', async () => {
    const owner = await createPerson(product.stack, http)
    const { project, api_key } = await withKey(owner)
    const one = event('=cmd|calc', { metadata: { note: 'a "quoted"\nline' } })
    expect(await report(api_key, one)).toMatchObject({ accepted: 1, usage: { count: 1, limit: 10_000 } })
    expect(await report(api_key, one)).toMatchObject({ accepted: 0, duplicates: 1, usage: { count: 1 } })
    const events = Array.from({ length: 500 }, (_, at) =>
      event(`tool-${at % 5}`, { decision: at % 2 === 0 ? 'allow' : 'deny' }),
    )
    expect(await report(api_key, { events: [...events, one] })).toMatchObject({
      accepted: 500,
      duplicates: 1,
    })
    const evaluated = await http({
      method: 'POST',
      path: '/policy/evaluate',
      key: api_key,
      body: { tool: 'postgres.query', arguments: { sql: 'select 1' } },
    })
    const { decision_id, decision } = evaluated.json<{ decision_id: string; decision: string }>()
    const again = event('postgres.query', { decision_id, decision })
    await report(api_key, again)
    await expect
      .poll(async () => (await get('/usage/monthly', owner.token)).json<Records>().items[0])
      .toMatchObject({ count: 502, limit: 10_000 })
    expect(await report(api_key, again)).toMatchObject({ accepted: 0, usage: { count: 502 } })
    const summary = async (by: string) =>
      (await get(`/usage/summary?days=1&group_by=${by}`, owner.token)).json<Records>().items
    expect(await summary('project')).toMatchObject([{ key: project.id, count: 502 }])
    expect((await summary('tool')).find(({ key }) => key === 'tool-3')).toMatchObject({ count: 100 })

    const found: unknown[] = []
    const readFrom = async (cursor: string | null): Promise<void> => {
      const query = new URLSearchParams({
        decision: 'deny',
        limit: '100',
        ...(cursor === null ? {} : { cursor }),
      })
      const page = (await get(`/audits?${query.toString()}`, owner.token)).json<Records>()
      found.push(...page.items.map(({ id }) => id))
      if (page.next_cursor !== null) await readFrom(page.next_cursor)
    }
    await readFrom(null)
    expect([found.length, new Set(found).size]).toEqual([250, 250])

    const lines = async (format: string) =>
      (await get(`/audits/export?format=${format}&project_id=${project.id}`, owner.token)).text
    const records = (await lines('jsonl'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { kind: string })
    expect(records.filter(({ kind }) => kind !== 'admin')).toHaveLength(502)
    expect(
      new Set(
        (await lines('ocsf'))
          .trim()
          .split('\n')
          .map((line) => (JSON.parse(line) as { class_uid: number }).class_uid),
      ),
    ).toEqual(new Set([6003]))
    expect(await lines('csv')).toContain("'=cmd|calc")
  })

  test('says who changed what, and goes with the project; a person’s name goes with the person', async () => {
    const owner = await createPerson(product.stack, http)
    const admin = await createMember(product.stack, http, owner, 'admin')
    const { project, api_key } = await withKey(admin)
    await report(api_key, event('a.tool'))
    const audits = async () => (await get('/audits', owner.token)).json<Records>().items
    await expect
      .poll(async () => (await audits()).map(({ kind, method }) => `${String(kind)} ${String(method)}`))
      .toEqual(expect.arrayContaining(['admin createProject', 'admin createKey', 'report tools/call']))
    expect((await audits()).find(({ method }) => method === 'createKey')).toMatchObject({
      user_id: admin.user_id,
      rule: 'admin',
    })
    await send(http, admin.token, 'DELETE', `/projects/${project.id}`)
    await expect
      .poll(async () => (await audits()).filter(({ kind }) => kind === 'report'), { timeout: 30_000 })
      .toEqual([])
    await expect.poll(async () => (await audits()).map(({ method }) => method)).toContain('deleteProject')
    expect(
      (await http({ method: 'POST', path: '/events/ingest', key: api_key, body: event('x') })).status,
    ).toBe(401)

    const wrong = await http({ method: 'DELETE', path: '/me', token: admin.token, body: { password: 'no' } })
    expect(wrong.status).toBe(403)
    await send(http, admin.token, 'DELETE', '/me', { password: PASSWORD })
    expect((await get('/me', admin.token)).status).toBe(401)
    expect((await login(admin.email)).status).toBe(401)
    const gone = async () => [
      JSON.stringify(await audits()).includes(admin.user_id),
      (await get('/organization/members', owner.token)).text.includes(admin.email),
    ]
    await expect.poll(gone, { timeout: 30_000 }).toEqual([false, false])
  })
})

test('an owner whom others need cannot be deleted before they hand over', async () => {
  const owner = await createPerson(product.stack, http)
  const member = await createMember(product.stack, http, owner, 'editor')
  const leave = () =>
    http({ method: 'DELETE', path: '/me', token: owner.token, body: { password: PASSWORD } })
  const refused = await leave()
  expect([refused.status, typeOf(refused)]).toEqual([409, 'owner_needed'])
  await send(http, owner.token, 'PATCH', `/organization/members/${member.user_id}`, { role: 'owner' })
  expect((await leave()).status).toBe(204)
  expect((await get('/organization', member.token)).json()).toMatchObject({ role: 'owner' })
})

test('what failed is for who runs the installation only', async () => {
  const person = await createPerson(product.stack, http)
  const list = (token?: string) =>
    http({ method: 'GET', path: '/admin/dead-letters', ...(token === undefined ? {} : { token }) })
  expect((await list()).status).toBe(401)
  expect((await list(person.token)).status).toBe(401)
  expect((await list('0'.repeat(64))).status).toBe(401)
  expect((await list(product.stack.operatorToken)).json()).toMatchObject({ next_cursor: null })
  const replay = await post('/admin/dead-letters/999999/replay', {}, product.stack.operatorToken)
  expect(replay.status).toBe(404)
})

test('one event gives one mail', async () => {
  const { email } = await createPerson(product.stack, http)
  await post('/auth/otp/request', { email, purpose: 'reset_password' })
  await mailedCode(product.stack, email)
  const codes = (await mailsTo(product.stack, email)).filter(({ Text }) => /^\s*\d{6}\s*$/m.test(Text))
  expect(codes).toHaveLength(1)
})

/** Another code of as many digits. */
function wrongOf(code: string): string {
  return code.replace(/\d$/, (last) => String((Number(last) + 1) % 10))
}
