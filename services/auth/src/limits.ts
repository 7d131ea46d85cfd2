// Counted tries. A try is counted before it is looked at, so that many at once are as few as one after another.
import { AppError } from '@mcpshield/contracts/errors'
import { digestOf, type RedisConnection } from './redis.ts'

export type Limit = {
  /** Counts a try; null, or the milliseconds until tries are taken again. */
  take(who: string): Promise<number | null>
  forget(who: string): Promise<unknown>
}

// The count and its end are set together: a count that never ends would lock a person out.
const COUNT = `
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return { count, redis.call('PTTL', KEYS[1]) }
`

/** Counts of one kind, in keys `auth:<name>:<digest of who>`. */
export function limitOf(
  redis: RedisConnection,
  name: string,
  { attempts, windowMs }: { attempts: number; windowMs: number },
): Limit {
  const keyOf = (who: string) => `auth:${name}:${digestOf(who)}`
  return {
    async take(who) {
      const counted = await redis.ask((client) => client.eval(COUNT, 1, keyOf(who), windowMs))
      const [count, leftMs] = counted as [number, number]
      return count <= attempts ? null : Math.max(leftMs, 1)
    },
    forget: (who) => redis.ask((client) => client.del(keyOf(who))),
  }
}

/** Counts a try; throws RATE_LIMITED, in these words, when there were too many. */
export async function takeTry(limit: Limit, who: string, sentence: string): Promise<void> {
  const waitMs = await limit.take(who)
  if (waitMs !== null) throw new AppError('RATE_LIMITED', sentence, { retry_after_ms: waitMs })
}
