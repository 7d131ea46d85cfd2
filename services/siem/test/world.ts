// The siem service on real stores, with bus-keys as the process that it is, and the services around them played over
// the bus.
import { spawn } from 'node:child_process'
import { randomBytes, randomUUID, randomUUIDv7 } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { connect as connectNats, credsAuthenticator, type NatsConnection } from 'nats'
import pg from 'pg'
import { expect } from 'vitest'
import type { Bus } from '@mcpshield/bus/connect'
import type { AuditEvent } from '@mcpshield/contracts/audit'
import { billing } from '@mcpshield/contracts/billing'
import type { Caller, Role } from '@mcpshield/contracts/caller'
import type { Input, Output, RpcDef } from '@mcpshield/contracts/define'
import type { flow } from '@mcpshield/contracts/flow'
import { PLANS, type PlanCode } from '@mcpshield/contracts/plans'
import { siem, type SiemCredential } from '@mcpshield/contracts/siem'
import { migrateDb } from '@mcpshield/db/connect'
import { createLog } from '@mcpshield/runtime/log'
import { silent, startTestBus, type TestBus } from '@mcpshield/testkit/bus'
import { freshSchema, type FreshSchema } from '@mcpshield/testkit/schema'
import { Config } from '../src/config.ts'
import { database } from '../src/entities.ts'
import { start } from '../src/start.ts'

type BusOf<N extends keyof typeof flow> = Bus<(typeof flow)[N]>
type Given = Partial<Record<keyof Config, string>>

export type User = {
  caller: Extract<Caller, { kind: 'user' }>
  orgId: string
  as(role: Role): User
  call<D extends RpcDef>(def: D, input: Input<D>): Promise<Output<D>>
}

export type World = AsyncDisposable & {
  nats: TestBus
  schema: FreshSchema
  projects: BusOf<'projects'>
  /** A new organisation of a plan, and the person who owns it. */
  owner(plan?: PlanCode): Promise<User>
  setPlan(orgId: string, plan: PlanCode): Promise<void>
  /** Records a decision of an organisation; answers its id. */
  record(orgId: string, over?: Partial<AuditEvent>): Promise<string>
  /** Connects with a credential. */
  reader(of: Pick<SiemCredential, 'connection'> & { creds: string }): Promise<NatsConnection>
  /** Ends this instance and starts another. */
  restart(given?: Given): Promise<void>
  /** A further instance beside it. */
  another(): Promise<AsyncDisposable>
  /** Below the service, as the database's superuser. */
  rows<T extends object>(sql: string, values?: unknown[]): Promise<T[]>
}

export const log = createLog('siem', { level: process.env.TEST_LOG_LEVEL ?? 'silent' })
/** Quicker than in earnest: tests wait for it. */
const TEMPO = { everyMs: 200, gatherMs: 50, pausesMs: { first: 100, longest: 1_000 } }
export const MASTER_KEY = randomBytes(32).toString('hex')

