// The map of the service: what it connects to, serves, watches, consumes, carries and keeps up.
import { connectBus, type Bus } from '@mcpshield/bus/connect'
import { siemDurable } from '@mcpshield/bus/siem-accounts'
import { AuditEvent } from '@mcpshield/contracts/audit'
import { billing } from '@mcpshield/contracts/billing'
import { busKeys } from '@mcpshield/contracts/bus-keys'
import { consumption, flow } from '@mcpshield/contracts/flow'
import { projects } from '@mcpshield/contracts/projects'
import { siem } from '@mcpshield/contracts/siem'
import { AUDIT_TOPIC } from '@mcpshield/db/admin-audit'
import { connectDb } from '@mcpshield/db/connect'
import { relayOutbox, type Relay } from '@mcpshield/db/outbox'
import { outboxDepth } from '@mcpshield/db/outbox-depth'
import { masterSealer } from '@mcpshield/db/seal'
import { egressBound } from '@mcpshield/oauth/egress-bound'
import { outboxGauges } from '@mcpshield/runtime/gauges'
import type { Log } from '@mcpshield/runtime/log'
import { metrics } from '@mcpshield/runtime/metrics'
import { telemetry } from '@mcpshield/runtime/telemetry'
import { writerConnector } from './account.ts'
import type { Config } from './config.ts'
import { database } from './entities.ts'
import { feedRunner } from './feed-runner.ts'
import { keepFeeds } from './feeds.ts'
import { openForwarder } from './forwarding.ts'
import { forgetOrganization } from './organizations.ts'
import { knownPlans } from './plan.ts'
import { reachWithin } from './reach.ts'
import { sealAnew, secretsOf } from './secrets.ts'
import { siemService } from './service.ts'
import { settlers, type SettlingDeps } from './settling.ts'
import { standings } from './standing.ts'
import { siemStore, type Store } from './store.ts'
import { REAL_TEMPO } from './tempo.ts'
import { keepUp } from './upkeep.ts'

type SiemBus = Bus<typeof flow.siem>

/** Shorter than the deadline of the endpoint that waits for it. */
const ENTITLEMENTS_WITHIN_MS = 3_000

export async function start(config: Config, log: Log, tempo = REAL_TEMPO): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  const db = stack.use(await connectDb(database(config.DATABASE_URL)))
  const options = { url: config.NATS_URL, creds: config.NATS_CREDS, name: 'siem', log, telemetry }
  const bus: SiemBus = stack.use(await connectBus(options, flow.siem))
  const now = () => new Date()
  const plans = knownPlans()
  stack.use(await bus.watch(billing.kv.entitlements, plans.watcher))
  const durables = bus.durables('AUDIT')
  const natsUrl = config.SIEM_NATS_URL ?? config.NATS_URL
  const accounts = accountsBy(bus, natsUrl)
  // The relay is made with the store, and woken by it.
  const store: Store = siemStore(db, () => relay.wake())
  const rows = store.everywhere
  const settling: SettlingDeps = { rows, plans, durables: () => durables, ...accounts, now }
  const deliverers = {
    ...settlers(settling),
    [AUDIT_TOPIC]: ({ payload }: { payload: unknown }) => bus.audit.record(AuditEvent.parse(payload)),
  }
  const relay: Relay = stack.use(relayOutbox(db, 'siem', deliverers, log))
  stack.use(outboxGauges(metrics, 'siem', () => outboxDepth(db)))
  const lost = await sealAnew(rows, config.MASTER_KEY, config.MASTER_KEY_PREVIOUS)
  if (lost.length > 0) log.error({ feeds: lost }, 'secrets that no master key opens')
  const secrets = secretsOf(masterSealer(config.MASTER_KEY, config.MASTER_KEY_PREVIOUS))
  const reach = reachWithin(egressBound(config.FORWARDER_EGRESS, 'FORWARDER_EGRESS'))
  const open = openForwarder({ secrets, reach, now })
  const told = standings(now)
  const service = siemService({
    store,
    secrets,
    plans,
    askPlan: (org_id, requestId) =>
      bus.call(billing.rpc.getEntitlements, { org_id }, { requestId, timeoutMs: ENTITLEMENTS_WITHIN_MS }),
    pending: async (id) => (await durables.state(siemDurable(id)).catch(() => undefined))?.pending,
    ...accounts,
    natsUrl: config.SIEM_PUBLIC_URL ?? natsUrl,
    openForwarder: open,
    now,
    checks: { postgres: () => store.ping(), nats: () => bus.ping() },
  })
  await bus.serve('siem', siem.rpc, service)
  stack.use(await consumeDeletions(bus, store))
  stack.use(keepUp({ rows, plans, now, log, everyMs: tempo.everyMs }))
  const run = feedRunner({
    rows,
    durables,
    connectWriter: accounts.connectWriter,
    openForwarder: open,
    standings: told,
    log,
    tempo,
  })
  stack.use(keepFeeds({ rows, plans, standings: told, run, now, log, everyMs: tempo.everyMs }))
  return stack.move()
}

/** What `bus-keys` signs, and the connections that are made with it. */
function accountsBy(bus: SiemBus, natsUrl: string) {
  return {
    async setAccount(credential_id: string, state: 'open' | 'resting' | 'revoked' | 'closed') {
      await bus.call(busKeys.rpc.setAccount, { credential_id, state })
    },
    async signReader(of: { credentialId: string; orgId: string; userKey: string; expiresAt: string | null }) {
      const { credentialId, orgId, userKey, expiresAt } = of
      const asked = { credential_id: credentialId, org_id: orgId, user_key: userKey, expires_at: expiresAt }
      return (await bus.call(busKeys.rpc.signReader, asked)).jwt
    },
    connectWriter: writerConnector(
      natsUrl,
      async (credential_id, user_key) =>
        (await bus.call(busKeys.rpc.signWriter, { credential_id, user_key })).jwt,
    ),
  }
}

function consumeDeletions(bus: SiemBus, store: Store): Promise<AsyncDisposable> {
  return bus.consume(consumption.siemOrganizations, async (message) => {
    const deleted = projects.evt.organizationDeleted.payload.safeParse(message.json())
    if (!deleted.success) return message.bury('not an event of this contract')
    await forgetOrganization(store.everywhere, deleted.data.org_id)
    message.ack()
  })
}
