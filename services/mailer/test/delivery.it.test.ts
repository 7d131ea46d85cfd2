import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { auth } from '@mcpshield/contracts/auth'
import type { MailJob } from '@mcpshield/contracts/mailer'
import { mailer } from '@mcpshield/contracts/mailer'
import { startMailServer, unusedPort, type MailServer } from './mail-server.ts'
import { codeJob, everything, startWorld, type World } from './world.ts'

let stack: AsyncDisposableStack
let world: World
let server: MailServer
beforeEach(async () => {
  stack = new AsyncDisposableStack()
  world = stack.use(await startWorld())
  server = stack.use(await startMailServer())
})
afterEach(() => stack.disposeAsync())

const startMailer = async (timeoutMs?: number) =>
  void stack.use(await world.startMailer(server.url, timeoutMs))
const stateOf = (job: MailJob) => async () => (await world.rows(job.id)).map(({ state }) => state)
const slow = { timeout: 20_000 }

test('a mail arrives as text and HTML, from us, with an id that follows from its job', async () => {
  await startMailer()
  const job = codeJob('ada@example.org')
  await world.ask(job)
  await expect.poll(stateOf(job), slow).toEqual(['sent'])
  expect(server.mails).toHaveLength(1)
  const [mail] = server.mails
  expect(mail?.from?.text).toBe('"MCPShield" <noreply@mcpshield.example>')
  expect(mail?.text).toContain('424242')
  expect(mail?.html).toContain('424242')
  expect(mail?.messageId).toMatch(new RegExp(`^<${job.id}\\.[0-9a-f]{16}@mcpshield\\.example>$`))
  expect(mail?.headers.get('auto-submitted')).toBe('auto-generated')
  await expect.poll(world.waiting, slow).toBe(0)
})

test('the table says neither who nor what', async () => {
  await startMailer()
  const job = codeJob('ada@example.org')
  server.script('ada@example.org', { rcpt: 550 })
  await world.ask(job)
  await expect.poll(stateOf(job), slow).toEqual(['dead'])
  expect(JSON.stringify(await world.rows(job.id))).not.toMatch(/ada|example\.org|424242/)
})

test('200 jobs, each asked for three times in different ways, are 200 mails', async () => {
  const jobs = Array.from({ length: 200 }, (_, at) => codeJob(`p${at}@example.org`))
  for (let at = 0; at < jobs.length; at += 50)
    await Promise.all(jobs.slice(at, at + 50).map((job) => world.ask(job, job.id)))
  await startMailer()
  // A repeated id is dropped by the stream; another id of the same job is for us to see.
  await Promise.all(jobs.map((job) => world.ask(job, job.id)))
  await Promise.all(jobs.map((job) => world.ask(job)))
  await expect.poll(world.waiting, { timeout: 50_000 }).toBe(0)
  const arrived = server.mails.map(({ to }) => [to].flat()[0]?.text)
  expect(arrived).toHaveLength(200)
  expect(new Set(arrived).size).toBe(200)
})

test('two mailers share the work, and each mail is sent once', async () => {
  const jobs = Array.from({ length: 60 }, (_, at) => codeJob(`p${at}@example.org`))
  await Promise.all(jobs.flatMap((job) => [world.ask(job), world.ask(job)]))
  await startMailer()
  await startMailer()
  await expect.poll(world.waiting, { timeout: 50_000 }).toBe(0)
  expect(server.mails).toHaveLength(60)
})

test('one event is one mail for each recipient', async () => {
  await startMailer()
  const job = codeJob('ada@example.org')
  const other = { ...job, to: { email: 'grace@example.org' } }
  await world.ask(job)
  await world.ask(other)
  await expect.poll(stateOf(job), slow).toEqual(['sent', 'sent'])
  expect(server.mails).toHaveLength(2)
})

test('an address that is refused for good is a dead letter at once', async () => {
  await startMailer()
  const job = codeJob('gone@example.org')
  server.script('gone@example.org', { rcpt: 550 })
  await world.ask(job)
  await expect.poll(async () => (await world.letters()).length, slow).toBe(1)
  const [letter] = await world.letters()
  expect(letter).toMatchObject({ subject: 'job.mailer.send', summary: 'verify_email to g…@example.org' })
  expect(letter?.reason).toMatch(/^550 /)
  expect(JSON.stringify(letter)).not.toMatch(/424242|ada@|gone@/)
  expect(server.attempts('gone@example.org')).toBe(1)
  expect(await world.waiting()).toBe(0)
})

test('a refusal at the end of the mail is as definite', async () => {
  await startMailer()
  const job = codeJob('spam@example.org')
  server.script('spam@example.org', { data: 554 })
  await world.ask(job)
  await expect.poll(stateOf(job), slow).toEqual(['dead'])
  expect(server.attempts('spam@example.org')).toBe(1)
})

