import { connectBus } from '@mcpshield/bus/connect'
import { flow } from '@mcpshield/contracts/flow'
import { projects } from '@mcpshield/contracts/projects'
import { openDecisionPoint } from '@mcpshield/pdp/open'
import type { Log } from '@mcpshield/runtime/log'
import { buildApp } from './app.ts'
import type { Config } from './config.ts'
import { connectRuntimes } from './runtimes.ts'
import { sessions } from './session.ts'

export async function start(config: Config, log: Log): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  const bus = stack.use(
    await connectBus(
      { url: config.NATS_URL, creds: config.NATS_CREDS, name: 'mcp-gateway', log },
      flow['mcp-gateway'],
    ),
  )
  const point = stack.use(
    await openDecisionPoint(bus, { redisUrl: config.REDIS_URL, digestKeyHex: config.AUDIT_DIGEST_KEY, log }),
  )
  const runtimes = stack.use(
    connectRuntimes({
      snapshots: point.snapshots,
      load: (projectId) => bus.call(projects.rpc.getRuntime, { project_id: projectId }),
      upstreamPath: config.UPSTREAM_PATH,
      upstreamTimeoutMs: config.UPSTREAM_TIMEOUT_MS,
      log,
    }),
  )
  const app = buildApp({
    config,
    log,
    ...point,
    runtimes,
    sessions: sessions(Buffer.from(config.MCP_SESSION_KEY, 'hex')),
  })
  await app.listen({ host: config.HOST, port: config.MCP_PORT })
  stack.defer(() => app.close())
  return stack.move()
}
