// Watched key-value buckets: what decision points hold in memory.
import { jetstream } from '@nats-io/jetstream'
import { Kvm, type KvWatchEntry } from '@nats-io/kv'
import type { NatsConnection, QueuedIterator } from 'nats'
import type { KvDef } from '@mcpshield/contracts/define'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from './log.ts'

export type BucketWatcher<V> = {
  put(key: string, value: V): void
  remove(key: string): void
  /** The whole bucket is about to be told again; whatever is not told again is gone. */
  reset(): void
}

export type Watching = AsyncDisposable & {
  /** False while the watch is broken: what is held may be old. */
  current(): boolean
}

/** Resolves once the whole bucket has been told; goes on telling changes until disposed. */
export async function watchBucket(
  connection: NatsConnection,
  def: KvDef,
  watcher: BucketWatcher<unknown>,
  log: Log,
): Promise<Watching> {
  let stopped = false
  let current = false
  let iterator: QueuedIterator<KvWatchEntry> | undefined
  const loaded = Promise.withResolvers<void>()

  const once = async () => {
    const bucket = await new Kvm(jetstream(connection)).open(def.bucket)
    const { values } = await bucket.status()
    watcher.reset()
    iterator = await bucket.watch()
    const ready = () => {
      current = true
      loaded.resolve()
    }
    if (values === 0) ready()
    for await (const entry of iterator) {
      tell(def, entry, watcher, log)
      if (entry.delta === 0) ready()
    }
  }
  const forever = async () => {
    while (!stopped) {
      try {
        await once()
      } catch (error) {
        log.error({ err: error, bucket: def.bucket }, 'watch')
      }
      current = false
      if (!stopped) await sleep(250)
    }
  }
  const done = forever()
  await loaded.promise
  return {
    current: () => current,
    async [Symbol.asyncDispose]() {
      stopped = true
      iterator?.stop()
      await done
    },
  }
}

function tell(def: KvDef, entry: KvWatchEntry, watcher: BucketWatcher<unknown>, log: Log): void {
  if (entry.operation !== 'PUT') {
    watcher.remove(entry.key)
    return
  }
  const parsed = def.value.safeParse(entry.json())
  if (parsed.success) {
    watcher.put(entry.key, parsed.data)
    return
  }
  // An entry nobody understands counts as gone: without it, calls are denied.
  log.error(
    { bucket: def.bucket, key: entry.key, issues: parsed.error.issues },
    'watch: entry not understood',
  )
  watcher.remove(entry.key)
}

export type KvWriter<V> = { put(key: string, value: V): Promise<void>; remove(key: string): Promise<void> }

export async function kvWriter(connection: NatsConnection, def: KvDef): Promise<KvWriter<unknown>> {
  const bucket = await new Kvm(jetstream(connection)).open(def.bucket)
  return {
    async put(key, value) {
      await bucket.put(key, JSON.stringify(value))
    },
    async remove(key) {
      await bucket.delete(key)
    },
  }
}
