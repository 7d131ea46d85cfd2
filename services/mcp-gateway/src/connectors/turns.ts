// So many at a time; the others wait for their turn, no longer than they may take altogether.
import { AppError } from '@mcpshield/contracts/errors'

type Waits = { timeoutMs: number; signal: AbortSignal }

/** A function that runs what it is given when there is room for it. */
export function turns(room: number): <T>(waits: Waits, run: () => Promise<T>) => Promise<T> {
  const waiting = new Set<() => void>()
  let running = 0

  const turn = ({ timeoutMs, signal }: Waits): Promise<void> =>
    new Promise((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', gone)
        waiting.delete(go)
      }
      const refuse = (error: AppError) => {
        leave()
        reject(error)
      }
      const gone = () => refuse(new AppError('UNAVAILABLE', 'The client went away.'))
      const late = () =>
        refuse(new AppError('DEADLINE_EXCEEDED', `The call did not get its turn in ${timeoutMs} ms.`))
      const go = () => {
        leave()
        running++
        resolve()
      }
      const timer = setTimeout(late, timeoutMs)
      if (signal.aborted) return gone()
      signal.addEventListener('abort', gone, { once: true })
      if (running < room) go()
      else waiting.add(go)
    })

  return async (waits, run) => {
    await turn(waits)
    try {
      return await run()
    } finally {
      running--
      const [next] = waiting
      next?.()
    }
  }
}
