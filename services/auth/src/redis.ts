// What expires: open sessions and tries to sign in. No answer from Redis is a refusal, never a pass.
import { createHash } from 'node:crypto'
import { Redis } from 'ioredis'
import { AppError } from '@mcpshield/contracts/errors'
import type { Log } from '@mcpshield/runtime/log'
import type { LoginLimit } from './service.ts'
import type { OpenSessions } from './sessions.ts'

const keys = {
  session: (id: string) => `auth:session:${id}`,
  login: (who: string) => `auth:login:${createHash('sha256').update(who).digest('hex')}`,
}

const COMMAND_TIMEOUT_MS = 1_000

// The count and its end are set together: a count that never ends would lock a person out.
const COUNT = `
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return { count, redis.call('PTTL', KEYS[1]) }
`

export type RedisStore = Disposable & {
  sessions: OpenSessions
  loginLimit(attempts: number, windowMs: number): LoginLimit
  ping(): Promise<unknown>
}

export function connectRedis(url: string, log: Log): RedisStore {
  const redis = new Redis(url, {
    commandTimeout: COMMAND_TIMEOUT_MS,
    maxRetriesPerRequest: 1,
    retryStrategy: (tries) => Math.min(tries * 100, 1_000),
  })
  redis.on('error', (error: Error) => log.warn({ error: error.message }, 'redis'))
  return {
    sessions: {
      open: (id, userId, lifeMs) => asked(() => redis.set(keys.session(id), userId, 'PX', lifeMs)),
      isOpen: async (id) => (await asked(() => redis.exists(keys.session(id)))) === 1,
      close: (id) => asked(() => redis.del(keys.session(id))),
    },
    loginLimit: (attempts, windowMs) => ({
      async take(who) {
        const [count, leftMs] = (await asked(() => redis.eval(COUNT, 1, keys.login(who), windowMs))) as [
          number,
          number,
        ]
        return count <= attempts ? null : Math.max(leftMs, 1)
      },
      forget: (who) => asked(() => redis.del(keys.login(who))),
    }),
    ping: () => redis.ping(),
    [Symbol.dispose]: () => redis.disconnect(),
  }
}

async function asked<T>(command: () => Promise<T>): Promise<T> {
  try {
    return await command()
  } catch (cause) {
    throw new AppError('UNAVAILABLE', 'Sessions cannot be checked right now; try again in a moment.', {
      cause,
      retry_after_ms: 1_000,
    })
  }
}
