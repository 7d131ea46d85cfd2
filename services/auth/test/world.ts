// The auth service on real stores, with one connection of each program that talks to it: the test is the gateway, the
// operator, the mailer and the projects service.
import { randomBytes, randomUUID } from 'node:crypto'
import { decodeJwt } from 'jose'
import { Redis } from 'ioredis'
import pg from 'pg'
import { expect } from 'vitest'
import type { Bus } from '@mcpshield/bus/connect'
import { auth } from '@mcpshield/contracts/auth'
import type { Caller } from '@mcpshield/contracts/caller'
import type { Input, Output, RpcDef } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import { consumption, type flow } from '@mcpshield/contracts/flow'
import { MailJob } from '@mcpshield/contracts/mailer'
import { projects } from '@mcpshield/contracts/projects'
import type { z } from 'zod'
import { migrateDb } from '@mcpshield/db/connect'
import { createLog } from '@mcpshield/runtime/log'
import { startTestBus, type TestBus } from '@mcpshield/testkit/bus'
import { freshRedis } from '@mcpshield/testkit/fresh'
import { freshSchema } from '@mcpshield/testkit/schema'
import { Config } from '../src/config.ts'
import { database } from '../src/entities.ts'
import { start } from '../src/start.ts'

type BusOf<N extends keyof typeof flow> = Bus<(typeof flow)[N]>
export type Job = z.infer<typeof MailJob>
type Template = Job['mail']['template']
type MailOf<T extends Template> = Extract<Job['mail'], { template: T }>

export const log = createLog('auth', { level: process.env.TEST_LOG_LEVEL ?? 'fatal' })
export const password = 'a long enough password'

let counter = 0
export const freshEmail = () => `person${++counter}.${randomBytes(3).toString('hex')}@example.com`
export const from = (address = '192.0.2.1', user_agent?: string): Caller => ({
  kind: 'anonymous',
  address,
  ...(user_agent === undefined ? {} : { user_agent }),
})
export const sessionOf = (token: string) => decodeJwt(token).sid as string
export const callerOf = (token: string): Caller => ({
  kind: 'user',
  user_id: decodeJwt(token).sub ?? '',
  org_id: randomUUID(),
  role: 'owner',
  session_id: sessionOf(token),
})
/** What a promise was refused with. */
export const refusal = async (promise: Promise<unknown>) => {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error as { code: string; message: string; details: Record<string, unknown> },
  )
  if (outcome === undefined) throw new Error('it was not refused')
  return { code: outcome.code, message: outcome.message, details: outcome.details }
}

export type World = Awaited<ReturnType<typeof startWorld>>

