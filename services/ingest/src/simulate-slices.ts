// Long work in slices: between two of them, whoever's they are, the process gets to everything else it does.
import { setImmediate as nextTurn } from 'node:timers/promises'

export type Slices = {
  /** To be asked often: waits for a turn of the process when the slice has lasted long enough. */
  pause(): Promise<void> | undefined
}

/** Well below what anybody notices who waits for something else of this process. */
const SLICE_MS = 5

/** Slices of all the work that shares them: at most one in a turn of the event loop. */
export function sharedSlices(): () => Slices {
  let last: Promise<void> = Promise.resolve()
  return () => {
    let startedMs = performance.now()
    return {
      pause() {
        if (performance.now() - startedMs < SLICE_MS) return undefined
        last = last.then(() => nextTurn())
        return last.then(() => void (startedMs = performance.now()))
      },
    }
  }
}
