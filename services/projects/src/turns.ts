// Turns at work that lets this process do nothing else meanwhile. An organisation's follow each other, with pauses that
// grow with the work: whatever one of them asks for, the others get in between.
import { AppError } from '@mcpshield/contracts/errors'

export type Turns = {
  /** Does the work when it is the organisation's turn; RATE_LIMITED when that is too late for who waits. */
  take<T>(orgId: string, work: () => Promise<T>): Promise<T>
}

/** So much longer than the work is the pause after it: one organisation has a quarter of the time at most. */
const PAUSE_FACTOR = 3
/** Less than callers wait: work whose caller is gone is not begun. */
const LONGEST_WAIT_MS = 3_000

export function turnsOfOrganizations(): Turns {
  const last = new Map<string, Promise<void>>()
  return {
    async take(orgId, work) {
      const askedMs = performance.now()
      const before = last.get(orgId)
      const { promise: over, resolve } = Promise.withResolvers<void>()
      last.set(orgId, over)
      await before
      const startedMs = performance.now()
      try {
        if (startedMs - askedMs > LONGEST_WAIT_MS) throw tooMany()
        return await work()
      } finally {
        const pauseMs = PAUSE_FACTOR * (performance.now() - startedMs)
        setTimeout(() => {
          if (last.get(orgId) === over) last.delete(orgId)
          resolve()
        }, pauseMs).unref()
      }
    },
  }
}

function tooMany(): AppError {
  const message = 'Your organisation is having many policies checked at once; try again in a moment.'
  return new AppError('RATE_LIMITED', message, { retry_after_ms: LONGEST_WAIT_MS })
}
