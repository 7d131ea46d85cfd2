// A time limit that does not run while a person is asked.
import { AppError } from '@mcpshield/contracts/errors'

export type PausableDeadline = Disposable & {
  /** Aborted when time is up, or the given signal is. */
  signal: AbortSignal
  /** However long people take, not longer than this. */
  maxMs: number
  /** Runs something whose time does not count. */
  paused<T>(run: () => Promise<T>): Promise<T>
  /** The promise; DEADLINE_EXCEEDED when it failed because time was up. */
  guard<T>(promise: Promise<T>): Promise<T>
}

const MAX_MS = 15 * 60_000

export function pausableDeadline(timeoutMs: number, outer: AbortSignal): PausableDeadline {
  const controller = new AbortController()
  let leftMs = timeoutMs
  let pauses = 0
  let startedMs = performance.now()
  let isLate = false
  const late = () => {
    isLate = true
    controller.abort()
  }
  let timer = setTimeout(late, leftMs)
  const forward = () => controller.abort()
  if (outer.aborted) forward()
  else outer.addEventListener('abort', forward, { once: true })
  return {
    signal: controller.signal,
    maxMs: MAX_MS,
    async paused(run) {
      if (pauses++ === 0) {
        clearTimeout(timer)
        leftMs -= performance.now() - startedMs
      }
      try {
        return await run()
      } finally {
        if (--pauses === 0) {
          startedMs = performance.now()
          timer = setTimeout(late, Math.max(0, leftMs))
        }
      }
    },
    async guard(promise) {
      try {
        return await promise
      } catch (error) {
        if (!isLate) throw error
        throw new AppError('DEADLINE_EXCEEDED', `The upstream did not answer within ${timeoutMs} ms.`, {
          cause: error,
        })
      }
    },
    [Symbol.dispose]() {
      clearTimeout(timer)
      outer.removeEventListener('abort', forward)
    },
  }
}
