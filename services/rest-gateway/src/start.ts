// The map of the service: what it connects to, watches and asks.
import manifest from '../package.json' with { type: 'json' }
import { connectBus } from '@mcpshield/bus/connect'
import { ai } from '@mcpshield/contracts/ai'
import { auth } from '@mcpshield/contracts/auth'
import { billing } from '@mcpshield/contracts/billing'
import { decision } from '@mcpshield/contracts/decision'
import { AppError } from '@mcpshield/contracts/errors'
import { flow } from '@mcpshield/contracts/flow'
import { ingest } from '@mcpshield/contracts/ingest'
import { mailer } from '@mcpshield/contracts/mailer'
import { projects } from '@mcpshield/contracts/projects'
import { siem } from '@mcpshield/contracts/siem'
import { keyUse } from '@mcpshield/pdp/key-use'
import type { Log } from '@mcpshield/runtime/log'
import { metrics } from '@mcpshield/runtime/metrics'
import { telemetry } from '@mcpshield/runtime/telemetry'
import { buildApp } from './app.ts'
import { auditFeed, subscribeOn } from './audit-feed.ts'
import type { Config } from './config.ts'
import { watchKeys } from './keys.ts'
import { rateLimits, redisLimiter } from './rate-limit.ts'
import { connectRedis } from './redis.ts'
import type { CallEndpoint } from './routes.ts'
import { callers } from './session.ts'

const HEALTH_TIMEOUT_MS = 2_000
const IDLE_MS = 30_000
const LIVE_TIMES = { recheckMs: 5_000, heartbeatMs: 15_000 }

export async function start(config: Config, log: Log): Promise<AsyncDisposable & { address: string }> {
  await using stack = new AsyncDisposableStack()
  const row = flow['rest-gateway']
  const bus = stack.use(
    await connectBus(
      { url: config.NATS_URL, creds: config.NATS_CREDS, name: 'rest-gateway', log, telemetry },
      row,
    ),
  )
  const redis = stack.use(await connectRedis(config.REDIS_URL, log))
  const keys = stack.use(await watchKeys(bus))
  const uses = stack.use(keyUse((batch) => bus.call(projects.rpc.reportKeyUse, { uses: batch }), log))
  const health = (def: (typeof row.calls)[number]) => () =>
    bus.call(def, {}, { timeoutMs: HEALTH_TIMEOUT_MS }) as ReturnType<
      typeof bus.call<typeof auth.rpc.checkHealth>
    >
  const app = await buildApp({
    defs: row.calls,
    call: bus.call as unknown as CallEndpoint,
    callers: callers({
      signingKeys: async () => await bus.call(auth.rpc.getSigningKeys, {}),
      isOpen: async (session_id) => (await bus.call(auth.rpc.checkSession, { session_id })).open,
      membership: (user_id) => bus.call(projects.rpc.getMembership, { user_id }).catch(unlessNotFound),
      keys,
      operatorToken: config.OPERATOR_TOKEN,
      keyUsed: uses.seen,
      now,
    }),
    limits: rateLimits(redisLimiter(redis)),
    feed: auditFeed(subscribeOn(bus.connection, log), log),
    liveTimes: LIVE_TIMES,
    checks: {
      nats: () => bus.ping(),
      redis: () => redis.ping(),
      keys: async () => {
        if (!keys.current()) throw new Error('the watch is broken')
      },
    },
    services: {
      auth: health(auth.rpc.checkHealth),
      projects: health(projects.rpc.checkHealth),
      decision: health(decision.rpc.checkHealth),
      ingest: health(ingest.rpc.checkHealth),
      billing: health(billing.rpc.checkHealth),
      mailer: health(mailer.rpc.checkHealth),
      siem: health(siem.rpc.checkHealth),
      ai: health(ai.rpc.checkHealth),
    },
    ready: () => keys.current() && redis.status === 'ready' && !bus.connection.isClosed(),
    version: manifest.version,
    url: config.API_URL,
    allowedOrigins: config.ALLOWED_ORIGINS,
    trustProxy: config.TRUST_PROXY,
    idleMs: IDLE_MS,
    metrics,
    now,
    log,
  })
  stack.defer(() => app.close())
  const address = await app.listen({ host: config.HOST, port: config.API_PORT })
  const kept = stack.move()
  return { address, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

const now = () => new Date()

function unlessNotFound(error: unknown): undefined {
  if (error instanceof AppError && error.code === 'NOT_FOUND') return undefined
  throw error
}
