// Connections on which events are sent: opened, kept alive, counted, and ended when nobody may listen any more.
import type { ServerResponse } from 'node:http'
import type { Credential } from '@mcpshield/pdp/snapshots'

export type StreamConnection = {
  /** False when it is closed, or its client is so far behind that it was given up. */
  write(frame: string): boolean
  end(): void
  isOpen(): boolean
}

/** `barred`: the client may listen no longer. */
export type Closed = 'gone' | 'barred'

export type StreamConnections = Disposable & {
  /** Begins the response. Undefined when the asker has too many open: nothing is sent then. */
  open(
    response: ServerResponse,
    credential: Credential,
    onClose: (closed: Closed) => void,
  ): StreamConnection | undefined
  /** How many are open. */
  count(): number
}

type ConnectionDeps = {
  /** Asked again and again while a stream is open. */
  mayListen(credential: Credential): boolean
  keepAliveMs?: number
  maxPerSubject?: number
}

export const EVENT_STREAM_HEAD = [
  'content-type',
  'text/event-stream',
  'cache-control',
  'no-store',
  'x-accel-buffering',
  'no',
]
const KEEP_ALIVE_MS = 15_000
const MAX_PER_SUBJECT = 1_000
const CHECK_EVERY_MS = 500
/** A client that lets so much wait reads no more, or not fast enough. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024

type Open = {
  connection: StreamConnection
  credential: Credential
  idleSinceMs: number
  isBarred: boolean
}

export function streamConnections(deps: ConnectionDeps): StreamConnections {
  const { keepAliveMs = KEEP_ALIVE_MS, maxPerSubject = MAX_PER_SUBJECT } = deps
  const open = new Set<Open>()
  const perSubject = new Map<string, number>()

  const count = (subject: string, change: 1 | -1) => {
    const now = (perSubject.get(subject) ?? 0) + change
    if (now === 0) perSubject.delete(subject)
    else perSubject.set(subject, now)
  }
  const check = () => {
    const nowMs = performance.now()
    for (const each of open) {
      if (!deps.mayListen(each.credential)) {
        each.isBarred = true
        each.connection.end()
      } else if (nowMs - each.idleSinceMs >= keepAliveMs) each.connection.write(':\n\n')
    }
  }
  const timer = setInterval(check, Math.min(CHECK_EVERY_MS, keepAliveMs))
  timer.unref()

  return {
    open(response, credential, onClose) {
      const { subject } = credential
      if (response.destroyed || (perSubject.get(subject) ?? 0) >= maxPerSubject) return undefined
      response.writeHead(200, EVENT_STREAM_HEAD)
      response.flushHeaders()
      const connection: StreamConnection = {
        write(frame) {
          if (!connection.isOpen()) return false
          self.idleSinceMs = performance.now()
          response.write(frame)
          if (response.writableLength <= MAX_WAITING_BYTES) return true
          response.destroy()
          return false
        },
        end: () => void response.end(),
        isOpen: () => !response.destroyed && !response.writableEnded,
      }
      const self: Open = { connection, credential, idleSinceMs: performance.now(), isBarred: false }
      open.add(self)
      count(subject, 1)
      response.once('close', () => {
        open.delete(self)
        count(subject, -1)
        onClose(self.isBarred ? 'barred' : 'gone')
      })
      return connection
    },
    count: () => open.size,
    [Symbol.dispose]() {
      clearInterval(timer)
      for (const { connection } of open) connection.end()
    },
  }
}
