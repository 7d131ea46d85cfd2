// Counts by hour or by day, cut to what the filters look for.
import type { Span } from './timeline.ts'

/** `spans`: oldest first; null where it cannot be told. */
export type Counts = { calls: number; spans: Span[] } | null
export type Counted = { key: string; count: number }

const LENGTH_MS = { hour: 3_600_000, day: 86_400_000 }

export function spansOf(
  items: readonly Counted[],
  by: keyof typeof LENGTH_MS,
  range: { from?: string; to?: string },
  nowMs: number,
): Span[] {
  const leastMs = range.from === undefined ? 0 : Date.parse(range.from)
  const mostMs = range.to === undefined ? nowMs : Date.parse(range.to)
  return items.map(({ key, count }) => {
    const startMs = Date.parse(key)
    const fromMs = Math.max(startMs, leastMs)
    // A clock that is ahead of ours makes the running hour longer.
    return { fromMs, toMs: Math.max(fromMs + 1, Math.min(startMs + LENGTH_MS[by], mostMs)), count }
  })
}
