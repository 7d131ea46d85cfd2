// The map of the service: what it connects to, serves, watches, consumes and does by the clock.
import { connectBus, type Bus } from '@mcpshield/bus/connect'
import { ai } from '@mcpshield/contracts/ai'
import { AuditEvent } from '@mcpshield/contracts/audit'
import { billing } from '@mcpshield/contracts/billing'
import { consumption, flow } from '@mcpshield/contracts/flow'
import { mcpGateway } from '@mcpshield/contracts/mcp-gateway'
import { PLANS, type PlanLimits } from '@mcpshield/contracts/plans'
import { projects } from '@mcpshield/contracts/projects'
import { AUDIT_TOPIC } from '@mcpshield/db/admin-audit'
import { connectDb } from '@mcpshield/db/connect'
import { relayOutbox, type Relay } from '@mcpshield/db/outbox'
import { tenancy } from '@mcpshield/db/tenancy'
import { prepareParsers } from '@mcpshield/facts/draw'
import type { Log } from '@mcpshield/runtime/log'
import { telemetry } from '@mcpshield/runtime/telemetry'
import type { Config } from './config.ts'
import { conversationStore } from './conversation-store.ts'
import { database } from './entities.ts'
import { eventLog, type Presence } from './event-log.ts'
import { forgetting } from './forget.ts'
import type { KnowledgeDeps } from './knowledge.ts'
import { noModel } from './model.ts'
import { ollamaModel } from './ollama.ts'
import { connectRedis } from './redis.ts'
import { useRunner } from './runner.ts'
import { aiService, type AiDeps } from './service.ts'
import { sweepUses } from './sweep.ts'
import { usesStore } from './uses.ts'

type AiBus = Bus<typeof flow.ai>

/** How long the gateway may take to name what is stored: an answer goes on without. */
const DESCRIPTION_WITHIN_MS = 4_000
/** Beyond the longest use: three answers of the model, and what is between them. */
const ABANDONED_MARGIN_MS = 300_000

/** How the service knows the time, and how soon it takes readers and writers for gone. */
export type Clock = { now(): Date; thereMs?: Presence }
const realClock: Clock = { now: () => new Date() }

export async function start(config: Config, log: Log, clock = realClock): Promise<AsyncDisposable> {
  const now = () => clock.now()
  await using stack = new AsyncDisposableStack()
  const db = stack.use(await connectDb(database(config.DATABASE_URL)))
  const redis = stack.use(connectRedis(config.REDIS_URL, log))
  const bus = stack.use(
    await connectBus({ url: config.NATS_URL, creds: config.NATS_CREDS, name: 'ai', log, telemetry }, flow.ai),
  )
  await prepareParsers()
  const plans = new Map<string, PlanLimits>()
  stack.use(
    await bus.watch(billing.kv.entitlements, {
      put: (orgId, { limits }) => void plans.set(orgId, limits),
      remove: (orgId) => void plans.delete(orgId),
    }),
  )
  // Who is not there has the Free plan.
  const limitOf = (orgId: string) => (plans.get(orgId) ?? PLANS.free.limits).max_ai_calls_per_month
  const tenants = tenancy(db)
  const relay: Relay = stack.use(
    relayOutbox(
      db,
      'ai',
      { [AUDIT_TOPIC]: ({ payload }) => bus.audit.record(AuditEvent.parse(payload)) },
      log,
    ),
  )
  const uses = usesStore({ tenants, limitOf, wake: () => relay.wake(), now })
  const events = eventLog(redis, clock.thereMs)
  const runner = stack.use(useRunner({ uses, events, log }))
  const stopping = new AbortController()
  const service = aiService({
    ...asking(bus),
    ...{ uses, events, runner, limitOf, now, stopping: stopping.signal },
    model: modelOf(config),
    conversations: conversationStore(tenants, now),
    checks: { postgres: () => db.ping(), nats: () => bus.ping(), redis: () => redis.ping() },
  })
  await bus.serve('ai', ai.rpc, service)
  stack.defer(() => stopping.abort())
  stack.use(await bus.consume(consumption.aiPeople, forgetting(tenants)))
  stack.use(await bus.consume(consumption.aiProjects, forgetting(tenants)))
  stack.use(sweepUses({ uses, now, abandonedAfterMs: 3 * config.AI_TIMEOUT_MS + ABANDONED_MARGIN_MS, log }))
  return stack.move()
}

function modelOf(config: Config) {
  if (config.OLLAMA_URL === undefined) return noModel(config.AI_MODEL)
  return ollamaModel({
    url: config.OLLAMA_URL,
    model: config.AI_MODEL,
    timeoutMs: config.AI_TIMEOUT_MS,
    contextTokens: config.AI_CONTEXT_TOKENS,
  })
}

/** What other services know, asked in the name of who uses the assistant. */
function asking(bus: AiBus): KnowledgeDeps & Pick<AiDeps, 'validate'> {
  return {
    describeProject: (project_id, by) => bus.call(projects.rpc.describeProject, { project_id }, by),
    validate: (input, by) => bus.call(projects.rpc.validatePolicy, input, by),
    describeConnection: (input, { requestId }) =>
      bus.call(mcpGateway.rpc.describeConnection, input, { requestId, timeoutMs: DESCRIPTION_WITHIN_MS }),
  }
}
