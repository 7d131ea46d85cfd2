import { connectBus } from '@mcpshield/bus/connect'
import { decision } from '@mcpshield/contracts/decision'
import { flow } from '@mcpshield/contracts/flow'
import { openDecisionPoint } from '@mcpshield/pdp/open'
import { policyGauges } from '@mcpshield/runtime/gauges'
import type { Log } from '@mcpshield/runtime/log'
import { metrics } from '@mcpshield/runtime/metrics'
import { telemetry } from '@mcpshield/runtime/telemetry'
import { buildApp } from './app.ts'
import type { Config } from './config.ts'
import { decisionService } from './service.ts'

export async function start(config: Config, log: Log): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  const bus = stack.use(
    await connectBus(
      { url: config.NATS_URL, creds: config.NATS_CREDS, name: 'decision', log, telemetry },
      flow.decision,
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
  stack.use(policyGauges(metrics, point.snapshots))
  const service = decisionService({ ...point, ping: () => bus.ping(), now: () => new Date() })
  await bus.serve('decision', decision.rpc, service)
  const app = buildApp({ snapshots: point.snapshots, service, metrics, log })
  await app.listen({ host: config.HOST, port: config.DECISION_PORT })
  stack.defer(() => app.close())
  return stack.move()
}
