// The map of the service: what it connects to, serves, consumes, watches and tells.
import { connectBus } from '@mcpshield/bus/connect'
import { billing } from '@mcpshield/contracts/billing'
import { consumption, flow } from '@mcpshield/contracts/flow'
import { ingest } from '@mcpshield/contracts/ingest'
import type { Log } from '@mcpshield/runtime/log'
import { metrics } from '@mcpshield/runtime/metrics'
import { telemetry } from '@mcpshield/runtime/telemetry'
import { connectClickhouse, isRefusal } from './clickhouse.ts'
import type { Config } from './config.ts'
import { counter } from './counter.ts'
import { deletionHandler, startSweep } from './deletions.ts'
import { plans, retainUntilMs } from './entitlements.ts'
import { startIntake } from './intake.ts'
import { intakeMetrics } from './metrics.ts'
import {
  appliedRetentions,
  applyDeletion,
  applyRetention,
  noteRetention,
  recentDeletions,
  rememberDeletion,
} from './maintenance.ts'
import { reading } from './reading.ts'
import { connectCounts } from './redis.ts'
import { startRetention } from './retention.ts'
import { ingestService } from './service.ts'
import { insertRows } from './writing.ts'

export async function start(config: Config, log: Log): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  const now = () => new Date()
  const store = stack.use(connectClickhouse(config.CLICKHOUSE_URL))
  const counts = stack.use(connectCounts(config.REDIS_URL, log))
  const bus = stack.use(
    await connectBus(
      { url: config.NATS_URL, creds: config.NATS_CREDS, name: 'ingest', log, telemetry },
      flow.ingest,
    ),
  )
  const known = plans()
  const daysOf = (orgId: string) => known.limitsOf(orgId).audit_retention_days
  stack.use(await bus.watch(billing.kv.entitlements, known.watcher))
  const retention = stack.use(
    startRetention({
      daysOf,
      apply: (orgId, days) => applyRetention(store, orgId, days),
      note: (orgId, days) => noteRetention(store, orgId, days),
      noted: () => appliedRetentions(store),
      organizations: () => known.organizations(),
      log,
    }),
  )
  known.onRetentionChange((orgId) => retention.changed(orgId))

  const read = reading(store, known)
  const counted = counter({
    counts,
    limitsOf: known.limitsOf,
    storedCount: read.storedCount,
    tell: (reached, id) => bus.publish(ingest.evt.usageReached, reached, id),
    log,
  })
  const service = ingestService({
    recordsOf: read.recordsOf,
    countsOf: read.countsOf,
    reporting: { ...read, audit: bus.audit, counter: counted, marks: counts, limitsOf: known.limitsOf, now },
    usage: { usageOf: read.usageOf, limitsOf: known.limitsOf, now },
    simulation: { callsOf: read.callsOf, limitsOf: known.limitsOf, now },
    checks: { clickhouse: () => store.ping(), nats: () => bus.ping(), redis: () => counts.ping() },
  })
  await bus.serve(ingest.name, ingest.rpc, service)

  const deletions = {
    apply: applyDeletion.bind(null, store),
    remember: rememberDeletion.bind(null, store),
    recent: () => recentDeletions(store),
    forgetCounts: (orgId: string) => counts.forget(orgId),
    log,
  }
  stack.use(await bus.consume(consumption.ingestProjects, deletionHandler(deletions)))
  stack.use(await bus.consume(consumption.ingestPeople, deletionHandler(deletions)))
  stack.use(startSweep(deletions))

  const intake = stack.use(
    startIntake({
      counter: counted,
      insert: (rows) => insertRows(store, rows),
      isRefusal,
      ackWaitMs: consumption.ingestAudit.ackWaitMs,
      retainUntilMs: (orgId, receivedMs) => retainUntilMs(receivedMs, daysOf(orgId)),
      measured: intakeMetrics(metrics),
      log,
    }),
  )
  stack.use(await bus.consume(consumption.ingestAudit, (message) => intake.accept(message)))
  // First of all on the way down: a message that waits for room would keep the consumer from ending.
  stack.defer(() => intake.close())
  return stack.move()
}