export async function startWorld() {
  await using stack = new AsyncDisposableStack()
  const nats = stack.use(await startTestBus())
  const schema = stack.use(await freshSchema('auth'))
  const redisUrl = stack.use(await freshRedis()).url
  await migrateDb(database(schema.url))
  const config = Config.parse({
    NATS_URL: nats.url,
    NATS_CREDS: nats.creds('auth'),
    DATABASE_URL: schema.url,
    REDIS_URL: redisUrl,
    MASTER_KEY: randomBytes(32).toString('hex'),
  })
  let aheadMs = 0
  const now = () => new Date(Date.now() + aheadMs)
  stack.use(await start(config, log, now))
  const gateway = stack.use(await nats.connect('rest-gateway'))
  const operator = stack.use(await nats.connect('operator'))
  const mailbox = await openMailbox(stack, nats)
  const told = await listen(stack, nats)
  const redis = new Redis(redisUrl)
  stack.defer(async () => void (await redis.quit()))
  const kept = stack.move()
  return {
    ...{ nats, schema, config, gateway, operator, redis, redisUrl, now },
    ...mailbox,
    ...told,
    ...clientOf(gateway, operator),
    /** Moves the service's clock. */
    pass: (ms: number) => void (aheadMs += ms),
    sql: (text: string, values: unknown[] = []) => query(schema.adminUrl, text, values),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

/** Endpoints as the gateway asks them, in few words. */
function clientOf(gateway: BusOf<'rest-gateway'>, operator: BusOf<'operator'>) {
  type Login = { password?: string; address?: string; agent?: string; remember?: boolean; otp?: string }
  const names = { first_name: 'Ada', last_name: 'L' }
  const anonymous = <D extends RpcDef>(def: D, input: Input<D>, caller = from()): Promise<Output<D>> =>
    gateway.call(def as never, input as never, { caller })
  const login = (email: string, options: Login = {}): Promise<Output<typeof auth.rpc.createSession>> =>
    anonymous(
      auth.rpc.createSession,
      {
        email,
        password: options.password ?? password,
        remember_me: options.remember ?? false,
        ...(options.otp === undefined ? {} : { otp: options.otp }),
      },
      from(options.address, options.agent),
    )
  return {
    anonymous,
    login,
    /** A person made by the operator. */
    person: (email = freshEmail()) => operator.call(auth.rpc.createUser, { email, password, ...names }),
    register: (email: string, given: Partial<Input<typeof auth.rpc.registerUser>> = {}) =>
      anonymous(auth.rpc.registerUser, { email, password, ...names, ...given }),
    refresh: (refresh_token: string) => anonymous(auth.rpc.refreshSession, { refresh_token }),
    isOpen: async (token: string) =>
      (await gateway.call(auth.rpc.checkSession, { session_id: sessionOf(token) })).open,
    /** As the person of this access token. */
    as:
      (token: string) =>
      <D extends RpcDef>(def: D, input: Input<D>): Promise<Output<D>> =>
        gateway.call(def as never, input as never, { caller: callerOf(token) }),
  }
}

async function openMailbox(stack: AsyncDisposableStack, nats: TestBus) {
  const jobs: Job[] = []
  const mailer = stack.use(await nats.connect('mailer'))
  stack.use(
    await mailer.consume(consumption.mailerSend, (message) => {
      jobs.push(MailJob.parse(message.json()))
      message.ack()
    }),
  )
  const to = (email: string, template?: Template) =>
    jobs.filter(
      (job) =>
        'email' in job.to && job.to.email === email && (template ?? job.mail.template) === job.mail.template,
    )
  /** The mail of this kind that came `nth` (1: the first). */
  const mail = async <T extends Template>(email: string, template: T, nth = 1) => {
    await expect.poll(() => to(email, template).length, { timeout: 5_000 }).toBeGreaterThanOrEqual(nth)
    const job = to(email, template)[nth - 1]
    return { ...job!, mail: job!.mail as MailOf<T> }
  }
  const code = async (email: string, purpose: 'verify_email' | 'reset_password', nth = 1) =>
    (await mail(email, purpose, nth)).mail.code
  return { mails: to, mail, code }
}

/** Events about people, and what the projects service says when somebody wants to leave. */
async function listen(stack: AsyncDisposableStack, nats: TestBus) {
  const events: { event: string; person: { user_id: string; email: string } }[] = []
  const bus = stack.use(await nats.connect('projects'))
  stack.use(
    await bus.consume(consumption.projectsPeople, (message) => {
      const event = message.subject.replace('evt.auth.', '') as keyof typeof auth.evt
      events.push({ event, person: auth.evt[event].payload.parse(message.json()) })
      message.ack()
    }),
  )
  const departure = { needed_by: [] as string[], fails: false }
  const { checkDeparture } = projects.rpc
  await bus.serve(
    'projects',
    { checkDeparture },
    {
      async checkDeparture() {
        if (departure.fails) throw new AppError('RATE_LIMITED', 'Not now.')
        return { needed_by: departure.needed_by }
      },
    },
  )
  return {
    departure,
    /** Names of the events about a person so far. */
    toldOf: (userId: string) =>
      events.filter(({ person }) => person.user_id === userId).map(({ event }) => event),
    eventsOf: (email: string) => events.filter(({ person }) => person.email === email),
  }
}

async function query(url: string, text: string, values: unknown[]): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(text, values)).rows as Record<string, unknown>[]
  } finally {
    await client.end()
  }
}
