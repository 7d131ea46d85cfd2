// The connection to what expires. No answer from Redis is a refusal, never a pass.
import { createHash } from 'node:crypto'
import { Redis } from 'ioredis'
import { AppError } from '@mcpshield/contracts/errors'
import type { Log } from '@mcpshield/runtime/log'

const COMMAND_TIMEOUT_MS = 1_000

export type RedisConnection = Disposable & {
  /** Asks Redis; UNAVAILABLE when it does not answer. */
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
        throw new AppError('UNAVAILABLE', 'Sessions cannot be checked right now; try again in a moment.', {
          cause,
          retry_after_ms: 1_000,
        })
      }
    },
    ping: () => redis.ping(),
    [Symbol.dispose]: () => redis.disconnect(),
  }
}

/** A key part that tells nothing of what it was made from. */
export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
