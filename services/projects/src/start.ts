// The map of the service: what it connects to, serves, consumes and tells.
import { connectBus } from '@mcpshield/bus/connect'
import { AuditEvent } from '@mcpshield/contracts/audit'
import { auth } from '@mcpshield/contracts/auth'
import { consumption, flow } from '@mcpshield/contracts/flow'
import { projects } from '@mcpshield/contracts/projects'
import { connectDb } from '@mcpshield/db/connect'
import { relayOutbox, type Relay } from '@mcpshield/db/outbox'
import { masterSealer } from '@mcpshield/db/seal'
import type { Log } from '@mcpshield/runtime/log'
import { preparePolicyCheck } from './check-policy.ts'
import type { Config } from './config.ts'
import { database } from './entities.ts'
import { organizationOf } from './organizations.ts'
import { secretStore } from './secrets.ts'
import { projectsService } from './service.ts'
import { keySnapshot, policySnapshot } from './snapshots.ts'
import { projectsStore } from './store.ts'

export async function start(config: Config, log: Log): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  const db = stack.use(await connectDb(database(config.DATABASE_URL)))
  const bus = stack.use(
    await connectBus(
      { url: config.NATS_URL, creds: config.NATS_CREDS, name: 'projects', log },
      flow.projects,
    ),
  )
  const [policies, keys] = [await bus.writer(projects.kv.policies), await bus.writer(projects.kv.keys)]
  const relay: Relay = stack.use(
    relayOutbox(
      db,
      'projects',
      {
        policies: async ({ key }) => putOrRemove(policies, key, await policySnapshot(db.fork(), key)),
        keys: async ({ key }) => putOrRemove(keys, key, await keySnapshot(db.fork(), key)),
        audit: ({ payload }) => bus.audit.record(AuditEvent.parse(payload)),
      },
      log,
    ),
  )
  const store = projectsStore(db, () => relay.wake())
  const now = () => new Date()
  const service = projectsService({
    store,
    secrets: secretStore(masterSealer(config.MASTER_KEY, config.MASTER_KEY_PREVIOUS)),
    checkPolicy: await preparePolicyCheck(),
    now,
    checks: { postgres: () => store.ping(), nats: () => bus.ping() },
  })
  await bus.serve('projects', projects.rpc, service)
  stack.use(
    await bus.consume(consumption.projectsOrganizations, async (message) => {
      const person = auth.evt.userRegistered.payload.safeParse(message.json())
      if (!person.success) return message.bury('not an event of this contract')
      await organizationOf({ store, now }, person.data)
      message.ack()
    }),
  )
  return stack.move()
}

type Writer<V> = { put(key: string, value: V): Promise<void>; remove(key: string): Promise<void> }

function putOrRemove<V>(bucket: Writer<V>, key: string, value: V | undefined): Promise<void> {
  return value === undefined ? bucket.remove(key) : bucket.put(key, value)
}
