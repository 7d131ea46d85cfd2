import { connectBus } from '@mcpshield/bus/connect'
import { decision } from '@mcpshield/contracts/decision'
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
import { decisionService } from './service.ts'

export async function start(config: Config, log: Log): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  await prepareParsers()
  const bus = stack.use(
    await connectBus(
      { url: config.NATS_URL, creds: config.NATS_CREDS, name: 'decision', log },
      flow.decision,
    ),
  )
  const snapshots = stack.use(await watchSnapshots(bus, log))
  const limits = stack.use(connectLimitStore(config.REDIS_URL, log))
  const uses = stack.use(keyUse((batch) => bus.call(projects.rpc.reportKeyUse, { uses: batch }), log))
  const pdp = decisionPoint({
    snapshots,
    limits,
    audit: bus.audit,
    factsCache: factsCache(),
    keyedHash: hmacSha256(config.AUDIT_DIGEST_KEY),
    now: () => new Date(),
  })
  const service = decisionService({
    pdp,
    snapshots,
    limits,
    uses,
    ping: () => bus.ping(),
    now: () => new Date(),
  })
  await bus.serve('decision', decision.rpc, service)
  const app = buildApp({ snapshots, service, log })
  await app.listen({ host: config.HOST, port: config.DECISION_PORT })
  stack.defer(() => app.close())
  return stack.move()
}
