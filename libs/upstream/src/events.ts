// Server-sent events, piece by piece as they arrive.
import { createParser } from 'eventsource-parser'
import type { JsonObject } from '@mcpshield/policy/facts'
import { saidIn } from './upstream-json.ts'

export type EventReader = {
  /** Takes one message; true when no other is waited for. */
  onMessage(message: JsonObject): boolean
  /** Where a broken stream can be taken up again. */
  onId?(id: string): void
  /** How long to wait before that. */
  onRetry?(retryMs: number): void
  /** An event that is no message; true when no other is waited for. */
  onOther?(event: string, data: string): boolean
}

export type EventTaker = {
  /** Takes a piece of the stream; `all` when its reader wants no more. */
  take(chunk: Buffer): 'more' | 'all' | 'too large'
  /** Of an event that is not complete yet. */
  heldBytes(): number
}

const MAX_EVENT_UNITS = 32 * 1024 * 1024

export function readEvents(reader: EventReader): EventTaker {
  let state: 'more' | 'all' | 'too large' = 'more'
  let heldBytes = 0
  const parser = createParser({
    maxBufferSize: MAX_EVENT_UNITS,
    ...(reader.onId === undefined ? {} : { onId: reader.onId }),
    ...(reader.onRetry === undefined ? {} : { onRetry: reader.onRetry }),
    onEvent({ event, data }) {
      heldBytes = 0
      if (state !== 'more') return
      if (event !== undefined && event !== 'message') {
        if (reader.onOther?.(event, data)) state = 'all'
        return
      }
      if (saidIn(data).messages.some((message) => reader.onMessage(message))) state = 'all'
    },
    onError({ type }) {
      if (type === 'max-buffer-size-exceeded') state = 'too large'
    },
  })
  const decoder = new TextDecoder()
  return {
    take(chunk) {
      heldBytes += chunk.length
      if (state === 'more') parser.feed(decoder.decode(chunk, { stream: true }))
      return state
    },
    heldBytes: () => heldBytes,
  }
}
