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
  type Message,
  type RequestId,
  type RpcAnswer,
} from '@mcpshield/mcp/messages'
import type { Client, Exchange } from './client.ts'
import { accepts } from './headers.ts'
import { asWithoutSession, messageJson, unanswered, type Questions } from './questions.ts'
import { REQUEST_ID, sendJson } from './replies.ts'
import type { LiveSession } from './live-session.ts'
import { EVENT_STREAM_HEAD, type StreamConnection, type StreamConnections } from './stream-connection.ts'
import type { Away } from './metrics.ts'
import type { RequestTrace } from './request-span.ts'
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
  trace: RequestTrace
}

/**
 * One request and its response. A class, as a getter on each object would give each a shape of its own, which the
 * garbage collector pays for dearly: the signal is made only for who looks at it.
 */
export class OpenExchange implements Exchange {
  readonly client: Client
  readonly only: string | null
  readonly request: Request
  readonly requestId: string
  readonly paramHeaders: Record<string, string>
  readonly traceId: string | null
  readonly span: RequestTrace['span']
  /** Of which others took so much. */
  readonly awayMs: Record<Away, number> = { upstream: 0, connector: 0, person: 0 }
  #deps: ResponseDeps
  #terms: ExchangeTerms
  #controller: AbortController | null = null
  #stream: RequestStream | null | undefined
  #isOver = false
  /** Only a request of a session can be taken back. */
  #takeBack: (() => void) | null = null
  #isTakenBack = false

  constructor(deps: ResponseDeps, terms: ExchangeTerms) {
    this.#deps = deps
    this.#terms = terms
    this.client = terms.client
    this.only = terms.only
    this.request = terms.request
    this.requestId = terms.requestId
    this.paramHeaders = terms.paramHeaders
    this.traceId = terms.trace.traceId
    this.span = terms.trace.span
    const { live } = terms
    if (live === null) return
    live.hold()
    this.#takeBack = () => {
      this.#isTakenBack = true
      this.#abort()
    }
    live.running.set(terms.request.id, this.#takeBack)
  }

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController()
      const { response } = this.#terms
      const gone = () => this.#gone()
      if (response.destroyed) gone()
      else response.once('close', gone)
    }
    return this.#controller.signal
  }

  took(at: Away, ms: number): void {
    this.awayMs[at] += ms
  }

  openStream(): boolean {
    return this.#streamOf() !== null
  }

  notify(message: Message): void {
    if (!this.#isOver) this.#streamOf()?.send(messageJson(message))
  }

  async ask(message: Message, signal: AbortSignal): Promise<RpcAnswer> {
    const { era, credential } = this.client
    if (era === 'modern') return unanswered('A client of this revision is not asked in between.')
    const stream = this.#isOver ? null : this.#streamOf()
    if (stream === null) return unanswered('The client cannot be asked: it takes no event stream.')
    return this.#deps.questions.ask({
      to: this.#terms.live?.digest ?? asWithoutSession(credential.subject),
      message,
      signal: AbortSignal.any([signal, this.signal]),
      send: (json) => stream.send(json),
    })
  }

  /** Sends the answer, once, with further headers where it is plain JSON. */
  finish(answer: WrittenAnswer, headers: string[] = []): void {
    const { response, live, request, client } = this.#terms
    this.#isOver = true
    if (live !== null) {
      if (live.running.get(request.id) === this.#takeBack) live.running.delete(request.id)
      live.release()
    }
    if (this.#isTakenBack && accepts(this.#terms.accept, 'text/event-stream')) return this.#endUnanswered()
    const text = answerText(request.id, answer)
    if (this.#stream) this.#stream.finish(text, request.id)
    else if (!response.destroyed)
      sendJson(response, statusOf(client, answer), text, [REQUEST_ID, this.requestId, ...headers])
  }

  /** Who took a request back is told nothing more of it, and nothing that could be come back for. */
  #endUnanswered(): void {
    const { response } = this.#terms
    if (this.#stream) this.#stream.drop()
    else if (!response.destroyed) response.writeHead(200, EVENT_STREAM_HEAD).end()
  }

  #streamOf(): RequestStream | null {
    if (this.#stream === undefined) this.#stream = openStream(this.#deps, this.#terms, () => this.#abort())
    return this.#stream
  }

  #abort(): void {
    if (this.#isOver) return
    this.#controller ??= new AbortController()
    this.#controller.abort()
  }

  /** Once there is a stream, that knows whether its client may come back. */
  #gone(): void {
    if (!this.#stream) this.#abort()
  }
}

type RequestStream = Pick<Telling, 'send'> & {
  finish(text: string, id: RequestId): void
  /** It ends without an answer. */
  drop(): void
}

/** Null where the client takes none, or has too many open. */
function openStream(deps: ResponseDeps, terms: ExchangeTerms, abort: () => void): RequestStream | null {
  const { response, accept, client, live, requestId } = terms
  if (response.destroyed || !accepts(accept, 'text/event-stream')) return null
  response.setHeader(REQUEST_ID, requestId)
  if (live !== null && client.protocolVersion !== BEFORE_RESUMING)
    return openResumable(deps, terms, live, abort)
  const connection = deps.connections.open(response, client.credential, abort)
  if (connection === undefined) return null
  const plain = plainStream(connection)
  return {
    send: (json) => plain.send(json),
    drop: () => plain.end(),
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
    drop: () => stream.close(),
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