/** `others`: a server of its own for credentials. */
export async function startWorld(
  given: Given = {},
  { withKeys = true, others }: { withKeys?: boolean; others?: TestBus } = {},
): Promise<World> {
  await using stack = new AsyncDisposableStack()
  const nats = stack.use(await startTestBus(silent))
  const schema = stack.use(await freshSchema('siem'))
  await migrateDb(database(schema.url))
  const around = await playOthers(nats, stack)
  stack.use(await startBusKeys(nats, others ?? nats, withKeys))
  const first = { NATS_URL: nats.url, NATS_CREDS: nats.creds('siem'), DATABASE_URL: schema.url }
  const at = others === undefined ? {} : { SIEM_NATS_URL: others.url }
  const own = { ...first, ...at, MASTER_KEY, FORWARDER_EGRESS: 'any', ...given }
  const instance = (over: Given = {}) => start(Config.parse({ ...own, ...over }), log, TEMPO)
  let service = await instance()
  stack.defer(() => service[Symbol.asyncDispose]())
  const kept = stack.move()
  const userOf = (caller: User['caller']): User => ({
    caller,
    orgId: caller.org_id,
    as: (role) => userOf({ ...caller, role }),
    call: (def, input) => around.rest.call(def as never, input as never, { caller }),
  })
  return {
    nats,
    schema,
    projects: around.projects,
    setPlan: around.setPlan,
    record: (orgId, over = {}) => recordEvent(around.gateway, orgId, over),
    async owner(plan = 'enterprise') {
      const org_id = randomUUIDv7()
      await around.setPlan(org_id, plan)
      const [user_id, session_id] = [randomUUID(), randomUUID()]
      return userOf({ kind: 'user', user_id, org_id, role: 'owner', session_id })
    },
    async reader({ connection: { url, inbox_prefix }, creds }) {
      const authenticator = credsAuthenticator(new TextEncoder().encode(creds))
      return connectNats({ servers: url, authenticator, inboxPrefix: inbox_prefix, reconnect: false })
    },
    async restart(over) {
      await service[Symbol.asyncDispose]()
      service = await instance(over)
    },
    another: () => instance(),
    rows: (sql, values = []) => asAdmin(schema.adminUrl, sql, values),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

async function playOthers(nats: TestBus, stack: AsyncDisposableStack) {
  const rest = stack.use(await nats.connect('rest-gateway'))
  const projects = stack.use(await nats.connect('projects'))
  const gateway = stack.use(await nats.connect('mcp-gateway'))
  const billingBus = stack.use(await nats.connect('billing'))
  const plans = new Map<string, PlanCode>()
  const entitlementsOf = (org_id: string) => {
    const plan = plans.get(org_id) ?? 'free'
    return { org_id, plan, limits: PLANS[plan].limits }
  }
  const { getEntitlements } = billing.rpc
  const handlers = { getEntitlements: async ({ org_id }: { org_id: string }) => entitlementsOf(org_id) }
  await billingBus.serve('billing', { getEntitlements }, handlers)
  const entitlements = await billingBus.writer(billing.kv.entitlements)
  return {
    rest,
    projects,
    gateway,
    async setPlan(orgId: string, plan: PlanCode) {
      plans.set(orgId, plan)
      await entitlements.put(orgId, entitlementsOf(orgId))
    },
  }
}

const PROGRAM = join(import.meta.dirname, '../../bus-keys/src/main.ts')

/** As it runs beside us: a process with its keys in its environment. */
async function startBusKeys(
  nats: TestBus,
  { url, creds, seeds }: TestBus,
  withKeys: boolean,
): Promise<AsyncDisposable> {
  const keys = {
    SIEM_NATS_URL: url,
    NATS_SYSTEM_CREDS: creds('bus-keys-system'),
    NATS_OPERATOR_SEED: seeds.operatorSigning,
    SIEM_ACCOUNTS_KEY: randomBytes(32).toString('hex'),
  }
  const child = spawn(process.execPath, [PROGRAM], {
    env: {
      LOG_LEVEL: process.env.TEST_LOG_LEVEL ?? 'silent',
      NATS_URL: nats.url,
      NATS_CREDS: nats.creds('bus-keys'),
      ...(withKeys ? keys : {}),
    },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const [message] = (await once(child, 'message')) as [unknown]
  expect(message).toBe('ready')
  return {
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      if (child.exitCode === null) await once(child, 'exit')
    },
  }
}

async function recordEvent(
  gateway: BusOf<'mcp-gateway'>,
  org_id: string,
  over: Partial<AuditEvent>,
): Promise<string> {
  const event = { ...decision(org_id), ...over }
  await gateway.audit.record(event)
  return event.id
}

export function decision(org_id: string): AuditEvent {
  return {
    id: randomUUIDv7(),
    phase: 'decision',
    time: new Date().toISOString(),
    kind: 'decision',
    org_id,
    project_id: randomUUID(),
    method: 'tools/call',
    tool: 'postgres.query',
    arguments: { sql: 'select name from customers' },
    arguments_digest: 'ab'.repeat(32),
    facts: { accesses: [{ operation: 'read', table: 'public.customers' }] },
    decision: 'deny',
    rule: 'no-customers',
    reason: 'It reads public.customers.',
    policy_version: 3,
    policy_hash: 'cd'.repeat(32),
    mode: 'enforce',
    agent: 'Größe 7',
    key_id: randomUUID(),
    user_id: null,
    request_id: 'request-1',
    trace_id: null,
    approved_by: null,
    outcome: null,
    duration_ms: null,
    rows: null,
    bytes: null,
    redactions: null,
    result_digest: null,
  }
}

async function asAdmin<T extends object>(url: string, sql: string, values: unknown[]): Promise<T[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql, values)).rows as T[]
  } finally {
    await client.end()
  }
}

/** The state of a credential or a forwarder, once it is so. */
export async function untilState(
  user: User,
  of: { credential_id: string } | { forwarder_id: string },
  state: string,
): Promise<void> {
  const look = async () =>
    'credential_id' in of
      ? (await user.call(siem.rpc.getSiemCredential, of)).state
      : (await user.call(siem.rpc.getSiemForwarder, of)).state
  await expect.poll(look).toBe(state)
}

/** Names of the record's durable consumers. */
export async function durablesOf({ nats }: World): Promise<string[]> {
  const connection = await nats.raw('provision')
  const reply = await connection.request('$JS.API.CONSUMER.NAMES.AUDIT', '')
  await connection.close()
  return reply.json<{ consumers: string[] }>().consumers
}
