// What changes in the life of a session, for every instance: its log level, where its client listens, that it ended.
// Redis keeps it. Where it does not answer, sessions work with what is known here.
import { once } from 'node:events'
import { Redis } from 'ioredis'
import type { Log } from '@mcpshield/runtime/log'

export type SessionState = {
  logLevel: string | null
  ended: boolean
  /** The instance that has the client's GET stream. */
  follower: string | null
}

export type SessionStore = AsyncDisposable & {
  /** Undefined when there is no answer. Never rejects. */
  read(digest: string): Promise<SessionState | undefined>
  setLogLevel(digest: string, level: string): Promise<void>
  end(digest: string): Promise<void>
  follow(digest: string, instance: string): Promise<void>
  /** The stream at this instance is closed; another's that came after it stays. */
  unfollow(digest: string, instance: string): Promise<void>
}

const IDLE_SECONDS = 24 * 3600
/** An id that was ended opens nothing that its credential would not open without it, and is remembered longer all the same. */
const ENDED_SECONDS = 7 * 24 * 3600
const COMMAND_TIMEOUT_MS = 500
/** How long the first connection is waited for; without it the gateway works all the same. */
const CONNECT_WITHIN_MS = 2_000

const UNFOLLOW = `
if redis.call('HGET', KEYS[1], 'follower') == ARGV[1] then redis.call('HDEL', KEYS[1], 'follower') end
return 0
`

export async function connectSessionStore(url: string, log: Log): Promise<SessionStore> {
  const redis = new Redis(url, {
    commandTimeout: COMMAND_TIMEOUT_MS,
    maxRetriesPerRequest: 1,
    enableOfflineQueue: false,
    retryStrategy: (tries) => Math.min(tries * 100, 1_000),
  })
  redis.on('error', (error: Error) => log.warn({ error: error.message }, 'redis'))
  if (redis.status !== 'ready')
    await once(redis, 'ready', { signal: AbortSignal.timeout(CONNECT_WITHIN_MS) }).catch(() => undefined)
  const keyOf = (digest: string) => `mcp:session:${digest}`

  const attempt = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work()
    } catch (error) {
      log.warn({ error: (error as Error).message }, 'sessions: redis did not answer')
      return undefined
    }
  }
  const set = async (digest: string, field: string, value: string, seconds: number) => {
    const key = keyOf(digest)
    await attempt(() => redis.multi().hset(key, field, value).expire(key, seconds).exec())
  }
  return {
    read: (digest) =>
      attempt(async () => {
        const key = keyOf(digest)
        const fields = await redis.hgetall(key)
        const ended = fields['ended'] !== undefined
        if (Object.keys(fields).length > 0)
          void attempt(() => redis.expire(key, ended ? ENDED_SECONDS : IDLE_SECONDS))
        return { logLevel: fields['level'] ?? null, ended, follower: fields['follower'] ?? null }
      }),
    setLogLevel: (digest, level) => set(digest, 'level', level, IDLE_SECONDS),
    end: (digest) => set(digest, 'ended', '1', ENDED_SECONDS),
    follow: (digest, instance) => set(digest, 'follower', instance, IDLE_SECONDS),
    unfollow: async (digest, instance) => {
      await attempt(() => redis.eval(UNFOLLOW, 1, keyOf(digest), instance))
    },
    async [Symbol.asyncDispose]() {
      await redis.quit().catch(() => redis.disconnect())
    },
  }
}
