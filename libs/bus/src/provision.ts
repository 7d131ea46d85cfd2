// Makes streams, buckets and durable consumers equal to what the contracts say. Run by migrations, never
// by a serving process.
import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream'
import { Kvm } from '@nats-io/kv'
import { nanos, type NatsConnection } from 'nats'
import { consumption, flow, type Consumption, type FlowRow } from '@mcpshield/contracts/flow'
import { streams, type StreamSpec } from '@mcpshield/contracts/streams'

/** `replicas`: on how many servers of a cluster each stream and bucket is kept. */
export async function provision(connection: NatsConnection, { replicas = 1 } = {}): Promise<void> {
  const manager = await jetstreamManager(connection)
  for (const spec of Object.values(streams) as StreamSpec[]) await upsertStream(manager, spec, replicas)
  const kvm = new Kvm(connection)
  const buckets = new Set(Object.values(flow).flatMap((row) => row.writes.map((def) => def.bucket)))
  for (const bucket of buckets) {
    await kvm.create(bucket, {
      history: 1,
      storage: StorageType.File,
      max_bytes: 512 * 1024 ** 2,
      replicas,
    })
    // One that was there before keeps what it had.
    await manager.streams.update(`KV_${bucket}`, { num_replicas: replicas })
  }
  for (const each of Object.values(consumption)) await upsertConsumer(manager, each)
  for (const { name } of Object.values(streams)) await removeObsoleteConsumers(manager, name)
}

type Manager = Awaited<ReturnType<typeof jetstreamManager>>

async function upsertStream(manager: Manager, spec: StreamSpec, replicas: number): Promise<void> {
  const config = {
    name: spec.name,
    subjects: spec.subjects,
    retention: spec.retention === 'workqueue' ? RetentionPolicy.Workqueue : RetentionPolicy.Limits,
    storage: StorageType.File,
    max_age: nanos(spec.maxAgeMs),
    max_bytes: spec.maxBytes,
    duplicate_window: nanos(spec.duplicateWindowMs),
    discard: spec.discard === 'new' ? DiscardPolicy.New : DiscardPolicy.Old,
    num_replicas: replicas,
  }
  try {
    await manager.streams.info(spec.name)
    await manager.streams.update(spec.name, config)
  } catch (error) {
    if (!isNotFound(error)) throw error
    await manager.streams.add(config)
  }
}

async function upsertConsumer(manager: Manager, each: Consumption): Promise<void> {
  await manager.consumers.add(each.stream, {
    durable_name: each.durable,
    filter_subject: each.filter,
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    ack_wait: nanos(each.ackWaitMs),
    max_ack_pending: each.maxAckPending,
    max_deliver: -1,
  })
}

/**
 * A durable consumer of ours (`<service>-<purpose>`) that flow.ts does not name any more would hold back a work queue
 * for ever. Those that a service makes for customers, those of others, and the nameless ones of readers are left alone.
 */
async function removeObsoleteConsumers(manager: Manager, stream: string): Promise<void> {
  const known = Object.values<Consumption>(consumption).filter((each) => each.stream === stream)
  const services = (Object.entries(flow) as [string, FlowRow][])
    .filter(([, row]) => !row.keepsConsumers.some((each) => each.stream === stream))
    .map(([name]) => name)
  for await (const { config } of manager.consumers.list(stream)) {
    const name = config.durable_name
    const ours = services.some((service) => name?.startsWith(`${service}-`))
    if (name !== undefined && ours && !known.some(({ durable }) => durable === name))
      await manager.consumers.delete(stream, name)
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && /not found/i.test(error.message)
}
