/** How often it looks at what is set up, how long events are gathered, and the pauses after failures. */
export type Tempo = {
  everyMs: number
  gatherMs: number
  pausesMs: { first: number; longest: number }
}

export const REAL_TEMPO: Tempo = {
  everyMs: 1_000,
  gatherMs: 250,
  pausesMs: { first: 1_000, longest: 60_000 },
}
