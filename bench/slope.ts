// Whether memory grows: the slope of its floor. Memory swings with garbage collection; what is there at every low point is
// what is kept.

export type Sample = { seconds: number; value: number }

/** The lowest value of each window. */
export function floorOf(samples: readonly Sample[], windowSeconds: number): Sample[] {
  const windows = Map.groupBy(samples, ({ seconds }) => Math.floor(seconds / windowSeconds))
  return [...windows.values()].map((window) =>
    window.reduce((lowest, each) => (each.value < lowest.value ? each : lowest)),
  )
}

/** The middle one of the slopes between all pairs, in units a second: one odd sample moves it little. */
export function slopeOf(samples: readonly Sample[]): number {
  const slopes: number[] = []
  for (const [at, left] of samples.entries())
    for (const right of samples.slice(at + 1))
      if (right.seconds > left.seconds)
        slopes.push((right.value - left.value) / (right.seconds - left.seconds))
  slopes.sort((left, right) => left - right)
  return slopes[Math.floor(slopes.length / 2)] ?? 0
}
