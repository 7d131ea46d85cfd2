// What every request of an endpoint goes through: who asks, and whether they may ask once more this minute.
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Caller } from '@mcpshield/contracts/caller'
import type { Access } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import { guardedCallers } from './failed-credentials.ts'
import type { Metrics } from './metrics.ts'
import { limitKeyOf, type RateLimits } from './rate-limit.ts'
import type { Callers, Credentials } from './session.ts'

/** How one route admits. */
export type Door = { route: string; access: Access; perMinute: number }

/** Names the caller, or refuses. */
export type Admit = (door: Door, request: FastifyRequest, reply: FastifyReply) => Promise<Caller>

export function admission(
  { callers, limits }: { callers: Callers; limits: RateLimits },
  metrics: Metrics,
): Admit {
  const guarded = guardedCallers(callers, limits)
  return async ({ route, access, perMinute }, request, reply) => {
    const caller = await guarded.callerFor(access, credentialsOf(request)).catch((error: unknown) => {
      if (error instanceof AppError && error.code === 'RATE_LIMITED') metrics.refused(route, 'failures')
      throw error
    })
    const asked = { route, caller: limitKeyOf(caller), perMinute }
    const { admitted, limit, remaining, resetMs } = await limits.take(asked)
    void reply.headers({
      'ratelimit-limit': limit,
      'ratelimit-remaining': remaining,
      'ratelimit-reset': Math.ceil(resetMs / 1_000),
    })
    if (admitted) return caller
    metrics.refused(route, 'rate')
    throw new AppError('RATE_LIMITED', `No more than ${perMinute} requests a minute here; wait a moment.`, {
      retry_after_ms: Math.max(resetMs, 1),
    })
  }
}

export function credentialsOf(request: FastifyRequest): Credentials {
  const apiKey = request.headers['x-api-key']
  return {
    authorization: request.headers.authorization,
    apiKey: Array.isArray(apiKey) ? apiKey.join(',') : apiKey,
    address: request.ip,
    userAgent: request.headers['user-agent'],
  }
}
