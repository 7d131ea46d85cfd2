// One stream of events to a client, which may outlive the connection it began on: what a client missed is told again,
// to the same session, once it comes back with the id of the last event it has.
import { streamBuffer, type BufferBudget, type BufferedEvent } from './stream-buffer.ts'
import type { StreamConnection } from './stream-connection.ts'

/** Something that a client is told on, one message at a time. */
export type Telling = {
  /** A message as JSON; `instead` is kept for who comes back, where the message is too large to be kept. */
  send(json: string, instead?: string): void
  /** There is nothing more: the connection ends once all is sent. */
  end(): void
}

export type ResumableStream = Telling & {
  /** Within its instance. */
  readonly name: string
  readonly session: string
  /** From now on on this connection, which begins with what comes after the n-th event. The one before is ended. */
  attach(connection: StreamConnection, after: number): void
  /** The connection is closed; false when the stream went on to another one before. */
  detach(connection: StreamConnection): boolean
  /** What comes after the n-th event, as soon as there is some, or in so many milliseconds nothing. */
  next(after: number, waitMs: number): Promise<{ events: readonly BufferedEvent[]; ended: boolean }>
  isEnded(): boolean
  bytes(): number
  /** Nobody will come back for it: what is kept of it goes. */
  close(): void
}

type StreamOptions = {
  instance: string
  name: string
  session: string
  /** Whether an event of no content comes first, from whose id the stream can be resumed (2025-11-25). */
  isPrimed: boolean
  budget: BufferBudget
  /** How long a broken stream that is not at its end may be waited for. */
  lingerMs: number
  /** It was not at its end, and nobody came back for it. */
  onAbandoned(): void
  onClose(): void
}

/** How soon a client may come back, in milliseconds. */
const RETRY_MS = 1_000

export function resumableStream(options: StreamOptions): ResumableStream {
  const { instance, name, session, isPrimed, lingerMs } = options
  const buffer = streamBuffer(options.budget)
  const waiting = new Set<() => void>()
  let connection: StreamConnection | null = null
  let last = 0
  let ended = false
  let isClosed = false
  let linger: NodeJS.Timeout | undefined

  const idOf = (n: number) => `${instance}_${name}_${n}`
  const wake = () => {
    for (const each of waiting) each()
  }
  /** Runs while neither a connection nor another instance has it. */
  const watch = () => {
    clearTimeout(linger)
    if (connection !== null || waiting.size > 0 || ended) return
    linger = setTimeout(options.onAbandoned, lingerMs)
    linger.unref()
  }
  return {
    name,
    session,
    send(json, instead) {
      if (ended) return
      if (!buffer.add(++last, json) && instead !== undefined) buffer.add(last, instead)
      connection?.write(frame(idOf(last), json))
      wake()
    },
    end() {
      if (ended) return
      ended = true
      clearTimeout(linger)
      connection?.end()
      wake()
    },
    attach(next, after) {
      const before = connection
      connection = next
      before?.end()
      wake()
      watch()
      buffer.forgetUpTo(after)
      if (after === 0 && last === 0 && isPrimed) next.write(`id: ${idOf(0)}\nretry: ${RETRY_MS}\ndata: \n\n`)
      for (const { n, json } of buffer.after(after)) next.write(frame(idOf(n), json))
      if (ended) next.end()
    },
    detach(closed) {
      if (connection !== closed) return false
      connection = null
      watch()
      return true
    },
    async next(after, waitMs) {
      buffer.forgetUpTo(after)
      const taken = () => ({ events: buffer.after(after), ended })
      if (taken().events.length > 0 || ended || waitMs === 0) return taken()
      const { promise, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, waitMs)
      waiting.add(resolve)
      watch()
      await promise
      clearTimeout(timer)
      waiting.delete(resolve)
      watch()
      return taken()
    },
    isEnded: () => ended,
    bytes: () => buffer.bytes(),
    close() {
      if (isClosed) return
      isClosed = true
      ended = true
      clearTimeout(linger)
      buffer.forgetUpTo(Number.POSITIVE_INFINITY)
      connection?.end()
      wake()
      options.onClose()
    },
  }
}

/** A stream that ends with its connection, without ids. */
export function plainStream(connection: StreamConnection): Telling {
  return {
    send: (json) => void connection.write(frame(undefined, json)),
    end: () => connection.end(),
  }
}

/** An event by its id. JSON has line breaks only between its parts, where they mean nothing. */
export function frame(id: string | undefined, json: string): string {
  const line = /[\r\n]/.test(json) ? json.replace(/[\r\n]+/g, ' ') : json
  return `${id === undefined ? '' : `id: ${id}\n`}event: message\ndata: ${line}\n\n`
}
