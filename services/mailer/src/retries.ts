// When a mail is tried again: pure.

export const MAX_TRIES = 8
const FIRST_MS = 5_000
const LONGEST_MS = 15 * 60_000

/** Pause after so many failures: 5 s, 15 s, 45 s … 15 min, each up to a fifth longer or shorter. */
export function pauseAfter(failures: number, random: () => number): number {
  return jittered(Math.min(LONGEST_MS, FIRST_MS * 3 ** (failures - 1)), random)
}

export function jittered(ms: number, random: () => number): number {
  return Math.round(ms * (0.8 + 0.4 * random()))
}

/** While the mail server is not there, nobody tries; the pauses grow to half a minute. */
export type Pause = {
  /** 0 when mails may be sent. */
  remainingMs(): number
  reached(): void
  unreachable(): void
}

const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 30_000

export function pauseOfServer(nowMs: () => number): Pause {
  let untilMs = 0
  let nextMs = FIRST_PAUSE_MS
  return {
    remainingMs: () => Math.max(0, untilMs - nowMs()),
    reached() {
      untilMs = 0
      nextMs = FIRST_PAUSE_MS
    },
    unreachable() {
      // Those who tried at the same time say the same once.
      if (nowMs() < untilMs) return
      untilMs = nowMs() + nextMs
      nextMs = Math.min(LONGEST_PAUSE_MS, nextMs * 2)
    },
  }
}