test('“not now” is tried again after a pause, and then arrives once', async () => {
  await startMailer()
  const job = codeJob('grey@example.org')
  server.script('grey@example.org', { rcpt: 451 })
  await world.ask(job)
  await expect.poll(stateOf(job), slow).toEqual(['waiting'])
  expect(await world.rows(job.id)).toMatchObject([{ tries: 1 }])
  await expect.poll(stateOf(job), slow).toEqual(['sent'])
  expect(server.attempts('grey@example.org')).toBe(2)
  expect(server.mails).toHaveLength(1)
})

test('“not now” for a mail that would expire meanwhile is the end of it', async () => {
  await startMailer()
  const job = codeJob('grey@example.org', { expires_at: new Date(Date.now() + 3_000).toISOString() })
  server.script('grey@example.org', { data: 451 })
  await world.ask(job)
  await expect.poll(stateOf(job), slow).toEqual(['dead'])
  expect((await world.letters())[0]?.reason).toContain('expires before the next try')
})

test('a connection that is cut before the mail is handed over is no arrival: it is tried again', async () => {
  await startMailer()
  const job = codeJob('cut@example.org')
  server.script('cut@example.org', 'drop at rcpt')
  await world.ask(job)
  await expect.poll(stateOf(job), slow).toEqual(['sent'])
  expect(server.mails).toHaveLength(1)
})

test.for(['drop in data', 'take and drop'] as const)(
  'a connection that is cut while the mail is handed over (%s) is left to an operator, whose replay sends it',
  async (conduct) => {
    await startMailer()
    const job = codeJob('cut@example.org')
    server.script('cut@example.org', conduct)
    await world.ask(job)
    await expect.poll(async () => (await world.letters()).length, slow).toBe(1)
    const [letter] = await world.letters()
    expect(letter?.reason).toContain('it may have arrived')
    const before = server.mails.length
    // Asked for once more by its service: it stays with the operator.
    await world.ask(job)
    await expect.poll(world.waiting, slow).toBe(0)
    expect(server.attempts('cut@example.org')).toBe(1)
    await world.replay(letter?.id ?? 0)
    await expect.poll(stateOf(job), slow).toEqual(['sent'])
    expect(server.mails).toHaveLength(before + 1)
    expect(await world.letters()).toEqual([])
    if (conduct === 'take and drop') expect(server.mails[0]?.messageId).toBe(server.mails[1]?.messageId)
  },
)

test('a server that takes the mail and never answers is given up, and not sent the mail again', async () => {
  await startMailer(1_000)
  const job = codeJob('hang@example.org')
  server.script('hang@example.org', 'hang')
  await world.ask(job)
  await expect.poll(stateOf(job), slow).toEqual(['dead'])
  expect(server.attempts('hang@example.org')).toBe(1)
})

test('a slow server holds up neither its mail nor the mails of others', async () => {
  await startMailer()
  const job = codeJob('slow@example.org')
  server.script('slow@example.org', { slowMs: 4_000 })
  await world.ask(job)
  await server.receiving
  const quick = codeJob('quick@example.org')
  await world.ask(quick)
  await expect.poll(stateOf(quick), { timeout: 3_000 }).toEqual(['sent'])
  expect(await stateOf(job)()).toEqual(['sending'])
  await expect.poll(stateOf(job), slow).toEqual(['sent'])
})

test('many mails that wait to be tried again do not hold up the mail of others', async () => {
  await startMailer()
  const refused = Array.from({ length: 100 }, (_, at) => codeJob(`grey${at}@example.org`))
  for (const { to } of refused)
    server.script('email' in to ? to.email : '', ...Array.from({ length: 9 }, () => ({ rcpt: 451 })))
  await Promise.all(refused.map((job) => world.ask(job)))
  await expect.poll(() => server.attempts('grey99@example.org'), slow).toBeGreaterThan(0)
  const quick = codeJob('quick@example.org')
  await world.ask(quick)
  await expect.poll(stateOf(quick), { timeout: 4_000 }).toEqual(['sent'])
})

test('a mail server that is away costs no tries; what waited is sent once it is there', async () => {
  const port = await unusedPort()
  stack.use(await world.startMailer(`smtp://127.0.0.1:${port}`))
  const jobs = Array.from({ length: 20 }, (_, at) => codeJob(`p${at}@example.org`))
  await Promise.all(jobs.map((job) => world.ask(job)))
  // One of them finds that nobody is there; while that is known, the others are not even begun.
  const states = async () => (await Promise.all(jobs.map((job) => stateOf(job)()))).flat()
  await expect.poll(states, slow).toContain('waiting')
  const health = await world.gateway.call(mailer.rpc.checkHealth, {})
  expect(health).toMatchObject({ ok: false, dependencies: { smtp: { ok: false }, postgres: { ok: true } } })
  const late = stack.use(await startMailServer(port))
  await expect.poll(world.waiting, { timeout: 40_000 }).toBe(0)
  expect(late.mails).toHaveLength(20)
  expect(await world.letters()).toEqual([])
})

