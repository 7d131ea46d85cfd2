// Which place of a long list has rows of which moment, from counts by time: an estimate, for who drags the scroll bar or
// names a moment. What is read there then stands in its right order.

/** Rows of a span of time, the span's end not among it. */
export type Span = { fromMs: number; toMs: number; count: number }
/** Newest first, and none without rows. */
export type Timeline = readonly Span[]

/** From counts, and the moments of the newest and the oldest record: within their spans there is nothing beyond them. */
export function timelineOf(counts: readonly Span[], newestMs: number, oldestMs: number): Timeline {
  return counts
    .filter(({ count }) => count > 0)
    .toSorted((one, other) => other.fromMs - one.fromMs)
    .map(({ fromMs, toMs, count }) => ({
      fromMs: Math.max(fromMs, Math.min(oldestMs, toMs - 1)),
      toMs: Math.max(Math.min(toMs, newestMs + 1), fromMs + 1),
      count,
    }))
}

/** The moment before which the row at that place of so many was. */
export function momentAt(timeline: Timeline, place: number, places: number): number | undefined {
  let left = (place / Math.max(1, places)) * totalOf(timeline)
  for (const { fromMs, toMs, count } of timeline) {
    if (left <= count) return Math.round(toMs - (left / count) * (toMs - fromMs))
    left -= count
  }
  return timeline.at(-1)?.fromMs
}

/** The place of so many at which rows of that moment are. */
export function placeAt(timeline: Timeline, ms: number, places: number): number {
  let above = 0
  for (const { fromMs, toMs, count } of timeline) {
    if (ms < fromMs) above += count
    else {
      if (ms < toMs) above += ((toMs - ms) / (toMs - fromMs)) * count
      break
    }
  }
  return Math.round((above / Math.max(1, totalOf(timeline))) * places)
}

function totalOf(timeline: Timeline): number {
  return timeline.reduce((sum, { count }) => sum + count, 0)
}
