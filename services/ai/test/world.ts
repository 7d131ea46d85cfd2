// Two instances of the assistant on real stores, and the services around it played over the bus.
import { randomUUID, randomUUIDv7 } from 'node:crypto'
import pg from 'pg'
import { z } from 'zod'
import type { Bus } from '@mcpshield/bus/connect'
import { ai, AiEvent } from '@mcpshield/contracts/ai'
import { AuditEvent } from '@mcpshield/contracts/audit'
import { auth } from '@mcpshield/contracts/auth'
import { billing } from '@mcpshield/contracts/billing'
import type { Caller, Role } from '@mcpshield/contracts/caller'
import type { Input, Output, RpcDef } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import type { flow } from '@mcpshield/contracts/flow'
import { mcpGateway } from '@mcpshield/contracts/mcp-gateway'
import { PLANS, type PlanCode } from '@mcpshield/contracts/plans'
import { projects } from '@mcpshield/contracts/projects'
import { migrateDb } from '@mcpshield/db/connect'
import { createLog } from '@mcpshield/runtime/log'
import { silent, startTestBus, type TestBus } from '@mcpshield/testkit/bus'
import { freshRedis } from '@mcpshield/testkit/fresh'
import { freshSchema, type FreshSchema } from '@mcpshield/testkit/schema'
import { Config } from '../src/config.ts'
import { database } from '../src/entities.ts'
import { start } from '../src/start.ts'
import { IN_FORCE, diagnosticsOf, knowledgeOf, policyOf } from './known.ts'
import { startOllamaServer, type OllamaServer } from '@mcpshield/testkit/ollama-server'

type BusOf<N extends keyof typeof flow> = Bus<(typeof flow)[N]>

export type User = {
  caller: Extract<Caller, { kind: 'user' }>
  orgId: string
  projectId: string
  as(role: Role): User
  call<D extends RpcDef>(def: D, input: Input<D>): Promise<Output<D>>
}

type Job = typeof ai.rpc.draftPolicy | typeof ai.rpc.analyze | typeof ai.rpc.advise

export type World = AsyncDisposable & {
  nats: TestBus
  schema: FreshSchema
  ollama: OllamaServer
  rest: BusOf<'rest-gateway'>
  clock: { time: Date }
  /** A new organisation with a project, and the person who owns it. */
  owner(plan?: PlanCode): Promise<User>
  /** Another person of the same organisation. */
  colleague(user: User): User
  setPlan(orgId: string, plan: PlanCode): Promise<void>
  audits: AuditEvent[]
  /** What was asked of the services around. */
  asked: { subject: string; caller: Caller }[]
  startInstance(): Promise<AsyncDisposable>
  tell: {
    userDeleted(user_id: string): Promise<void>
    projectDeleted(user: User): Promise<void>
    organizationDeleted(org_id: string): Promise<void>
  }
  rows<T extends object>(sql: string, values?: unknown[]): Promise<T[]>
}

export const log = createLog('ai', { level: process.env.TEST_LOG_LEVEL ?? 'silent' })

