// The event streams of this instance that can be resumed: those that are open or broken, and for a while those that are
// at their end, as a client may not have got it.
import { LRUCache } from 'lru-cache'
import type { BufferBudget } from './stream-buffer.ts'
import { resumableStream, type ResumableStream } from './stream.ts'

export type StreamTerms = {
  /** Digest of the session that it is for, and of nobody else. */
  session: string
  /** `p`: the answer to one request. `g`: what is told outside of requests. */
  kind: 'p' | 'g'
  isPrimed: boolean
  /** Nobody came back for it in time. */
  onAbandoned(): void
  /** It is kept no longer. */
  onClose?(): void
}

export type Streams = Disposable & {
  start(terms: StreamTerms): ResumableStream
  find(name: string, session: string): ResumableStream | undefined
  /** Whether there is a stream of this name, which is not this session's. */
  isForeign(name: string, session: string): boolean
  /** It is at its end, and is kept for a while. */
  finish(stream: ResumableStream): void
  /** The session is over, and with it all of its streams. */
  dropOf(session: string): void
}

export type StreamTimes = {
  /** How long a request runs on whose client is gone. */
  runOnMs: number
  /** How long what was missed is kept. */
  keepMs: number
}

export const STREAM_TIMES: StreamTimes = { runOnMs: 60_000, keepMs: 5 * 60_000 }

const MAX_FINISHED = 10_000
const MAX_FINISHED_BYTES = 64 * 1024 * 1024
const MAX_LIVE_BYTES = 256 * 1024 * 1024

export function resumableStreams(instance: string, times: StreamTimes = STREAM_TIMES): Streams {
  const budget: BufferBudget = { maxBytes: MAX_LIVE_BYTES + MAX_FINISHED_BYTES, usedBytes: 0 }
  const live = new Map<string, ResumableStream>()
  const finished = new LRUCache<string, ResumableStream>({
    max: MAX_FINISHED,
    maxSize: MAX_FINISHED_BYTES,
    ttl: times.keepMs,
    disposeAfter: (stream) => stream.close(),
  })
  let next = 0

  const named = (name: string) => live.get(name) ?? finished.get(name)
  // What nobody asks for goes all the same.
  const timer = setInterval(() => finished.purgeStale(), times.keepMs)
  timer.unref()
  return {
    start({ session, kind, isPrimed, onAbandoned, onClose }) {
      const stream: ResumableStream = resumableStream({
        instance,
        name: `${kind}${(next++).toString(36)}`,
        session,
        isPrimed,
        budget,
        lingerMs: kind === 'p' ? times.runOnMs : times.keepMs,
        onAbandoned,
        onClose() {
          live.delete(stream.name)
          finished.delete(stream.name)
          onClose?.()
        },
      })
      live.set(stream.name, stream)
      return stream
    },
    isForeign: (name, session) => (named(name)?.session ?? session) !== session,
    find(name, session) {
      const stream = named(name)
      return stream?.session === session ? stream : undefined
    },
    finish(stream) {
      stream.end()
      live.delete(stream.name)
      finished.set(stream.name, stream, { size: Math.max(1, stream.bytes()) })
    },
    dropOf(session) {
      for (const stream of [...live.values(), ...finished.values()])
        if (stream.session === session) stream.close()
    },
    [Symbol.dispose]() {
      clearInterval(timer)
      for (const stream of live.values()) stream.close()
      finished.clear()
    },
  }
}
