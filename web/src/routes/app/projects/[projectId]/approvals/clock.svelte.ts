// The time by which countdowns go: the server's first, then on by the browser's, second by second.

export function countingClock(atLoadMs: () => number): { readonly nowMs: number } {
  let passedMs = $state(0)
  $effect(() => {
    atLoadMs()
    const startMs = performance.now()
    passedMs = 0
    const ticking = setInterval(() => (passedMs = performance.now() - startMs), 1_000)
    return () => clearInterval(ticking)
  })
  return {
    get nowMs() {
      return atLoadMs() + passedMs
    },
  }
}
