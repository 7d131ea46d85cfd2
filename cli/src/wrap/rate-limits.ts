// Rate limits of one process: exact sliding windows in memory.
import type { Obligations } from '@mcpshield/policy/schema'

export type RateLimits = {
  /** Takes one call from every window, or from none when one is full. */
  take(windows: Obligations['rate_limits'], nowMs: number): { taken: true } | Exceeded
}

export type Exceeded = { taken: false; rule: string; retryAfterMs: number }

/** There is one client here, so everyone who could share a window does: each has one whatever it is counted by. */
export function rateLimits(): RateLimits {
  const taken = new Map<string, number[]>()
  const keyOf = ({ rule, by }: Obligations['rate_limits'][number]) => `${by}:${rule}`
  return {
    take(windows, nowMs) {
      for (const window of windows) {
        const times = taken.get(keyOf(window)) ?? []
        const inside = times.findIndex((time) => time > nowMs - window.per_ms)
        times.splice(0, inside < 0 ? times.length : inside)
        taken.set(keyOf(window), times)
        if (times.length >= window.calls) {
          const oldest = times[times.length - window.calls] ?? nowMs
          return { taken: false, rule: window.rule, retryAfterMs: Math.ceil(oldest + window.per_ms - nowMs) }
        }
      }
      for (const window of windows) taken.get(keyOf(window))?.push(nowMs)
      return { taken: true }
    },
  }
}
