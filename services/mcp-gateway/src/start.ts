// The map of the service: what it connects to, serves and watches.
import { connectBus, type Bus } from '@mcpshield/bus/connect'
import { flow } from '@mcpshield/contracts/flow'
import { mcpGateway } from '@mcpshield/contracts/mcp-gateway'
import { projects } from '@mcpshield/contracts/projects'
import { egressBound } from '@mcpshield/oauth/egress-bound'
import { openDecisionPoint, type OpenDecisionPoint } from '@mcpshield/pdp/open'
import { hmacSha256 } from '@mcpshield/pdp/record'
import { policyGauges } from '@mcpshield/runtime/gauges'
import { healthOf } from '@mcpshield/runtime/health'
import type { Log } from '@mcpshield/runtime/log'
import { metrics } from '@mcpshield/runtime/metrics'
import { telemetry } from '@mcpshield/runtime/telemetry'
import { buildApp } from './app.ts'
import { openBearer } from './bearer.ts'
import { publicUrl, type Config } from './config.ts'
import { gatewayCore } from './core.ts'
import { isKilled, stillHolds } from './credentials.ts'
import { answerNotification, answerRequest } from './endpoint.ts'
import { newInstanceId } from './instance.ts'
import { gatewayMetrics } from './metrics.ts'
import { reachWithin } from './reach.ts'
import { connectRuntimes, type Runtimes } from './runtimes.ts'
import { connectSessionStore } from './session-store.ts'
import { describeConnection } from './descriptions.ts'
import { tryConnection, tryUpstream } from './trials.ts'
import { commandBound } from './upstream-commands.ts'
import { upstreamTokens } from './upstream-tokens.ts'
import { watchPinsAndApprovals, type Watched } from './watched.ts'

/** Of at most 64 KiB each, in messages of at most 8 MiB. */
const TOOLS_A_MESSAGE = 100

type GatewayBus = Bus<(typeof flow)['mcp-gateway']>

export async function start(config: Config, log: Log): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  const bus = stack.use(
    await connectBus(
      { url: config.NATS_URL, creds: config.NATS_CREDS, name: 'mcp-gateway', log, telemetry },
      flow['mcp-gateway'],
    ),
  )
  const point = stack.use(
    await openDecisionPoint(bus, {
      redisUrl: config.REDIS_URL,
      digestKeyHex: config.AUDIT_DIGEST_KEY,
      log,
      decided: telemetry.decided,
    }),
  )
  const watched = stack.use(await watchPinsAndApprovals(bus))
  const store = stack.use(await connectSessionStore(config.REDIS_URL, log))
  const runtimes = stack.use(openRuntimes(bus, point, watched, config, log))
  const gauges = gatewayMetrics(metrics)
  stack.use(policyGauges(metrics, point.snapshots))
  stack.use(gauges.watch({ held: () => watched.held(), quarantined: () => runtimes.quarantined() }))
  const peers = bus.peers(newInstanceId())
  const core = coreOf({ bus, point, watched, runtimes, peers, config, log })
  await peers.serve({
    ask: {
      async resume({ call, owner, responses, timeout_ms }) {
        const next = await core.openCalls.resumeHere(call, owner, responses, AbortSignal.timeout(timeout_ms))
        return next === undefined ? { known: false } : { known: true, next: { ...next } }
      },
    },
  })
  await serveTrials(bus, runtimes, point)
  const app = stack.use(
    buildApp({
      ...point,
      config,
      log,
      store,
      metrics: gauges,
      peers,
      bearer: openBearer({ publicUrl: publicUrl(config), bound: egressBound(config.UPSTREAM_EGRESS), log }),
      answerRequest: (exchange) => answerRequest(core.endpoint, exchange),
      answerNotification: (client, _only, method) => answerNotification(core.endpoint, client, method),
    }),
  )
  await app.listen({ host: config.HOST, port: config.MCP_PORT })
  return stack.move()
}

function openRuntimes(
  bus: GatewayBus,
  { snapshots }: OpenDecisionPoint,
  watched: Watched,
  config: Config,
  log: Log,
): Runtimes {
  return connectRuntimes({
    snapshots,
    load: (project_id) => bus.call(projects.rpc.getRuntime, { project_id }),
    pins: watched.pins,
    async reportTools(project_id, upstream_id, tools) {
      let pins = {}
      // What one message carries is bounded.
      for (let from = 0; from < tools.length; from += TOOLS_A_MESSAGE) {
        const part = tools.slice(from, from + TOOLS_A_MESSAGE)
        ;({ pins } = await bus.call(projects.rpc.reportTools, { project_id, upstream_id, tools: part }))
      }
      return pins
    },
    tokens: (projectId, upstreamId) =>
      upstreamTokens((input) => bus.call(projects.rpc.getUpstreamToken, input), projectId, upstreamId),
    upstreamPath: config.UPSTREAM_PATH,
    reach: reachWithin(egressBound(config.UPSTREAM_EGRESS)),
    commands: commandBound(config.UPSTREAM_COMMANDS),
    log,
  })
}

type CoreParts = {
  bus: GatewayBus
  point: OpenDecisionPoint
  watched: Watched
  runtimes: Runtimes
  peers: ReturnType<GatewayBus['peers']>
  config: Config
  log: Log
}

function coreOf({ bus, point, watched, runtimes, peers, config, log }: CoreParts) {
  const { pdp, snapshots, limits } = point
  return gatewayCore({
    instance: peers.instance,
    pdp,
    snapshots,
    runtimes,
    held: {
      request: (input) => bus.call(projects.rpc.requestApproval, input),
      decideInClient: (input) => bus.call(projects.rpc.decideInClient, input),
      use: (input) => bus.call(projects.rpc.useApproval, input),
      approvals: watched.approvals,
    },
    askToResume: (instance, input) => peers.ask(instance, 'resume', input, input.timeout_ms),
    // A window with room for one.
    once: async (id, forMs) => (await limits.take([{ key: `once:${id}`, calls: 1, perMs: forMs }], id)).taken,
    isValid: ({ client }) => {
      const now = new Date()
      return stillHolds(snapshots, client.credential, now) && !isKilled(snapshots, client.credential, now)
    },
    stateKey: Buffer.from(config.MCP_SESSION_KEY, 'hex'),
    upstreamTimeoutMs: config.UPSTREAM_TIMEOUT_MS,
    keyedHash: hmacSha256(config.AUDIT_DIGEST_KEY),
    log,
  })
}

function serveTrials(
  bus: GatewayBus,
  runtimes: Runtimes,
  { snapshots, limits }: OpenDecisionPoint,
): Promise<void> {
  const checks = {
    nats: () => bus.ping(),
    redis: () => limits.ping(),
    policies: () => (snapshots.current() ? Promise.resolve(0) : Promise.reject(new Error('not watched'))),
  }
  return bus.serve('mcp-gateway', mcpGateway.rpc, {
    checkHealth: () => healthOf(checks),
    tryUpstream: async ({ project_id, slug }) => tryUpstream(await runtimes.of(project_id), slug),
    tryConnection: async ({ project_id, name }) => tryConnection(await runtimes.of(project_id), name),
    describeConnection: async ({ project_id, name }) =>
      describeConnection(await runtimes.of(project_id), name),
  })
}
