// Pauses after failures. The first failure may be an accident; from the second on there is a pause, longer each time.

export type Backoff = {
  failed(): void
  reset(): void
  isOn(): boolean
  /** True when the last pause is over for that long. */
  isOld(ms: number): boolean
}

const FIRST_MS = 500
const MAX_MS = 30_000

export function openBackoff(): Backoff {
  let failures = 0
  let notBeforeMs = 0
  return {
    failed() {
      failures++
      const pauseMs = failures === 1 ? 0 : Math.min(MAX_MS, FIRST_MS * 2 ** (failures - 2))
      notBeforeMs = performance.now() + pauseMs
    },
    reset() {
      failures = 0
      notBeforeMs = 0
    },
    isOn: () => performance.now() < notBeforeMs,
    isOld: (ms) => performance.now() - notBeforeMs > ms,
  }
}
