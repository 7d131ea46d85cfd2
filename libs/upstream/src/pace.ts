// How much of the process's time an upstream may take by what it tells unasked: others wait for the same process.

export type Pace = {
  /** Takes note of so much work; answers how long the next has to wait. */
  worked(ms: number): number
}

const SHARE = 0.1
/** A server that has been silent may tell a lot at once. */
const BURST_MS = 200

export function openPace(nowMs: () => number = () => performance.now()): Pace {
  let spentMs = 0
  let atMs = nowMs()
  return {
    worked(ms) {
      const now = nowMs()
      spentMs = Math.max(0, spentMs - (now - atMs) * SHARE) + ms
      atMs = now
      return Math.max(0, (spentMs - BURST_MS) / SHARE)
    },
  }
}
