// What Redis holds: sessions, codes, limits, counts, as the server's own dumps with the moment at which each ends.
import { Readable } from 'node:stream'
import { createInterface } from 'node:readline'
import { Redis } from 'ioredis'
import { openCopy, type BackupWriter } from './backup-folder.ts'

export type KeysOptions = { url: string; progress: (line: string) => void }

const AT_ONCE = 500
const FILE = 'redis/keys.jsonl.gz'

type Kept = { key: string; ends_at_ms: number; dump: string }

export async function backUpKeys(backup: BackupWriter, { url, progress }: KeysOptions): Promise<void> {
  await connected(url, async (redis) => {
    let count = 0
    async function* lines() {
      for await (const keys of redis.scanBufferStream({ count: AT_ONCE }) as AsyncIterable<Buffer[]>) {
        const nowMs = Date.now()
        for (const kept of await dumpsOf(redis, keys, nowMs)) {
          count++
          yield `${JSON.stringify(kept)}\n`
        }
      }
    }
    await backup.write(FILE, Readable.from(lines(), { objectMode: false }), () => count)
    progress(`redis: ${count} keys`)
  })
}

/** Puts the keys in the place of all that are there; what has ended meanwhile stays away. */
export async function restoreKeys(folder: string, { url, progress }: KeysOptions): Promise<void> {
  await connected(url, async (redis) => {
    await redis.flushdb()
    let count = 0
    for await (const line of createInterface({ input: openCopy(folder, FILE) })) {
      const { key, ends_at_ms, dump } = JSON.parse(line) as Kept
      if (ends_at_ms !== 0 && ends_at_ms <= Date.now()) continue
      await redis.restore(
        Buffer.from(key, 'base64'),
        ends_at_ms,
        Buffer.from(dump, 'base64'),
        'REPLACE',
        'ABSTTL',
      )
      count++
    }
    progress(`redis: ${count} keys`)
  })
}

async function dumpsOf(redis: Redis, keys: Buffer[], nowMs: number): Promise<Kept[]> {
  if (keys.length === 0) return []
  const pipeline = redis.pipeline()
  for (const key of keys) pipeline.pttl(key).dumpBuffer(key)
  const answers = (await pipeline.exec()) ?? []
  return keys.flatMap((key, index) => {
    const [failed, ttlMs] = answers[index * 2] ?? []
    const [alsoFailed, dump] = answers[index * 2 + 1] ?? []
    if (failed ?? alsoFailed) throw (failed ?? alsoFailed)!
    // It ended between the two questions.
    if (!Buffer.isBuffer(dump)) return []
    const ends_at_ms = (ttlMs as number) > 0 ? nowMs + (ttlMs as number) : 0
    return [{ key: key.toString('base64'), ends_at_ms, dump: dump.toString('base64') }]
  })
}

async function connected<T>(url: string, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 1 })
  redis.on('error', () => undefined)
  await redis.connect()
  try {
    return await work(redis)
  } finally {
    redis.disconnect()
  }
}
