// The connection to what expires: the events of uses that are being read. No answer is UNAVAILABLE.
import { Redis } from 'ioredis'
import { AppError } from '@mcpshield/contracts/errors'
import type { Log } from '@mcpshield/runtime/log'

const COMMAND_TIMEOUT_MS = 1_000

export type RedisConnection = Disposable & {
  ask<T>(command: (redis: Redis) => Promise<T>): Promise<T>
  ping(): Promise<unknown>
}

export function connectRedis(url: string, log: Log): RedisConnection {
  const redis = new Redis(url, {
    commandTimeout: COMMAND_TIMEOUT_MS,
    maxRetriesPerRequest: 1,
    retryStrategy: (tries) => Math.min(tries * 100, 1_000),
  })
  redis.on('error', (error: Error) => log.warn({ error: error.message }, 'redis'))
  return {
    async ask(command) {
      try {
        return await command(redis)
      } catch (cause) {
        throw new AppError(
          'UNAVAILABLE',
          'The assistant cannot be reached right now; try again in a moment.',
          {
            cause,
            retry_after_ms: 1_000,
          },
        )
      }
    },
    ping: () => redis.ping(),
    [Symbol.dispose]: () => redis.disconnect(),
  }
}
