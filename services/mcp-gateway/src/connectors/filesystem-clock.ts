// The time a call on files may take. The system's calls cannot be interrupted; between them the clock is looked at.
import { AppError } from '@mcpshield/contracts/errors'
import type { Grant } from './connector.ts'

export type Clock = {
  /** True when the time is over: what was found so far is the answer. */
  late(): boolean
  /** Throws when the time is over or the client went away. */
  check(): void
}

export function startClock({ timeoutMs, signal }: Grant): Clock {
  const endMs = performance.now() + timeoutMs
  const late = () => performance.now() > endMs
  return {
    late() {
      if (signal.aborted) throw wentAway()
      return late()
    },
    check() {
      if (signal.aborted) throw wentAway()
      if (late()) throw tooLate(timeoutMs)
    },
  }
}

/** Waits no longer than the grant says, even for a disk that does not answer. */
export async function inTime<T>(run: Promise<T>, { timeoutMs, signal }: Grant): Promise<T> {
  run.catch(() => undefined) // Nobody waits for it once the time is over.
  const over = Promise.withResolvers<never>()
  const gone = () => over.reject(wentAway())
  // What watches the clock itself ends first, with what it has.
  const timer = setTimeout(() => over.reject(tooLate(timeoutMs)), timeoutMs + 250)
  signal.addEventListener('abort', gone, { once: true })
  try {
    return await Promise.race([run, over.promise])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', gone)
  }
}

function wentAway(): AppError {
  return new AppError('UNAVAILABLE', 'The client went away.')
}

function tooLate(timeoutMs: number): AppError {
  return new AppError('DEADLINE_EXCEEDED', `The call was stopped after ${timeoutMs} ms.`)
}
