// Credentials that are not good, counted by network: beyond a limit, no further one is looked at for the rest of the
// minute, so that nobody tries them out at speed. A credential that was good lately still passes: a neighbour's
// failures do not lock out who is at work.
import { createHash } from 'node:crypto'
import { AppError } from '@mcpshield/contracts/errors'
import { networkOf } from '@mcpshield/contracts/networks'
import type { RateLimits } from './rate-limit.ts'
import type { Callers, Credentials } from './session.ts'

const FAILURES_PER_MINUTE = 120
const GOOD_FOR_MS = 20 * 60_000
const MAX_REMEMBERED = 10_000

export function guardedCallers(inner: Callers, limits: RateLimits): Callers {
  /** Network → when it may try again. */
  const blocked = new Bounded()
  /** Digest of a credential → until when it is remembered to have been good. */
  const good = new Bounded()

  const count = async (network: string): Promise<void> => {
    const asked = { route: 'credentials', caller: `net:${network}`, perMinute: FAILURES_PER_MINUTE }
    const { admitted, resetMs } = await limits.take(asked)
    if (admitted) return
    blocked.set(network, performance.now() + resetMs)
    throw tooMany(resetMs)
  }

  return {
    still: inner.still,
    async callerFor(access, given) {
      const digest = access === 'public' ? undefined : digestOf(given)
      if (digest === undefined) return inner.callerFor(access, given)
      const network = networkOf(given.address)
      const blockedMs = (blocked.get(network) ?? 0) - performance.now()
      if (blockedMs > 0 && (good.get(digest) ?? 0) < performance.now()) throw tooMany(blockedMs)
      try {
        const caller = await inner.callerFor(access, given)
        good.set(digest, performance.now() + GOOD_FOR_MS)
        return caller
      } catch (error) {
        if (error instanceof AppError && error.code === 'UNAUTHENTICATED') await count(network)
        throw error
      }
    },
  }
}

function digestOf({ authorization, apiKey }: Credentials): string | undefined {
  if (authorization === undefined && apiKey === undefined) return undefined
  return createHash('sha256').update(`${authorization}\n${apiKey}`).digest('base64')
}

function tooMany(retryAfterMs: number): AppError {
  return new AppError(
    'RATE_LIMITED',
    'Too many credentials from this network were not good; wait a moment.',
    {
      type: 'too_many_failures',
      retry_after_ms: retryAfterMs,
    },
  )
}

/** The times set last. */
class Bounded {
  private readonly times = new Map<string, number>()

  get(key: string): number | undefined {
    return this.times.get(key)
  }

  set(key: string, timeMs: number): void {
    this.times.delete(key)
    this.times.set(key, timeMs)
    if (this.times.size <= MAX_REMEMBERED) return
    const oldest = this.times.keys().next().value
    if (oldest !== undefined) this.times.delete(oldest)
  }
}
