import { connectBus } from '@mcpshield/bus/connect'
import { flow } from '@mcpshield/contracts/flow'
import { projects } from '@mcpshield/contracts/projects'
import { prepareParsers } from '@mcpshield/facts/draw'
import { decisionPoint } from '@mcpshield/pdp/decide-call'
import { factsCache } from '@mcpshield/pdp/facts-cache'
import { keyUse } from '@mcpshield/pdp/key-use'
import { connectLimitStore } from '@mcpshield/pdp/limits'
import { hmacSha256 } from '@mcpshield/pdp/record'
import { watchSnapshots } from '@mcpshield/pdp/snapshots'
import type { Log } from '@mcpshield/runtime/log'
import { buildApp } from './app.ts'
import type { Config } from './config.ts'
import { connectRuntimes } from './runtimes.ts'
import { sessions } from './session.ts'

export async function start(config: Config, log: Log): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  await prepareParsers()
  const bus = stack.use(
    await connectBus(
      { url: config.NATS_URL, creds: config.NATS_CREDS, name: 'mcp-gateway', log },
      flow['mcp-gateway'],
    ),
  )
  const snapshots = stack.use(await watchSnapshots(bus, log))
  const limits = stack.use(connectLimitStore(config.REDIS_URL, log))
  const uses = stack.use(keyUse((batch) => bus.call(projects.rpc.reportKeyUse, { uses: batch }), log))
  const runtimes = stack.use(
    connectRuntimes({
      snapshots,
      load: (projectId) => bus.call(projects.rpc.getRuntime, { project_id: projectId }),
      upstreamPath: config.UPSTREAM_PATH,
      upstreamTimeoutMs: config.UPSTREAM_TIMEOUT_MS,
      log,
    }),
  )
  const pdp = decisionPoint({
    snapshots,
    limits,
    audit: bus.audit,
    factsCache: factsCache(),
    keyedHash: hmacSha256(config.AUDIT_DIGEST_KEY),
    now: () => new Date(),
  })
  const app = buildApp({
    config,
    log,
    pdp,
    runtimes,
    snapshots,
    uses,
    sessions: sessions(Buffer.from(config.MCP_SESSION_KEY, 'hex')),
  })
  await app.listen({ host: config.HOST, port: config.MCP_PORT })
  stack.defer(() => app.close())
  return stack.move()
}
