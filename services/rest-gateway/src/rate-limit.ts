// How often a caller may ask a route in a minute, counted in Redis: exact however many gateways there are. A minute
// begins with its first request. No answer from Redis is a refusal.
import { RateLimiterRedis, RateLimiterRes, type RateLimiterAbstract } from 'rate-limiter-flexible'
import type { Redis } from 'ioredis'
import type { Caller } from '@mcpshield/contracts/caller'
import { AppError } from '@mcpshield/contracts/errors'
import { networkOf } from '@mcpshield/contracts/networks'

export type Asked = {
  /** The route as declared, with its method. */
  route: string
  caller: string
  perMinute: number
}

export type Admission = { admitted: boolean; limit: number; remaining: number; resetMs: number }

export type RateLimits = { take(asked: Asked): Promise<Admission> }

/** Counts of `perMinute` for each key. */
export type Limiter = (perMinute: number) => RateLimiterAbstract

const MINUTE_SECONDS = 60
/** From this many a minute, requests are taken from Redis by the lot: one question for half a percent of them. */
const LEASED_FROM_PER_MINUTE = 6_000
const LEASES_PER_MINUTE = 200
const MAX_LEASES = 10_000

export function redisLimiter(redis: Redis): Limiter {
  const limiters = new Map<number, RateLimiterRedis>()
  return (perMinute) => {
    const known = limiters.get(perMinute)
    if (known !== undefined) return known
    const limiter = new RateLimiterRedis({
      storeClient: redis,
      keyPrefix: 'rate',
      points: perMinute,
      duration: MINUTE_SECONDS,
      // A caller who is over the limit is refused from memory until its minute ends.
      inMemoryBlockOnConsumed: perMinute,
    })
    limiters.set(perMinute, limiter)
    return limiter
  }
}

/** Who it is that is counted; of whom nobody is known, the network. */
export function limitKeyOf(caller: Caller): string {
  switch (caller.kind) {
    case 'user':
      return `user:${caller.user_id}`
    case 'key':
      return `key:${caller.key_id}`
    case 'anonymous':
      return `net:${networkOf(caller.address)}`
    case 'operator':
    case 'service':
      return caller.kind
    default:
      return caller satisfies never
  }
}

export function rateLimits(limiterOf: Limiter): RateLimits {
  const leases = leasedLimits(limiterOf)
  return {
    async take(asked) {
      if (asked.perMinute >= LEASED_FROM_PER_MINUTE) return leases.take(asked)
      const { granted, left, resetMs } = await consume(limiterOf, asked, 1)
      return { admitted: granted === 1, limit: asked.perMinute, remaining: left, resetMs }
    },
  }
}

type Lease = { left: number; behind: number; endsMs: number }

/**
 * Each lot was counted when it was taken: together, gateways admit no more than the limit. What a gateway does not use
 * of its lot is lost until the minute ends.
 */
function leasedLimits(limiterOf: Limiter): RateLimits {
  const leases = new Map<string, Lease>()
  const fetching = new Map<string, Promise<Lease>>()

  const fetch = (key: string, asked: Asked): Promise<Lease> => {
    const running = fetching.get(key)
    if (running !== undefined) return running
    const fetched = consume(limiterOf, asked, Math.floor(asked.perMinute / LEASES_PER_MINUTE))
      .then(({ granted, left, resetMs }) => {
        const lease = { left: granted, behind: left, endsMs: performance.now() + resetMs }
        if (leases.size >= MAX_LEASES) dropEnded(leases)
        leases.set(key, lease)
        return lease
      })
      .finally(() => fetching.delete(key))
    fetching.set(key, fetched)
    return fetched
  }

  return {
    async take(asked) {
      const key = keyOf(asked)
      let lease = leases.get(key)
      for (;;) {
        const inForce = lease !== undefined && lease.endsMs > performance.now()
        if (lease !== undefined && inForce && (lease.left > 0 || lease.behind === 0)) {
          const admitted = lease.left > 0
          if (admitted) lease.left--
          const remaining = lease.left + lease.behind
          return { admitted, limit: asked.perMinute, remaining, resetMs: lease.endsMs - performance.now() }
        }
        lease = await fetch(key, asked)
      }
    },
  }
}

function dropEnded(leases: Map<string, Lease>): void {
  const nowMs = performance.now()
  for (const [key, { endsMs }] of leases) if (endsMs <= nowMs) leases.delete(key)
}

const keyOf = ({ route, caller }: Asked) => `${route}:${caller}`

/** Takes up to `wanted` requests; `left` are those that nobody has taken yet. */
async function consume(
  limiterOf: Limiter,
  asked: Asked,
  wanted: number,
): Promise<{ granted: number; left: number; resetMs: number }> {
  try {
    const taken = await limiterOf(asked.perMinute).consume(keyOf(asked), wanted)
    return { granted: wanted, left: taken.remainingPoints, resetMs: taken.msBeforeNext }
  } catch (thrown) {
    if (!(thrown instanceof RateLimiterRes)) {
      throw new AppError('UNAVAILABLE', 'Limits cannot be counted right now; try again in a moment.', {
        retry_after_ms: 1_000,
        cause: thrown,
      })
    }
    // Told without asking Redis, nothing was consumed; else the last lot may be a part of what was wanted.
    const { consumedPoints, msBeforeNext } = thrown
    const over = consumedPoints - asked.perMinute
    const granted = consumedPoints === 0 ? 0 : Math.max(wanted - over, 0)
    return { granted, left: 0, resetMs: msBeforeNext }
  }
}
