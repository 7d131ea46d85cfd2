// The map of the service: what it connects to, serves, consumes and tells.
import { connectBus, type Bus } from '@mcpshield/bus/connect'
import { AuditEvent } from '@mcpshield/contracts/audit'
import { billing } from '@mcpshield/contracts/billing'
import { consumption, flow } from '@mcpshield/contracts/flow'
import { ingest } from '@mcpshield/contracts/ingest'
import { mailer } from '@mcpshield/contracts/mailer'
import { mcpGateway } from '@mcpshield/contracts/mcp-gateway'
import { projects } from '@mcpshield/contracts/projects'
import { AUDIT_TOPIC } from '@mcpshield/db/admin-audit'
import { connectDb } from '@mcpshield/db/connect'
import { relayOutbox, type Deliverers, type Relay } from '@mcpshield/db/outbox'
import { outboxDepth } from '@mcpshield/db/outbox-depth'
import { egressBound } from '@mcpshield/oauth/egress-bound'
import { masterSealer } from '@mcpshield/db/seal'
import type { Log } from '@mcpshield/runtime/log'
import { metrics } from '@mcpshield/runtime/metrics'
import { outboxGauges } from '@mcpshield/runtime/gauges'
import { telemetry } from '@mcpshield/runtime/telemetry'
import { sweepApprovals } from './approval-sweep.ts'
import { preparePolicyCheck } from './check-policy.ts'
import type { Config } from './config.ts'
import { database } from './entities.ts'
import { giveHome, learnOfPeople } from './people.ts'
import { secretStore, wrapAnew } from './secrets.ts'
import { projectsService } from './service.ts'
import { approvalSnapshot, keySnapshot, policySnapshot } from './snapshots.ts'
import { projectsStore, type Store } from './store.ts'
import { pinSnapshot } from './tool-pins.ts'

/** How long billing may take to say what a plan includes: less than our own callers wait. */
const ENTITLEMENTS_WITHIN_MS = 3_000

export async function start(config: Config, log: Log): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  const db = stack.use(await connectDb(database(config.DATABASE_URL)))
  const bus = stack.use(
    await connectBus(
      { url: config.NATS_URL, creds: config.NATS_CREDS, name: 'projects', log, telemetry },
      flow.projects,
    ),
  )
  stack.use(outboxGauges(metrics, 'projects', () => outboxDepth(db)))
  const now = () => new Date()
  // The relay is made with the store, and woken by it.
  const store: Store = projectsStore(db, () => relay.wake())
  const relay: Relay = stack.use(relayOutbox(db, 'projects', await deliverers(bus, store, now), log))
  const master = masterSealer(config.MASTER_KEY, config.MASTER_KEY_PREVIOUS)
  const { wrapped, lost } = await wrapAnew(store.everywhere, master)
  if (wrapped > 0) log.info({ wrapped }, 'data keys are wrapped by the present master key')
  if (lost.length > 0) log.error({ organizations: lost }, 'data keys that no master key opens')
  const service = projectsService({
    store,
    secrets: secretStore(master),
    checkPolicy: await preparePolicyCheck(),
    entitlements: (org_id, requestId) =>
      bus.call(billing.rpc.getEntitlements, { org_id }, { requestId, timeoutMs: ENTITLEMENTS_WITHIN_MS }),
    simulate: (input, requestId) => bus.call(ingest.rpc.simulatePolicy, input, { requestId }),
    trial: {
      upstream: (input, requestId) => bus.call(mcpGateway.rpc.tryUpstream, input, { requestId }),
      connection: (input, requestId) => bus.call(mcpGateway.rpc.tryConnection, input, { requestId }),
    },
    apiUrl: config.API_URL,
    webUrl: config.WEB_URL,
    bound: egressBound(config.UPSTREAM_EGRESS),
    now,
    checks: { postgres: () => store.ping(), nats: () => bus.ping() },
  })
  await bus.serve('projects', projects.rpc, service)
  stack.use(sweepApprovals(store.everywhere, now, log))
  stack.use(await bus.consume(consumption.projectsPeople, learnOfPeople({ store, now })))
  return stack.move()
}

/** What goes out when a change has committed, by the outbox's topics. */
async function deliverers(
  bus: Bus<typeof flow.projects>,
  store: Store,
  now: () => Date,
): Promise<Deliverers> {
  const [policies, keys] = [await bus.writer(projects.kv.policies), await bus.writer(projects.kv.keys)]
  const [pins, approvals] = [await bus.writer(projects.kv.pins), await bus.writer(projects.kv.approvals)]
  const { projectDeleted, organizationDeleted } = projects.evt
  const { read } = store.everywhere
  return {
    policies: async ({ key }) => putOrRemove(policies, key, await read((em) => policySnapshot(em, key))),
    keys: async ({ key }) => putOrRemove(keys, key, await read((em) => keySnapshot(em, key))),
    pins: async ({ key }) => putOrRemove(pins, key, await read((em) => pinSnapshot(em, key))),
    approvals: async ({ key }) =>
      putOrRemove(approvals, key, await read((em) => approvalSnapshot(em, key, now()))),
    homes: ({ key }) => giveHome({ store, now }, key),
    mail: ({ payload, messageId }) =>
      bus.enqueue(mailer.job.send, mailer.job.send.payload.parse(payload), messageId),
    projectDeleted: ({ payload, messageId }) =>
      bus.publish(projectDeleted, projectDeleted.payload.parse(payload), messageId),
    organizationDeleted: ({ payload, messageId }) =>
      bus.publish(organizationDeleted, organizationDeleted.payload.parse(payload), messageId),
    [AUDIT_TOPIC]: ({ payload }) => bus.audit.record(AuditEvent.parse(payload)),
  }
}

type Writer<V> = { put(key: string, value: V): Promise<void>; remove(key: string): Promise<void> }

function putOrRemove<V>(bucket: Writer<V>, key: string, value: V | undefined): Promise<void> {
  return value === undefined ? bucket.remove(key) : bucket.put(key, value)
}