export async function startWorld(options: { instances?: number; timeoutMs?: number } = {}): Promise<World> {
  await using stack = new AsyncDisposableStack()
  const nats = stack.use(await startTestBus(silent))
  const schema = stack.use(await freshSchema('ai'))
  const redis = stack.use(await freshRedis())
  const ollama = stack.use(await startOllamaServer())
  await migrateDb(database(schema.url))
  const clock = { time: new Date('2026-11-15T10:00:00Z') }
  const config = Config.parse({
    ...{ NATS_URL: nats.url, NATS_CREDS: nats.creds('ai'), DATABASE_URL: schema.url, REDIS_URL: redis.url },
    ...{ OLLAMA_URL: ollama.url, AI_TIMEOUT_MS: options.timeoutMs ?? 10_000 },
  })
  const startInstance = () =>
    start(config, log, { now: () => new Date(clock.time), thereMs: { reader: 3_500, writer: 6_000 } })
  const around = await playOthers(nats, stack)
  for (let i = 0; i < (options.instances ?? 2); i++) stack.use(await startInstance())
  const { rest, owners } = around
  const userOf = (caller: User['caller'], projectId: string): User => ({
    ...{ caller, orgId: caller.org_id, projectId },
    as: (role) => userOf({ ...caller, role }, projectId),
    call: (def, input) => rest.call(def as never, input as never, { caller }),
  })
  const kept = stack.move()
  return {
    ...{ nats, schema, ollama, clock, startInstance, ...around },
    async owner(plan = 'pro') {
      const org_id = randomUUIDv7()
      const projectId = randomUUIDv7()
      owners.set(projectId, org_id)
      if (plan !== 'free') await around.setPlan(org_id, plan)
      const who = { user_id: randomUUID(), org_id, role: 'owner' as const, session_id: randomUUID() }
      return userOf({ kind: 'user', ...who }, projectId)
    },
    colleague: ({ caller, projectId }) => userOf({ ...caller, user_id: randomUUID() }, projectId),
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
  const gatewayBus = stack.use(await nats.connect('mcp-gateway'))
  const billingBus = stack.use(await nats.connect('billing'))
  const authBus = stack.use(await nats.connect('auth'))
  /** By project. */
  const owners = new Map<string, string>()
  const asked: World['asked'] = []
  const requireOwn = (project_id: string, caller: Caller) => {
    if (caller.kind !== 'user' || owners.get(project_id) !== caller.org_id)
      throw new AppError('NOT_FOUND', 'There is no such project.')
  }
  const known = knowledgeOf(IN_FORCE)
  const { describeProject, validatePolicy } = projects.rpc
  await projectsBus.serve(
    'projects',
    { describeProject, validatePolicy },
    {
      async describeProject({ project_id }, { caller }) {
        asked.push({ subject: describeProject.subject, caller })
        requireOwn(project_id, caller)
        const { inForce: _, resources: __, ownTools: ___, notes: ____, ...shown } = known
        return { ...shown, policy: policyOf(IN_FORCE), organization_policy: null }
      },
      async validatePolicy({ project_id, policy_yaml }, { caller }) {
        asked.push({ subject: validatePolicy.subject, caller })
        requireOwn(project_id, caller)
        const diagnostics = diagnosticsOf(policy_yaml, known)
        return { valid: !diagnostics.some(({ severity }) => severity === 'error'), diagnostics }
      },
    },
  )
  const { describeConnection } = mcpGateway.rpc
  await gatewayBus.serve(
    'mcp-gateway',
    { describeConnection },
    {
      describeConnection: async () => ({
        tools: [
          {
            name: 'postgres.query',
            description: 'Run one SQL statement.',
            input_schema: { type: 'object', properties: { sql: { type: 'string' } }, required: ['sql'] },
          },
        ],
        resources: known.resources.map(({ name, fields }) => ({ name, fields })),
        truncated: true,
        note: null,
      }),
    },
  )
  const entitlements = await billingBus.writer(billing.kv.entitlements)
  const audits: AuditEvent[] = []
  rest.connection.subscribe('audit.>', {
    callback: (_error, message) => void audits.push(...AuditEvent.array().parse(message.json())),
  })
  await rest.connection.flush()
  return {
    ...{ rest, owners, asked, audits },
    setPlan: (org_id: string, plan: PlanCode) =>
      entitlements.put(org_id, { org_id, plan, limits: PLANS[plan].limits }),
    tell: {
      userDeleted: (user_id: string) =>
        authBus.publish(auth.evt.userDeleted, { user_id, email: 'gone@example.org' }, randomUUID()),
      projectDeleted: ({ orgId: org_id, projectId: project_id }: User) =>
        projectsBus.publish(projects.evt.projectDeleted, { org_id, project_id }, randomUUID()),
      organizationDeleted: (org_id: string) =>
        projectsBus.publish(projects.evt.organizationDeleted, { org_id }, randomUUID()),
    },
  }
}

const Piece = z.object({ chunk: z.string(), next_cursor: z.string().nullable() })

export type Read = { events: AiEvent[]; ids: string[]; pieces: number }

/** Reads a whole answer as the REST gateway does: asked again with the cursor until there is no more. */
export async function readAll(
  user: User,
  { subject }: Job,
  input: object,
  each: (event: AiEvent) => void = () => undefined,
): Promise<Read> {
  const read: Read = { events: [], ids: [], pieces: 0 }
  const def = Object.values(ai.rpc).find((every) => every.subject === subject) as RpcDef
  let cursor: string | undefined
  for (;;) {
    const whole = { project_id: user.projectId, ...input, ...(cursor === undefined ? {} : { cursor }) }
    const piece = Piece.parse(await user.call(def, whole))
    read.pieces++
    for (const { id, event } of framesIn(piece.chunk)) {
      read.ids.push(id)
      read.events.push(event)
      each(event)
    }
    if (piece.next_cursor === null) return read
    cursor = piece.next_cursor
  }
}

/** The frames of a text of server-sent events; comments are left out. */
export function framesIn(text: string): { id: string; event: AiEvent }[] {
  return text
    .split('\n\n')
    .filter((frame) => frame !== '' && !frame.startsWith(':'))
    .map((frame) => {
      const field = (name: string) =>
        frame
          .split('\n')
          .find((line) => line.startsWith(`${name}: `))
          ?.slice(name.length + 2) ?? ''
      const event = AiEvent.parse(JSON.parse(field('data')))
      if (event.type !== field('event'))
        throw new Error(`an event ${field('event')} says that it is ${event.type}`)
      return { id: field('id'), event }
    })
}

export function textOf({ events }: Read): string {
  return events.flatMap((each) => (each.type === 'text' ? [each.delta] : [])).join('')
}
