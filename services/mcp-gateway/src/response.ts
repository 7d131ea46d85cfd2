// The response to one request: plain JSON, unless something must be told or asked before the answer. Then it is a stream
// of events, which a legacy client with a session may come back for when its connection breaks.
import type { ServerResponse } from 'node:http'
import { answerText, writeAnswer, type Request, type WrittenAnswer } from '@mcpshield/mcp/json-rpc'
import {
  HEADER_MISMATCH,
  INTERNAL_ERROR,
  METHOD_NOT_FOUND,
  MISSING_CAPABILITY,
  UNSUPPORTED_VERSION,
  type RequestId,
} from '@mcpshield/mcp/messages'
import type { Client, Exchange } from './client.ts'
import { accepts } from './headers.ts'
import { asWithoutSession, messageJson, unanswered, type Questions } from './questions.ts'
import { sendJson } from './replies.ts'
import type { LiveSession } from './session.ts'
import type { StreamConnection, StreamConnections } from './stream-connection.ts'
import { plainStream, type Telling } from './stream.ts'
import type { Streams } from './streams.ts'

export type ResponseDeps = { connections: StreamConnections; streams: Streams; questions: Questions }

export type ExchangeTerms = {
  response: ServerResponse
  accept: string | undefined
  client: Client
  live: LiveSession | null
  only: string | null
  request: Request
  requestId: string
  paramHeaders: Record<string, string>
}

export type OpenExchange = {
  exchange: Exchange
  /** Sends the answer, once, with further headers where it is plain JSON. */
  finish(answer: WrittenAnswer, headers?: string[]): void
}

export function openExchange(deps: ResponseDeps, terms: ExchangeTerms): OpenExchange {
  const { response, client, live, request } = terms
  let controller: AbortController | null = null
  let stream: RequestStream | null | undefined
  let isOver = false

  const abort = () => {
    if (isOver) return
    controller ??= new AbortController()
    controller.abort()
  }
  /** Once there is a stream, that knows whether its client may come back. */
  const gone = () => {
    if (stream === undefined || stream === null) abort()
  }
  const streamOf = () => (stream === undefined ? (stream = openStream(deps, terms, abort)) : stream)
  live?.hold()
  live?.running.set(request.id, abort)

  const exchange: Exchange = {
    client,
    only: terms.only,
    request,
    requestId: terms.requestId,
    paramHeaders: terms.paramHeaders,
    get signal() {
      if (controller === null) {
        controller = new AbortController()
        if (response.destroyed) gone()
        else response.once('close', gone)
      }
      return controller.signal
    },
    notify(message) {
      if (!isOver) streamOf()?.send(messageJson(message))
    },
    async ask(message, signal) {
      if (client.era === 'modern') return unanswered('A client of this revision is not asked in between.')
      const asked = isOver ? null : streamOf()
      if (asked === null) return unanswered('The client cannot be asked: it takes no event stream.')
      return deps.questions.ask({
        to: live?.digest ?? asWithoutSession(client.credential.subject),
        message,
        signal: AbortSignal.any([signal, exchange.signal]),
        send: (json) => asked.send(json),
      })
    },
  }
  return {
    exchange,
    finish(answer, headers = []) {
      isOver = true
      if (live?.running.get(request.id) === abort) live.running.delete(request.id)
      live?.release()
      const text = answerText(request.id, answer)
      if (stream) stream.finish(text, request.id)
      else if (!response.destroyed) sendJson(response, statusOf(client, answer), text, headers)
    },
  }
}

type RequestStream = Pick<Telling, 'send'> & { finish(text: string, id: RequestId): void }

/** Null where the client takes none, or has too many open. */
function openStream(deps: ResponseDeps, terms: ExchangeTerms, abort: () => void): RequestStream | null {
  const { response, accept, client, live } = terms
  if (response.destroyed || !accepts(accept, 'text/event-stream')) return null
  if (live !== null && client.protocolVersion !== BEFORE_RESUMING)
    return openResumable(deps, terms, live, abort)
  const connection = deps.connections.open(response, client.credential, abort)
  if (connection === undefined) return null
  const plain = plainStream(connection)
  return {
    send: (json) => plain.send(json),
    finish(text) {
      plain.send(text)
      plain.end()
    },
  }
}

/** The revision that knows no streams but one for everything. */
const BEFORE_RESUMING = '2024-11-05'
/** The first in which a client can come back before it got its first message. */
const PRIMING = '2025-11-25'

function openResumable(
  { connections, streams }: ResponseDeps,
  { response, client }: ExchangeTerms,
  live: LiveSession,
  abort: () => void,
): RequestStream | null {
  const stream = streams.start({
    session: live.digest,
    kind: 'p',
    isPrimed: client.protocolVersion === PRIMING,
    onAbandoned: abort,
  })
  const connection: StreamConnection | undefined = connections.open(response, client.credential, (closed) => {
    if (closed === 'barred') abort()
    if (connection !== undefined) stream.detach(connection)
  })
  if (connection === undefined) {
    stream.close()
    return null
  }
  stream.attach(connection, 0)
  return {
    send: (json) => stream.send(json),
    finish(text, id) {
      stream.send(text, text.length > TOO_LARGE_UNITS ? answerText(id, TOO_LARGE) : undefined)
      streams.finish(stream)
    },
  }
}

const TOO_LARGE_UNITS = 1024 * 1024
const TOO_LARGE = writeAnswer({
  error: { code: INTERNAL_ERROR, message: 'The answer was too large to be kept until you came back for it.' },
})

const BAD_REQUESTS = new Set<number | undefined>([HEADER_MISMATCH, MISSING_CAPABILITY, UNSUPPORTED_VERSION])

function statusOf({ era }: Client, { code }: WrittenAnswer): number {
  if (era === 'legacy' || code === undefined) return 200
  if (code === METHOD_NOT_FOUND) return 404
  return BAD_REQUESTS.has(code) ? 400 : 200
}
