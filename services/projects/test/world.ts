// The projects service on real stores, with one connection of each program that talks to it, or that it asks.
import { randomBytes, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { jetstreamManager } from '@nats-io/jetstream'
import pg from 'pg'
import type { Bus } from '@mcpshield/bus/connect'
import { AuditEvent } from '@mcpshield/contracts/audit'
import { auth } from '@mcpshield/contracts/auth'
import { billing } from '@mcpshield/contracts/billing'
import type { Caller, Role } from '@mcpshield/contracts/caller'
import type { Input, Output, RpcDef } from '@mcpshield/contracts/define'
import type { flow } from '@mcpshield/contracts/flow'
import { MailJob } from '@mcpshield/contracts/mailer'
import { PLANS, type PlanCode } from '@mcpshield/contracts/plans'
import { projects } from '@mcpshield/contracts/projects'
import { migrateDb } from '@mcpshield/db/connect'
import { createLog } from '@mcpshield/runtime/log'
import { startTestBus, type TestBus } from '@mcpshield/testkit/bus'
import { freshSchema, type FreshSchema } from '@mcpshield/testkit/schema'
import { Config } from '../src/config.ts'
import { database } from '../src/entities.ts'
import { start } from '../src/start.ts'

type BusOf<N extends keyof typeof flow> = Bus<(typeof flow)[N]>

export type World = AsyncDisposable & {
  nats: TestBus
  schema: FreshSchema
  config: Config
  rest: BusOf<'rest-gateway'>
  mcp: BusOf<'mcp-gateway'>
  auth: BusOf<'auth'>
  billing: BusOf<'billing'>
  /** The plan of each organisation that does not have the largest; of a `silent` one billing says nothing. */
  plans: Map<string, PlanCode | 'silent'>
  /** Registers a person, and is told when their organisation is there. */
  owner(): Promise<User>
  /** Somebody new, who joins the organisation by an invitation, and works there. */
  colleague(of: User, role: Role): Promise<User>
  /** The person as they are let in now: where they work, with their role there. */
  again(user: User): Promise<User>
  invite(by: User, email: string, role?: Role): Promise<{ id: string; token: string }>
  /** Every row, as the superuser sees them. */
  query<R extends object>(sql: string, values?: unknown[]): Promise<R[]>
  /** Every row of every table, as text. */
  everythingStored(): Promise<string>
  auditEvents(): Promise<AuditEvent[]>
  mails(): Promise<MailJob[]>
  /** Payloads of one kind of event, in order. */
  events(subject: string): Promise<unknown[]>
}

export type User = {
  caller: Extract<Caller, { kind: 'user' }>
  email: string
  as(role: Role): User
  call<D extends RpcDef>(def: D, input: Input<D>): Promise<Output<D>>
}

export const log = createLog('projects', { level: process.env.TEST_LOG_LEVEL ?? 'fatal' })
export const within = { timeout: 5_000, interval: 20 }

export async function startWorld(): Promise<World> {
  await using stack = new AsyncDisposableStack()
  const nats = stack.use(await startTestBus())
  const schema = stack.use(await freshSchema('projects'))
  await migrateDb(database(schema.url))
  const config = Config.parse({
    NATS_URL: nats.url,
    NATS_CREDS: nats.creds('projects'),
    DATABASE_URL: schema.url,
    MASTER_KEY: randomBytes(32).toString('hex'),
    WEB_URL: 'https://app.example.com/',
  })
  const biller = stack.use(await nats.connect('billing'))
  const plans = await playBilling(biller)
  stack.use(await start(config, log))
  const rest = stack.use(await nats.connect('rest-gateway'))
  const mcp = stack.use(await nats.connect('mcp-gateway'))
  const registry = stack.use(await nats.connect('auth'))
  const looking = await lookInto(nats, schema, stack)

  const userOf = (caller: User['caller'], email: string): User => ({
    caller,
    email,
    as: (role) => userOf({ ...caller, role }, email),
    call: (def, input) => rest.call(def as never, input as never, { caller }),
  })
  const letIn = async (user_id: string, email: string) => {
    const membership = await rest.call(projects.rpc.getMembership, { user_id })
    return userOf({ kind: 'user', user_id, ...membership, session_id: randomUUID() }, email)
  }
  const world = {
    nats,
    schema,
    config,
    rest,
    mcp,
    auth: registry,
    billing: biller,
    plans,
    ...looking,
    async owner() {
      const user_id = randomUUID()
      const email = `${user_id}@example.com`
      const person = { user_id, email, first_name: 'Ada', last_name: 'Lovelace' }
      await registry.publish(auth.evt.userRegistered, person, randomUUID())
      return eventually(() => letIn(user_id, email))
    },
    again: ({ caller, email }: User) => letIn(caller.user_id, email),
    async invite(by: User, email: string, role: Role = 'viewer') {
      const { id } = await by.call(projects.rpc.createInvitation, { email, role })
      return { id, token: await eventually(async () => tokenOf(await looking.mails(), id)) }
    },
    async colleague(of: User, role: Role) {
      const person = await world.owner()
      const { token } = await world.invite(of, person.email, role)
      await person.call(projects.rpc.joinOrganization, { invitation_token: token })
      return world.again(person)
    },
  }
  const kept = stack.move()
  return { ...world, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

/** Answers what plans include, as billing does. */
async function playBilling(biller: BusOf<'billing'>): Promise<World['plans']> {
  const plans: World['plans'] = new Map()
  const { getEntitlements } = billing.rpc
  await biller.serve(
    'billing',
    { getEntitlements },
    {
      getEntitlements({ org_id }) {
        const plan = plans.get(org_id) ?? 'enterprise'
        if (plan === 'silent') return new Promise(() => undefined)
        return Promise.resolve({ org_id, plan, limits: PLANS[plan].limits })
      },
    },
  )
  return plans
}

function tokenOf(mails: MailJob[], id: string): string {
  const mail = mails.find((each) => each.id === id)?.mail
  if (mail?.template !== 'invitation') throw new Error('not there yet')
  return new URL(mail.url).searchParams.get('token') ?? ''
}

/** The first answer that is none of an error; the last error when there is none in time. */
async function eventually<T>(ask: () => Promise<T>): Promise<T> {
  const until = performance.now() + within.timeout
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (performance.now() > until) throw error
      await sleep(within.interval)
    }
  }
}

/** What the stores hold. */
async function lookInto(nats: TestBus, schema: FreshSchema, stack: AsyncDisposableStack) {
  const database = stack.adopt(new pg.Client({ connectionString: schema.adminUrl }), (client) => client.end())
  database.on('error', () => undefined) // Ended by the drop.
  await database.connect()
  const connection = stack.adopt(await nats.raw('provision'), (each) => each.close())
  const manager = await jetstreamManager(connection)
  const messages = async (stream: string, subject?: string) => {
    const { state } = await manager.streams.info(stream)
    const found: unknown[] = []
    for (let seq = Math.max(state.first_seq, 1); seq <= state.last_seq; seq++) {
      const message = await manager.streams.getMessage(stream, { seq }).catch(() => null)
      if (message !== null && (subject ?? message.subject) === message.subject) found.push(message.json())
    }
    return found
  }
  return {
    query: async <R extends object>(sql: string, values: unknown[] = []) =>
      (await database.query<R>(sql, values)).rows,
    async everythingStored() {
      const { rows } = await database.query<{ all: string }>(
        `select string_agg(query_to_xml('select * from ' || quote_ident(tablename), true, false, '')::text, ' ') as all
         from pg_tables where schemaname = 'projects'`,
      )
      return rows[0]?.all ?? ''
    },
    auditEvents: async () => (await messages('AUDIT')).flatMap((each) => AuditEvent.array().parse(each)),
    mails: async () => (await messages('JOBS')).map((each) => MailJob.parse(each)),
    events: (subject: string) => messages('EVENTS', subject),
  }
}
