import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '@mcpshield/runtime/log'

/** Does the work at once and then again and again, with a pause between, until disposed. A round that fails is followed by the next. */
export function repeat(work: () => Promise<void>, pauseMs: number, log: Log): AsyncDisposable {
  const stop = new AbortController()
  const { signal } = stop
  const rounds = async () => {
    while (!signal.aborted) {
      await work().catch((error: unknown) => log.error({ err: error }, 'a round failed'))
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined)
    }
  }
  const done = rounds()
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await done
    },
  }
}
