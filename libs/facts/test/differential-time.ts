/** How long the tests with chance in them are to go on; none when they are to make their usual number of tries. */
export function fuzzSeconds(): number {
  return Number(process.env.MCPSHIELD_FUZZ_SECONDS ?? 0)
}

/**
 * How long a differential test goes on: a number of statements, or as long as MCPSHIELD_FUZZ_SECONDS says, then with
 * seeds of its own (MCPSHIELD_FUZZ_SEED to repeat them).
 */
export function fuzzDeadline(): { seed: number; goesOn(done: number, usual: number): boolean } {
  const seconds = fuzzSeconds()
  const end = performance.now() + seconds * 1_000
  const chosen = process.env.MCPSHIELD_FUZZ_SEED
  const seed = chosen === undefined ? (seconds > 0 ? Date.now() % 1_000_000_000 : 1) : Number(chosen)
  if (seconds > 0) console.log(`fuzzing for ${seconds} s from seed ${seed}`)
  return { seed, goesOn: (done, usual) => (seconds > 0 ? performance.now() < end : done < usual) }
}
