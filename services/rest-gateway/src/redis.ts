// The connection to Redis, where limits are counted. What it does not answer is refused by who asks.
import { Redis } from 'ioredis'
import type { Log } from '@mcpshield/runtime/log'

const COMMAND_TIMEOUT_MS = 1_000
const FIRST_CONNECTION_MS = 10_000

/** Resolves once Redis answers, or after a while without: until it does, requests are answered 503. */
export async function connectRedis(url: string, log: Log): Promise<Redis & AsyncDisposable> {
  const redis = new Redis(url, {
    commandTimeout: COMMAND_TIMEOUT_MS,
    maxRetriesPerRequest: 1,
    enableOfflineQueue: false,
    retryStrategy: (tries) => Math.min(tries * 100, 1_000),
  })
  redis.on('error', (error: Error) => log.warn({ error: error.message }, 'redis'))
  const connected = Promise.withResolvers<void>()
  const late = setTimeout(() => {
    log.warn({}, 'redis does not answer yet')
    connected.resolve()
  }, FIRST_CONNECTION_MS)
  redis.once('ready', connected.resolve)
  await connected.promise
  clearTimeout(late)
  return Object.assign(redis, {
    async [Symbol.asyncDispose]() {
      redis.disconnect()
    },
  })
}
