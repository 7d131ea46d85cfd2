// The event streams of a session over Streamable HTTP: those that answer requests, taken up again where they broke, and the
// one of what is told outside of requests.
import { setTimeout as wait } from 'node:timers/promises'
import type { RpcAnswer } from '@mcpshield/mcp/messages'
import type { Endpoint } from './endpoint.ts'
import type { EventReader } from './events.ts'
import type { HttpAnswer } from './exchange.ts'
import { clientGone, tooLate, unavailable } from './failures.ts'
import { answerTo } from './incoming.ts'
import type { Unasked } from './unasked.ts'
import type { RequestOptions } from './upstream.ts'

const DEFAULT_RETRY_MS = 1_000
const MIN_RETRY_MS = 100
const MAX_RETRY_MS = 300_000
/** Between openings of a stream on which nothing comes. */
const MAX_QUIET_RETRY_MS = 30_000

/** What streams need of their session. */
export type StreamSource = { endpoint: Endpoint; headers: string[]; hasId: boolean; unasked: Unasked }

/** The event stream that answers one request, over all of its connections. */
export type AnswerStream = EventReader & {
  answer: RpcAnswer | undefined
  lastEventId: string | undefined
  retryMs: number
}

export function answerStream(unasked: Unasked, id: number, options: RequestOptions): AnswerStream {
  const owner = { id, options }
  const stream: AnswerStream = {
    answer: undefined,
    lastEventId: undefined,
    retryMs: DEFAULT_RETRY_MS,
    onMessage(message) {
      if (message['method'] === undefined) stream.answer ??= answerTo(id, message)
      else unasked.hear(message, owner)
      return stream.answer !== undefined
    },
    onId: (eventId) => (stream.lastEventId = eventId),
    onRetry: (retryMs) => (stream.retryMs = bounded(retryMs)),
  }
  return stream
}

/** Takes a broken stream up again until it has answered, as long as the server offers that. */
export async function resumed(
  session: StreamSource,
  stream: AnswerStream,
  { timeoutMs, signal }: RequestOptions,
  startedMs: number,
): Promise<RpcAnswer | undefined> {
  const { slug } = session.endpoint
  while (stream.answer === undefined) {
    if (stream.lastEventId === undefined || stream.lastEventId === '')
      throw unavailable(slug, 'broke off before its answer was complete')
    const leftMs = timeoutMs - (performance.now() - startedMs)
    if (leftMs <= 0) throw tooLate(slug, timeoutMs)
    await pause(Math.min(stream.retryMs, leftMs), signal)
    const remainingMs = timeoutMs - (performance.now() - startedMs)
    if (remainingMs <= 0) throw tooLate(slug, timeoutMs)
    const http = await openStream(session, stream, stream.lastEventId, remainingMs, signal)
    if (!http.events && http.status < 500)
      throw unavailable(slug, 'broke off before its answer was complete, and does not go on')
  }
  return stream.answer
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await wait(ms, undefined, signal === undefined ? {} : { signal })
  } catch {
    throw clientGone()
  }
}

function openStream(
  session: StreamSource,
  reader: EventReader,
  lastEventId: string | undefined,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  opened: () => void = () => undefined,
): Promise<HttpAnswer> {
  const resume = lastEventId === undefined ? [] : ['last-event-id', lastEventId]
  const headers = [...session.headers, ...resume]
  return session.endpoint.send({
    method: 'GET',
    headers,
    body: null,
    timeoutMs,
    signal,
    reader() {
      opened()
      return reader
    },
  })
}

/**
 * The GET stream, for as long as the session lives and the server offers it. `lost` when the server does not know the
 * session any longer. `tried` is called when it is open, and whenever it could not be.
 */
export async function followStream(
  session: StreamSource,
  signal: AbortSignal,
  tried: () => void,
): Promise<'over' | 'lost'> {
  let lastEventId: string | undefined
  let retryMs = DEFAULT_RETRY_MS
  let quietOpenings = 0
  const reader: EventReader = {
    onMessage(message) {
      quietOpenings = 0
      session.unasked.hear(message, undefined)
      return false
    },
    onId: (id) => (lastEventId = id === '' ? undefined : id),
    onRetry: (given) => (retryMs = bounded(given)),
  }
  while (!signal.aborted) {
    const http = await openStream(session, reader, lastEventId, 0, signal, tried).catch(() => undefined)
    tried()
    if (signal.aborted) return 'over'
    if (http?.status === 404 && session.hasId) return 'lost'
    // 405 and its like: the server tells nothing outside of requests.
    if (http !== undefined && !http.events && http.status < 500) return 'over'
    const quietMs = Math.min(MAX_QUIET_RETRY_MS, DEFAULT_RETRY_MS * 2 ** Math.min(quietOpenings++, 5))
    const pauseMs = Math.max(retryMs, quietMs)
    await wait(pauseMs, undefined, { signal, ref: false }).catch(() => undefined)
  }
  return 'over'
}

function bounded(retryMs: number): number {
  return Math.min(MAX_RETRY_MS, Math.max(MIN_RETRY_MS, retryMs))
}
