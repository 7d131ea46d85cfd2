// Takes jobs from the stream, several at once, and tells the stream that they are being worked on.
import type { StreamMessage } from '@mcpshield/bus/stream'

export type Intake = {
  /** Resolves when there is room for the next. */
  accept(message: StreamMessage): Promise<void>
  /** Resolves when nothing is on its way any more. */
  idle(): Promise<void>
}

const STILL_WORKING_EVERY_MS = 20_000

export function startIntake(atOnce: number, deliver: (message: StreamMessage) => Promise<void>): Intake {
  const running = new Set<Promise<void>>()
  return {
    async accept(message) {
      const working = setInterval(() => message.working(), STILL_WORKING_EVERY_MS)
      while (running.size >= atOnce) await Promise.race(running)
      const done = deliver(message).finally(() => {
        clearInterval(working)
        running.delete(done)
      })
      running.add(done)
    },
    async idle() {
      while (running.size > 0) await Promise.all(running)
    },
  }
}
