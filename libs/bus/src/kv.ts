// Watched key-value buckets: what decision points hold in memory.
import { jetstream } from '@nats-io/jetstream'
import { Kvm, type KvWatchEntry } from '@nats-io/kv'
import type { NatsConnection, QueuedIterator } from 'nats'
import type { KvDef } from '@mcpshield/contracts/define'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from './log.ts'
import { notAcknowledged } from './not-acknowledged.ts'

export type BucketWatcher<V> = {
  put(key: string, value: V): void
  remove(key: string): void
}

export type Watching = AsyncDisposable & {
  /** False from a lost connection until the whole bucket has been told again: what is held may be old. */
  current(): boolean
  /** For how long it has not been current; 0 while it is. */
  staleMs(): number
}

/** Resolves once the whole bucket has been told; goes on telling changes until disposed. */
export async function watchBucket(
  connection: NatsConnection,
  def: KvDef,
  watcher: BucketWatcher<unknown>,
  log: Log,
): Promise<Watching> {
  const known = new Set<string>()
  const loaded = Promise.withResolvers<void>()
  let stopped = false
  let current = false
  let staleSinceMs = performance.now()
  const outdated = () => {
    if (current) staleSinceMs = performance.now()
    current = false
  }
  let iterator: QueuedIterator<KvWatchEntry> | undefined

  const once = async () => {
    const bucket = await new Kvm(jetstream(connection)).open(def.bucket)
    const { values, streamInfo } = await bucket.status()
    const newest = streamInfo.state.last_seq
    const told = new Set<string>()
    const ready = () => {
      if (current) return
      for (const key of known) if (!told.has(key)) forget(key)
      current = true
      loaded.resolve()
    }
    const forget = (key: string) => {
      known.delete(key)
      watcher.remove(key)
    }
    iterator = await bucket.watch()
    if (values === 0) ready()
    for await (const entry of iterator) {
      const value = valueOf(def, entry, log)
      if (value === undefined) forget(entry.key)
      else {
        told.add(entry.key)
        known.add(entry.key)
        watcher.put(entry.key, value)
      }
      // Not by the count of what is left alone: the server miscounts when a key is written to meanwhile, for good.
      if (entry.delta === 0 || entry.revision >= newest) ready()
    }
  }
  const forever = async () => {
    while (!stopped) {
      try {
        await once()
      } catch (error) {
        log.error({ err: error, bucket: def.bucket }, 'watch')
      }
      outdated()
      if (!stopped) await sleep(250)
    }
  }
  // A server that restarted has forgotten the watch; waiting for its heartbeats to stay away takes too long.
  const followConnection = async () => {
    for await (const status of connection.status()) {
      if (stopped) return
      if (status.type === 'disconnect') outdated()
      if (status.type === 'reconnect') iterator?.stop()
    }
  }
  void followConnection()
  const done = forever()
  await loaded.promise
  return {
    current: () => current,
    staleMs: () => (current ? 0 : performance.now() - staleSinceMs),
    async [Symbol.asyncDispose]() {
      stopped = true
      iterator?.stop()
      await done
    },
  }
}

/** The entry's value; undefined when it was removed, or when nobody understands it: calls are then denied. */
function valueOf(def: KvDef, entry: KvWatchEntry, log: Log): unknown {
  if (entry.operation !== 'PUT') return undefined
  const parsed = def.value.safeParse(entry.json())
  if (parsed.success) return parsed.data
  log.error(
    { bucket: def.bucket, key: entry.key, issues: parsed.error.issues },
    'watch: entry not understood',
  )
  return undefined
}

export type KvWriter<V> = { put(key: string, value: V): Promise<void>; remove(key: string): Promise<void> }

export async function kvWriter(connection: NatsConnection, def: KvDef): Promise<KvWriter<unknown>> {
  const bucket = await new Kvm(jetstream(connection)).open(def.bucket)
  return {
    async put(key, value) {
      await acknowledged(bucket.put(key, JSON.stringify(value)))
    },
    async remove(key) {
      await acknowledged(bucket.delete(key))
    },
  }
}

async function acknowledged(writing: Promise<unknown>): Promise<void> {
  try {
    await writing
  } catch (cause) {
    throw notAcknowledged('The bucket did not acknowledge the value.', cause)
  }
}
