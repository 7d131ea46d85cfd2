// The map of the service: what it connects to, serves, consumes, tells and does by the clock.
import { connectBus, type Bus } from '@mcpshield/bus/connect'
import { AuditEvent } from '@mcpshield/contracts/audit'
import { billing } from '@mcpshield/contracts/billing'
import { consumption, flow } from '@mcpshield/contracts/flow'
import { ingest } from '@mcpshield/contracts/ingest'
import { mailer, type MailJob } from '@mcpshield/contracts/mailer'
import { projects } from '@mcpshield/contracts/projects'
import { AUDIT_TOPIC } from '@mcpshield/db/admin-audit'
import { connectDb } from '@mcpshield/db/connect'
import { relayOutbox, type Relay } from '@mcpshield/db/outbox'
import { outboxDepth } from '@mcpshield/db/outbox-depth'
import type { Log } from '@mcpshield/runtime/log'
import { metrics } from '@mcpshield/runtime/metrics'
import { outboxGauges } from '@mcpshield/runtime/gauges'
import { telemetry } from '@mcpshield/runtime/telemetry'
import { closeEnded, endSubscription } from './closing.ts'
import type { Config } from './config.ts'
import { database } from './entities.ts'
import { manualInvoicing } from './manual-invoicing.ts'
import { repeat } from './repeat.ts'
import { billingService } from './service.ts'
import { ENTITLEMENTS_TOPIC, billingStore } from './store.ts'
import { entitlementsOf } from './terms.ts'
import { warnOfUsage } from './warnings.ts'

/** How the service knows the time, and how often it looks for periods that have ended. */
export type Clock = { now(): Date; everyMs: number }
const realClock: Clock = { now: () => new Date(), everyMs: 60_000 }

type BillingBus = Bus<typeof flow.billing>

export async function start(config: Config, log: Log, clock = realClock): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  const db = stack.use(await connectDb(database(config.DATABASE_URL)))
  const options = { url: config.NATS_URL, creds: config.NATS_CREDS, name: 'billing', log, telemetry }
  const bus: BillingBus = stack.use(await connectBus(options, flow.billing))
  stack.use(outboxGauges(metrics, 'billing', () => outboxDepth(db)))
  const store = billingStore(db, () => relay.wake())
  const entitlements = await bus.writer(billing.kv.entitlements)
  const deliverers = {
    // Made from the row as it now is: told late or twice, it is still right.
    [ENTITLEMENTS_TOPIC]: async ({ key }: { key: string }) => {
      const row = await store.find(key)
      await (row === null ? entitlements.remove(key) : entitlements.put(key, entitlementsOf(key, row)))
    },
    [AUDIT_TOPIC]: ({ payload }: { payload: unknown }) => bus.audit.record(AuditEvent.parse(payload)),
  }
  const relay: Relay = stack.use(relayOutbox(db, 'billing', deliverers, log))
  // Plans may have changed with this version, or the bucket may be a new one.
  await store.tellAll()

  const others = askOthers(bus)
  const deps = { ...others, store, provider: manualInvoicing, now: () => clock.now() }
  const checks = { postgres: () => store.ping(), nats: () => bus.ping() }
  await bus.serve('billing', billing.rpc, billingService({ ...deps, checks }))
  stack.use(
    await bus.consume(consumption.billingUsage, async (message) => {
      const reached = ingest.evt.usageReached.payload.safeParse(message.json())
      if (!reached.success) return message.bury('not an event of this contract')
      await warnOfUsage(others, reached.data)
      message.ack()
    }),
  )
  stack.use(
    await bus.consume(consumption.billingOrganizations, async (message) => {
      const deleted = projects.evt.organizationDeleted.payload.safeParse(message.json())
      if (!deleted.success) return message.bury('not an event of this contract')
      await endSubscription(deps, deleted.data.org_id)
      message.ack()
    }),
  )
  stack.use(repeat(() => closeEnded(deps, log), clock.everyMs, log))
  return stack.move()
}

/** Shorter than the deadlines of the endpoints that wait for it: who asks is told who did not answer. */
const WITHIN_MS = { projects: 3_000, ingest: 10_000 }

/** What other services know. */
function askOthers(bus: BillingBus) {
  return {
    async countProjects(org_id: string) {
      const within = { timeoutMs: WITHIN_MS.projects }
      return (await bus.call(projects.rpc.countProjects, { org_id }, within)).count
    },
    async countEvents(org_id: string, from: Date, to: Date) {
      const span = { org_id, from: from.toISOString(), to: to.toISOString() }
      return (await bus.call(ingest.rpc.countEvents, span, { timeoutMs: WITHIN_MS.ingest })).count
    },
    listAdministrators: (org_id: string) => bus.call(projects.rpc.listAdministrators, { org_id }),
    sendMail: (job: MailJob) => bus.enqueue(mailer.job.send, job, job.id),
  }
}
