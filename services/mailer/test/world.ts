// The service on real stores, with the services around it played by the test.
import { fork, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { jetstreamManager } from '@nats-io/jetstream'
import { nanos } from 'nats'
import type { Bus } from '@mcpshield/bus/connect'
import { auth, type Notifications } from '@mcpshield/contracts/auth'
import { AppError } from '@mcpshield/contracts/errors'
import { consumption, type flow } from '@mcpshield/contracts/flow'
import { mailer, type MailJob } from '@mcpshield/contracts/mailer'
import { migrateDb } from '@mcpshield/db/connect'
import { createLog } from '@mcpshield/runtime/log'
import { startTestBus, silent, type TestBus } from '@mcpshield/testkit/bus'
import { freshSchema } from '@mcpshield/testkit/schema'
import pg from 'pg'
import { database } from '../src/entities.ts'
import { start } from '../src/start.ts'

export type Person = { email: string; first_name: string; notifications: Notifications }
export const everything: Notifications = {
  plan_limit_near: true,
  plan_limit_reached: true,
  pending_approval: true,
  quarantined_tool: true,
}

export type Row = { state: string; tries: number; failure: string | null; template: string }

export type World = AsyncDisposable & {
  bus: TestBus
  /** Whom `auth` knows. */
  people: Map<string, Person>
  /** How many questions `auth` does not answer from now on. */
  authFails(times: number): void
  auth: Bus<(typeof flow)['auth']>
  gateway: Bus<(typeof flow)['rest-gateway']>
  ask(job: MailJob, messageId?: string): Promise<void>
  rows(jobId: string): Promise<Row[]>
  letters(): Promise<{ id: number; subject: string; reason: string; summary: string }[]>
  replay(id: number): Promise<void>
  /** Jobs that are in the queue still. */
  waiting(): Promise<number>
  startMailer(smtpUrl: string, timeoutMs?: number): Promise<AsyncDisposable>
  forkMailer(smtpUrl: string, timeoutMs?: number): Promise<ChildProcess>
}

const operator = { caller: { kind: 'operator' } } as const

export async function startWorld(): Promise<World> {
  await using stack = new AsyncDisposableStack()
  const schema = stack.use(await freshSchema('mailer'))
  await migrateDb(database(schema.url))
  const bus = stack.use(await startTestBus(silent))
  const admin = new pg.Pool({ connectionString: schema.adminUrl, max: 2 })
  // The database is dropped while it is open.
  admin.on('error', () => undefined)
  stack.defer(() => admin.end())
  const provision = await bus.raw('provision')
  stack.defer(() => provision.close())
  const manager = await jetstreamManager(provision)
  const people = new Map<string, Person>()
  let authFailures = 0
  const authBus = stack.use(await bus.connect('auth'))
  await authBus.serve(
    'auth',
    { getRecipient: auth.rpc.getRecipient },
    {
      async getRecipient({ user_id }) {
        if (authFailures-- > 0) throw new AppError('UNAVAILABLE', 'Not now.')
        const person = people.get(user_id)
        if (person === undefined) throw new AppError('NOT_FOUND', 'There is no such person.')
        return person
      },
    },
  )
  const gateway = stack.use(await bus.connect('rest-gateway'))
  const config = (smtpUrl: string, timeoutMs: number) => ({
    NATS_URL: bus.url,
    NATS_CREDS: bus.creds('mailer'),
    DATABASE_URL: schema.url,
    SMTP_URL: smtpUrl,
    SMTP_FROM_NAME: 'MCPShield',
    SMTP_FROM_EMAIL: 'noreply@mcpshield.example',
    SMTP_TIMEOUT_MS: timeoutMs,
    WEB_URL: 'https://app.example.org',
  })
  const kept = stack.move()
  return {
    bus,
    people,
    authFails: (times) => void (authFailures = times),
    auth: authBus,
    gateway,
    ask: (job, messageId = randomUUID()) => authBus.enqueue(mailer.job.send, job, messageId),
    async rows(jobId) {
      const { rows } = await admin.query<Row>(
        'select state, tries, failure, template from mailer.mails where job_id = $1',
        [jobId],
      )
      return rows
    },
    letters: async () => (await gateway.call(mailer.rpc.listDeadLetters, {}, operator)).items,
    replay: async (id) => void (await gateway.call(mailer.rpc.replayDeadLetter, { id }, operator)),
    waiting: async () => (await manager.streams.info('JOBS')).state.messages,
    startMailer: (smtpUrl, timeoutMs = 10_000) =>
      start(config(smtpUrl, timeoutMs), createLog('test', { level: 'silent' })),
    async forkMailer(smtpUrl, timeoutMs = 10_000) {
      await redeliverSoon(manager)
      return forkMailer({
        ...config(smtpUrl, timeoutMs),
        SMTP_TIMEOUT_MS: String(timeoutMs),
      })
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

/** What a killed process held comes again after this long rather than two minutes: the test is to end. */
async function redeliverSoon(manager: Awaited<ReturnType<typeof jetstreamManager>>): Promise<void> {
  const { stream, durable } = consumption.mailerSend
  await manager.consumers.update(stream, durable, { ack_wait: nanos(1_500) })
}

async function forkMailer(env: Record<string, string>): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, '../src/main.ts'), {
    env: { PATH: process.env.PATH, LOG_LEVEL: 'fatal', ...env },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const [said] = (await once(child, 'message')) as [unknown]
  if (said !== 'ready') throw new Error(`mailer did not start: ${JSON.stringify(said)}`)
  return child
}

export async function killed(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  const exit = once(child, 'exit')
  child.kill(signal)
  await exit
}

export function codeJob(email: string, more: Partial<MailJob> = {}): MailJob {
  return {
    id: randomUUID(),
    to: { email },
    mail: { template: 'verify_email', code: '424242', minutes: 10 },
    ...more,
  }
}
