// A session with a server of the legacy era over Streamable HTTP.
import { isObject, type RequestId, type RpcAnswer } from '@mcpshield/mcp/messages'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Log } from '@mcpshield/runtime/log'
import type { Endpoint } from './endpoint.ts'
import type { HttpAnswer } from './exchange.ts'
import { isGivenUp, SessionLost, unavailable } from './failures.ts'
import { answerStream, followStream, resumed, type AnswerStream } from './http-streams.ts'
import { answerTo } from './incoming.ts'
import { initialized, initializeParams, type Hello, type Link, type LinkEvents } from './link.ts'
import { legacyParams, nextRequestId, notificationText, replyText, requestText } from './request-params.ts'
import { toldOnce } from './questions.ts'
import { openUnasked, type Unasked } from './unasked.ts'
import type { RequestOptions, ServerIdentity } from './upstream.ts'

const START_TIMEOUT_MS = 15_000
const NOTIFY_TIMEOUT_MS = 10_000
const CLOSE_TIMEOUT_MS = 2_000

type Session = {
  endpoint: Endpoint
  server: ServerIdentity
  /** Of every request, and of those that open a stream. */
  headers: string[]
  hasId: boolean
  events: LinkEvents
  unasked: Unasked
  ended: AbortController
}

/** Shakes hands. Throws a Refusal when the server does not answer as one of the legacy era. */
export async function openHttpSession(
  endpoint: Endpoint,
  hello: Hello,
  events: LinkEvents,
  log: Log,
): Promise<Link> {
  const plain = [...endpoint.headers, 'content-type', 'application/json', 'accept', ACCEPT_BOTH]
  const { answer, http } = await askOnce(
    endpoint,
    plain,
    'initialize',
    initializeParams(hello),
    START_TIMEOUT_MS,
  )
  const server = initialized(endpoint.slug, answer, http.status)
  const id = http.headers['mcp-session-id']
  const known = ['mcp-protocol-version', server.protocolVersion]
  if (typeof id === 'string') known.push('mcp-session-id', id)
  const headers = [...plain, ...known]
  const reply = (to: RequestId, given: RpcAnswer) =>
    post(session, replyText(to, given)).catch(toldOnce(log, endpoint.slug))
  const session: Session = {
    endpoint,
    server,
    headers,
    hasId: typeof id === 'string',
    events,
    unasked: openUnasked(events, reply, log, false),
    ended: new AbortController(),
  }
  await post(session, notificationText('notifications/initialized', undefined))
  return linkOf(session)
}

export const ACCEPT_BOTH = 'application/json, text/event-stream'

function linkOf(session: Session): Link {
  let followed: PromiseWithResolvers<void> | undefined
  return {
    server: session.server,
    request: (method, params, options) => request(session, method, params, options),
    notify: async (method, params) => {
      const { status } = await post(session, notificationText(method, params))
      if (status === 404 && session.hasId) throw new SessionLost()
      if (status >= 300)
        throw unavailable(session.endpoint.slug, `answered a notification with status ${status}`)
    },
    checkHold: () => undefined,
    follow() {
      if (followed !== undefined) return followed.promise
      const { promise, resolve } = (followed = Promise.withResolvers<void>())
      void followStream(session, session.ended.signal, resolve).then((end) => {
        resolve()
        if (end === 'lost') endLost(session)
      })
      return promise
    },
    async close() {
      if (session.ended.signal.aborted) return
      session.ended.abort()
      session.unasked.end()
      if (!session.hasId) return
      const { headers, endpoint } = session
      const call = {
        method: 'DELETE',
        headers,
        body: null,
        timeoutMs: CLOSE_TIMEOUT_MS,
        signal: undefined,
      } as const
      await endpoint.send(call).catch(() => undefined) // It ends by itself later.
    },
  }
}

function post(session: Session, body: string): Promise<HttpAnswer> {
  const { endpoint, headers } = session
  return endpoint.send({ method: 'POST', headers, body, timeoutMs: NOTIFY_TIMEOUT_MS, signal: undefined })
}

/** One request whose answer is all that matters. */
export async function askOnce(
  endpoint: Endpoint,
  headers: string[],
  method: string,
  params: JsonObject,
  timeoutMs: number,
): Promise<{ answer: RpcAnswer | undefined; http: HttpAnswer }> {
  const id = nextRequestId()
  let answer: RpcAnswer | undefined
  const reader = () => ({
    onMessage: (message: JsonObject) => (answer = answerTo(id, message)) !== undefined,
  })
  const body = requestText(id, method, params)
  const http = await endpoint.send({ method: 'POST', headers, body, timeoutMs, signal: undefined, reader })
  return { answer: answer ?? answerTo(id, http.message), http }
}

async function request(
  session: Session,
  method: string,
  params: JsonObject,
  options: RequestOptions,
): Promise<RpcAnswer> {
  const id = nextRequestId()
  const { endpoint, headers, unasked } = session
  const { timeoutMs, signal } = options
  const startedMs = performance.now()
  let stream: AnswerStream | undefined
  let answer: RpcAnswer | undefined
  unasked.begin(id, params, options)
  try {
    const body = requestText(id, method, legacyParams(params, id))
    const reader = () => (stream = answerStream(unasked, id, options))
    const http = await endpoint.send({ method: 'POST', headers, body, timeoutMs, signal, reader })
    if (session.hasId && isLost(http)) throw new SessionLost()
    answer = stream === undefined ? answerTo(id, http.message) : stream.answer
    if (stream !== undefined) answer ??= await resumed(session, stream, options, startedMs)
    if (answer === undefined)
      throw unavailable(endpoint.slug, `answered with status ${http.status} and no MCP result`)
    return answer
  } catch (error) {
    if (isGivenUp(error, signal)) cancel(session, id, signal?.aborted === true)
    throw error
  } finally {
    unasked.endOf(id, answer)
  }
}

/** The protocol says 404; many servers say 400, in words alone. */
function isLost({ status, message }: HttpAnswer): boolean {
  if (status === 404) return true
  const error = status === 400 ? message?.['error'] : undefined
  return isObject(error) && typeof error['message'] === 'string' && /\bsession\b/i.test(error['message'])
}

function cancel(session: Session, requestId: number, byClient: boolean): void {
  const params = { requestId, reason: byClient ? 'The client went away.' : 'The answer came too late.' }
  // Told as far as it can be told: the request is given up either way.
  post(session, notificationText('notifications/cancelled', params)).catch(() => undefined)
}

function endLost(session: Session): void {
  session.ended.abort()
  session.unasked.end()
  session.events.onEnd(true)
}