test('what has expired is not sent', async () => {
  await startMailer()
  const job = codeJob('ada@example.org', { expires_at: new Date(Date.now() - 1_000).toISOString() })
  await world.ask(job)
  await expect.poll(stateOf(job), slow).toEqual(['skipped'])
  expect(server.attempts('ada@example.org')).toBe(0)
})

test('a person’s mail goes to the address that is theirs when it is sent, by name', async () => {
  const user_id = randomUUID()
  world.people.set(user_id, { email: 'new@example.org', first_name: 'Ada', notifications: everything })
  await startMailer()
  const time = new Date().toISOString()
  const job: MailJob = { id: randomUUID(), to: { user_id }, mail: { template: 'password_changed', time } }
  await world.ask(job)
  await expect.poll(stateOf(job), slow).toEqual(['sent'])
  expect(server.attempts('new@example.org')).toBe(1)
  expect(server.mails[0]?.text).toContain('Hello Ada,')
})

test('while nobody can say whose address it is, the mail waits, and costs no tries', async () => {
  const user_id = randomUUID()
  world.people.set(user_id, { email: 'ada@example.org', first_name: 'Ada', notifications: everything })
  world.authFails(2)
  await startMailer()
  const time = new Date().toISOString()
  const job: MailJob = { id: randomUUID(), to: { user_id }, mail: { template: 'password_changed', time } }
  await world.ask(job)
  await expect.poll(stateOf(job), slow).toEqual(['sent'])
  expect(await world.rows(job.id)).toMatchObject([{ tries: 0 }])
  expect(server.mails).toHaveLength(1)
})

test('a mail that the person has switched off is skipped; one that keeps the account safe is not', async () => {
  const user_id = randomUUID()
  const off = { ...everything, plan_limit_near: false }
  world.people.set(user_id, { email: 'ada@example.org', first_name: 'Ada', notifications: off })
  await startMailer()
  const limit = { organization: 'Acme', month: '2026-03', count: 8_000, limit: 10_000 }
  const ask = async (mail: MailJob['mail']) => {
    const job: MailJob = { id: randomUUID(), to: { user_id }, mail }
    await world.ask(job)
    return job
  }
  const near = await ask({ template: 'plan_limit_near', ...limit })
  const reached = await ask({ template: 'plan_limit_reached', ...limit })
  const changed = await ask({ template: 'mfa_changed', time: new Date().toISOString(), enabled: false })
  await expect.poll(stateOf(near), slow).toEqual(['skipped'])
  await expect.poll(stateOf(reached), slow).toEqual(['sent'])
  await expect.poll(stateOf(changed), slow).toEqual(['sent'])
  expect(server.mails).toHaveLength(2)
})

test('a person who is gone gets nothing, and their dead letters go with them', async () => {
  await startMailer()
  const gone = { user_id: randomUUID(), email: 'gone@example.org' }
  const unknown: MailJob = {
    id: randomUUID(),
    to: { user_id: gone.user_id },
    mail: { template: 'password_changed', time: new Date().toISOString() },
  }
  await world.ask(unknown)
  await expect.poll(stateOf(unknown), slow).toEqual(['skipped'])
  server.script('gone@example.org', { rcpt: 550 })
  server.script('other@example.org', { rcpt: 550 })
  await world.ask(codeJob('gone@example.org'))
  await world.ask(codeJob('other@example.org'))
  await expect.poll(async () => (await world.letters()).length, slow).toBe(2)
  await world.auth.publish(auth.evt.userDeleted, gone, randomUUID())
  await expect
    .poll(async () => (await world.letters()).map(({ summary }) => summary), slow)
    .toEqual(['verify_email to o…@example.org'])
})

test('what is not a job is a dead letter, and stops nobody', async () => {
  await startMailer()
  const raw = await world.bus.raw('auth')
  raw.publish('job.mailer.send', 'not even JSON')
  raw.publish('job.mailer.send', '{"id":"1"}')
  await raw.drain()
  const job = codeJob('ada@example.org')
  await world.ask(job)
  await expect.poll(stateOf(job), slow).toEqual(['sent'])
  await expect
    .poll(async () => (await world.letters()).map(({ reason, summary }) => [reason, summary]), slow)
    .toEqual(Array(2).fill(['not a job of this contract', 'not a mail']))
})

test('nobody but the operator sees or replays dead letters', async () => {
  await startMailer()
  const callers = [
    { kind: 'anonymous', address: '127.0.0.1' },
    { kind: 'user', user_id: randomUUID(), org_id: randomUUID(), role: 'owner', session_id: 's' },
  ] as const
  for (const caller of callers) {
    const refused = { code: 'UNAUTHENTICATED' }
    await expect(world.gateway.call(mailer.rpc.listDeadLetters, {}, { caller })).rejects.toMatchObject(
      refused,
    )
    await expect(
      world.gateway.call(mailer.rpc.replayDeadLetter, { id: 1 }, { caller }),
    ).rejects.toMatchObject(refused)
  }
  await expect(world.replay(12_345)).rejects.toMatchObject({ code: 'NOT_FOUND' })
})
