// Two instances of the billing service on real stores, with a clock of the test's own, and the services around them
// played over the bus.
import { randomUUID, randomUUIDv7 } from 'node:crypto'
import pg from 'pg'
import type { Bus } from '@mcpshield/bus/connect'
import { AuditEvent } from '@mcpshield/contracts/audit'
import { billing, type Entitlements } from '@mcpshield/contracts/billing'
import type { Caller, Role } from '@mcpshield/contracts/caller'
import type { Input, Output, RpcDef } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import { consumption, type flow } from '@mcpshield/contracts/flow'
import { ingest } from '@mcpshield/contracts/ingest'
import { MailJob } from '@mcpshield/contracts/mailer'
import { projects } from '@mcpshield/contracts/projects'
import { migrateDb } from '@mcpshield/db/connect'
import { createLog } from '@mcpshield/runtime/log'
import { silent, startTestBus, type TestBus } from '@mcpshield/testkit/bus'
import { freshSchema, type FreshSchema } from '@mcpshield/testkit/schema'
import { Config } from '../src/config.ts'
import { database } from '../src/entities.ts'
import { start } from '../src/start.ts'

type BusOf<N extends keyof typeof flow> = Bus<(typeof flow)[N]>

export type User = {
  caller: Extract<Caller, { kind: 'user' }>
  orgId: string
  as(role: Role): User
  call<D extends RpcDef>(def: D, input: Input<D>): Promise<Output<D>>
}

/** What the services around it say of an organisation; absent: they do not answer. */
export type Known = {
  projects?: number
  events?: number | (() => Promise<number>)
  administrators?: string[]
}

export type World = AsyncDisposable & {
  nats: TestBus
  schema: FreshSchema
  rest: BusOf<'rest-gateway'>
  projects: BusOf<'projects'>
  ingest: BusOf<'ingest'>
  clock: { time: Date; now(): Date; everyMs: number }
  /** A new organisation, and the person who owns it. */
  owner(known?: Known): User
  /** By organisation. */
  known: Map<string, Known>
  /** The spans that ingest was asked for, by organisation. */
  counted: Map<string, [string, string][]>
  /** The bucket, as ingest sees it. */
  entitlements: Map<string, Entitlements>
  mails: MailJob[]
  audits: AuditEvent[]
  startInstance(): Promise<AsyncDisposable>
  /** Below the service, as the database's superuser. */
  rows<T extends object>(sql: string, values?: unknown[]): Promise<T[]>
}

export const log = createLog('billing', { level: process.env.TEST_LOG_LEVEL ?? 'silent' })

export async function startWorld(time: string): Promise<World> {
  await using stack = new AsyncDisposableStack()
  const nats = stack.use(await startTestBus(silent))
  const schema = stack.use(await freshSchema('billing'))
  await migrateDb(database(schema.url))
  const clock = { time: new Date(time), now: () => new Date(clock.time), everyMs: 20 }
  const creds = { NATS_URL: nats.url, NATS_CREDS: nats.creds('billing') }
  const startInstance = () => start(Config.parse({ ...creds, DATABASE_URL: schema.url }), log, clock)
  const around = await playOthers(nats, stack)
  stack.use(await startInstance())
  stack.use(await startInstance())

  const userOf = (caller: User['caller']): User => ({
    caller,
    orgId: caller.org_id,
    as: (role) => userOf({ ...caller, role }),
    call: (def, input) => around.rest.call(def as never, input as never, { caller }),
  })
  const kept = stack.move()
  return {
    nats,
    schema,
    clock,
    ...around,
    startInstance,
    owner(known = { projects: 1, events: 0 }) {
      const org_id = randomUUIDv7()
      around.known.set(org_id, known)
      return userOf({
        kind: 'user',
        user_id: randomUUID(),
        org_id,
        role: 'owner',
        session_id: randomUUID(),
      })
    },
    async rows(sql, values = []) {
      const client = new pg.Client({ connectionString: schema.adminUrl })
      await client.connect()
      try {
        return (await client.query(sql, values)).rows as never[]
      } finally {
        await client.end()
      }
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

async function playOthers(nats: TestBus, stack: AsyncDisposableStack) {
  const rest = stack.use(await nats.connect('rest-gateway'))
  const projectsBus = stack.use(await nats.connect('projects'))
  const ingestBus = stack.use(await nats.connect('ingest'))
  const mailerBus = stack.use(await nats.connect('mailer'))
  const known = new Map<string, Known>()
  const counted: World['counted'] = new Map()
  const { countProjects, listAdministrators } = projects.rpc
  await projectsBus.serve(
    'projects',
    { countProjects, listAdministrators },
    {
      countProjects: async ({ org_id }) => ({ count: said(known.get(org_id)?.projects) }),
      listAdministrators: async ({ org_id }) => ({
        organization: 'Analytical',
        user_ids: said(known.get(org_id)?.administrators),
      }),
    },
  )
  const { countEvents } = ingest.rpc
  await ingestBus.serve(
    'ingest',
    { countEvents },
    {
      countEvents: async ({ org_id, from, to }) => {
        counted.set(org_id, [...(counted.get(org_id) ?? []), [from, to]])
        const events = said(known.get(org_id)?.events)
        return { count: typeof events === 'number' ? events : await events() }
      },
    },
  )
  const entitlements: World['entitlements'] = new Map()
  stack.use(
    await ingestBus.watch(billing.kv.entitlements, {
      put: (key, value) => entitlements.set(key, value),
      remove: (key) => entitlements.delete(key),
    }),
  )
  const mails: MailJob[] = []
  stack.use(
    await mailerBus.consume(consumption.mailerSend, (message) => {
      mails.push(MailJob.parse(message.json()))
      message.ack()
    }),
  )
  const audits: AuditEvent[] = []
  rest.connection.subscribe('audit.>', {
    callback: (_error, message) => void audits.push(...AuditEvent.array().parse(message.json())),
  })
  await rest.connection.flush()
  return { rest, projects: projectsBus, ingest: ingestBus, known, counted, entitlements, mails, audits }
}

function said<T>(answer: T | undefined): T {
  if (answer === undefined) throw new AppError('UNAVAILABLE', 'Not now.')
  return answer
}
