// The map of the service: what it connects to, serves and consumes.
import { connectBus } from '@mcpshield/bus/connect'
import { consumption, flow } from '@mcpshield/contracts/flow'
import { ingest } from '@mcpshield/contracts/ingest'
import type { Log } from '@mcpshield/runtime/log'
import { connectClickhouse, isRefusal } from './clickhouse.ts'
import type { Config } from './config.ts'
import { startIntake } from './intake.ts'
import { selectDecision, selectDecisions, selectOutcomes } from './queries.ts'
import { ingestService } from './service.ts'

/** How long a decision can be read after it was received. */
const RETENTION_DAYS = 30

export async function start(config: Config, log: Log): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  const store = stack.use(connectClickhouse(config.CLICKHOUSE_URL))
  const bus = stack.use(
    await connectBus({ url: config.NATS_URL, creds: config.NATS_CREDS, name: 'ingest', log }, flow.ingest),
  )
  const service = ingestService({
    records: {
      decisions: (...asked) => selectDecisions(store, ...asked),
      decision: (...asked) => selectDecision(store, ...asked),
      outcomes: (...asked) => selectOutcomes(store, ...asked),
    },
    checks: { clickhouse: () => store.ping(), nats: () => bus.ping() },
  })
  await bus.serve(ingest.name, ingest.rpc, service)
  const intake = stack.use(
    startIntake({
      insert: async ({ decisions, outcomes }) => {
        await Promise.all([
          store.insert('audit_decisions', decisions),
          store.insert('audit_outcomes', outcomes),
        ])
      },
      isRefusal,
      ackWaitMs: consumption.ingestAudit.ackWaitMs,
      retentionDays: RETENTION_DAYS,
      log,
    }),
  )
  stack.use(await bus.consume(consumption.ingestAudit, (message) => intake.accept(message)))
  // First of all on the way down: a message that waits for room would keep the consumer from ending.
  stack.defer(() => intake.close())
  return stack.move()
}
