// The HTTP side of one upstream: its connections, and the credentials that the project named for it. Nothing of a
// client's own requests gets here but what the protocol sends.
import { Pool } from 'undici'
import { AppError } from '@mcpshield/contracts/errors'
import { isTracing, traced, traceparent } from '@mcpshield/runtime/tracing'
import { exchange, type HttpAnswer, type HttpCall } from './exchange.ts'
import { tooLate, unavailable } from './failures.ts'
import { openPace } from './pace.ts'
import { connectorWithin, type Reach } from './reach.ts'
import type { TokenSource, UpstreamSpec } from './upstream.ts'

export type EndpointCall = Omit<HttpCall, 'path'> & {
  /** Another path of the same origin. */
  path?: string
}

export type Endpoint = AsyncDisposable & {
  slug: string
  url: URL
  /** Headers of every request, names and values by turns. */
  headers: string[]
  send(call: EndpointCall): Promise<HttpAnswer>
}

/** Calls are many and short; streams are held open, and may not take the calls' connections. */
const MAX_CALL_CONNECTIONS = 256
const MAX_STREAM_CONNECTIONS = 4_096
const KEEP_ALIVE_MS = 30_000
/** How often a request is sent in all while its token is refused. */
const MAX_SENDS = 3

/** Set by the protocol itself. */
const OURS = new Set([
  'accept',
  'connection',
  'content-length',
  'content-type',
  'last-event-id',
  'mcp-method',
  'mcp-name',
  'mcp-protocol-version',
  'mcp-session-id',
  'transfer-encoding',
])

export function openEndpoint(spec: Extract<UpstreamSpec, { url: string }>): Endpoint {
  const { slug, tokens } = spec
  const url = new URL(spec.url)
  const path = url.pathname + url.search
  const calls = openPool(url.origin, MAX_CALL_CONNECTIONS, spec.reach)
  const streams = openPool(url.origin, MAX_STREAM_CONNECTIONS, spec.reach)
  const load = { heldBytes: 0, pace: openPace() }
  const exchanged = (call: EndpointCall) =>
    exchange(call.timeoutMs === 0 ? streams : calls, slug, { ...call, path: call.path ?? path }, load)
  const send = (call: EndpointCall) => (isTracing() ? tracedSend(exchanged, url, call) : exchanged(call))
  return {
    slug,
    url,
    headers: namedHeaders(spec.headers, tokens !== undefined),
    send: tokens === undefined ? send : (call) => sendWithToken(send, tokens, slug, call),
    async [Symbol.asyncDispose]() {
      await Promise.all([calls.destroy(), streams.destroy()])
    },
  }
}

/** As a span, which the upstream's own can belong to. Its address is told, never its path, which may have secrets. */
function tracedSend(
  send: (call: EndpointCall) => Promise<HttpAnswer>,
  { hostname, port, protocol }: URL,
  call: EndpointCall,
): Promise<HttpAnswer> {
  const attributes = {
    'http.request.method': call.method,
    'server.address': hostname,
    'server.port': Number(port) || (protocol === 'https:' ? 443 : 80),
  }
  return traced({ name: call.method, kind: 'client', attributes }, async (span) => {
    const parent = traceparent()
    const headers = parent === undefined ? call.headers : [...call.headers, 'traceparent', parent]
    const answer = await send({ ...call, headers })
    span?.set({ 'http.response.status_code': answer.status })
    return answer
  })
}

function openPool(origin: string, connections: number, reach: Reach | undefined): Pool {
  return new Pool(origin, {
    connections,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Each request has a deadline of its own; a stream has none.
    headersTimeout: 0,
    bodyTimeout: 0,
    allowH2: false,
    ...(reach === undefined ? {} : { connect: connectorWithin(reach) }),
  })
}

function namedHeaders(headers: Record<string, string>, withToken: boolean): string[] {
  return Object.entries(headers)
    .filter(([name]) => !OURS.has(name.toLowerCase()))
    .filter(([name]) => !withToken || name.toLowerCase() !== 'authorization')
    .flat()
}

/** Without a token the request goes as it is: the refusal tells where one is to be had. */
async function sendWithToken(
  send: (call: EndpointCall) => Promise<HttpAnswer>,
  tokens: TokenSource,
  slug: string,
  call: EndpointCall,
): Promise<HttpAnswer> {
  const startedMs = performance.now()
  let token = await granted(slug, tokens.token())
  for (let sends = 1; ; sends++) {
    const timeoutMs = call.timeoutMs === 0 ? 0 : call.timeoutMs - (performance.now() - startedMs)
    if (call.timeoutMs !== 0 && timeoutMs <= 0) throw tooLate(slug, call.timeoutMs)
    const headers = token === '' ? call.headers : [...call.headers, 'authorization', `Bearer ${token}`]
    const answer = await send({ ...call, headers, timeoutMs })
    if (!isRefused(answer) || sends === MAX_SENDS) return answer
    token = await granted(slug, tokens.renew(token, challengeOf(answer)))
  }
}

/** Why there is no token is for the log: it may tell of the authorisation server. */
async function granted(slug: string, token: Promise<string>): Promise<string> {
  try {
    return await token
  } catch (error) {
    throw error instanceof AppError ? error : unavailable(slug, 'is not authorised', error)
  }
}

function isRefused(answer: HttpAnswer): boolean {
  if (answer.status === 401) return true
  return answer.status === 403 && /\berror="?insufficient_scope\b/.test(challengeOf(answer) ?? '')
}

function challengeOf({ headers }: HttpAnswer): string | undefined {
  const challenge = headers['www-authenticate']
  return Array.isArray(challenge) ? challenge.join(', ') : challenge
}
