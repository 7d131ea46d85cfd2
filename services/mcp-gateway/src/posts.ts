// One message that a client posts: read, told which revision it is spoken in, and answered. Nothing is decided here, and
// what is refused here leaves a record.
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { readMessage, type Incoming, type WrittenAnswer } from '@mcpshield/mcp/json-rpc'
import {
  HEADER_MISMATCH,
  INVALID_REQUEST,
  isObject,
  PARSE_ERROR,
  type RequestId,
  type RpcError,
} from '@mcpshield/mcp/messages'
import type { DecisionPoint } from '@mcpshield/pdp/decide-call'
import type { KeyUse } from '@mcpshield/pdp/key-use'
import type { Credential } from '@mcpshield/pdp/snapshots'
import type { JsonObject } from '@mcpshield/policy/facts'
import { readBody } from './body.ts'
import type { Client, Exchange } from './client.ts'
import { accepts, header, isJson, mirrorProblem, paramHeaders } from './headers.ts'
import { takeAnswer, takeNotification, type MessageDeps } from './client-messages.ts'
import { agentOf, negotiated, spokenIn, UNNAMED_VERSION, type Spoken } from './protocol.ts'
import { answerMessage } from './questions.ts'
import { refusalKind, type GatewayMetrics } from './metrics.ts'
import { FORBIDDEN, NO_SESSION, REQUEST_ID, sendEmpty, sendError } from './replies.ts'
import { requestTrace, withoutOddTrace } from './request-span.ts'
import { tell } from './request-told.ts'
import { OpenExchange, type ExchangeTerms, type ResponseDeps } from './response.ts'
import type { LiveSession } from './live-session.ts'
import type { Sessions } from './session.ts'

export type PostDeps = ResponseDeps &
  MessageDeps & {
    maxBodyBytes: number
    pdp: Pick<DecisionPoint, 'recordMalformed'>
    uses: Pick<KeyUse, 'seen'>
    sessions: Sessions
    metrics: GatewayMetrics
    /** Whether the asker's credential is still good. */
    holds(credential: Credential): boolean
    /** Whether a kill switch stops everything of the asker's. */
    isKilled(credential: Credential): boolean
    /** Never rejects. */
    answerRequest(exchange: Exchange): Promise<WrittenAnswer>
  }

export type Post = {
  request: IncomingMessage
  response: ServerResponse
  credential: Credential
  /** The upstream of the path. */
  only: string | null
  /** A header that must come once, and came more often. */
  repeated: string | undefined
}

/** Not when the credential has ceased to be good while the body was on its way: `false`, and nothing is sent. */
export async function servePost(deps: PostDeps, post: Post): Promise<boolean> {
  const { request, response, credential } = post
  const { headers } = request
  const problem = formProblem(post)
  if (problem !== null) return refuse(deps, post, problem.status, problem.error)
  if (headers.expect !== undefined) response.writeContinue()
  const body = await readBody(request, deps.maxBodyBytes)
  const startedMs = performance.now()
  if (body === 'gone') return true
  if (!deps.holds(credential)) return false
  if (body === 'too large') {
    const message = `The body is larger than ${deps.maxBodyBytes} bytes.`
    response.setHeader('connection', 'close')
    return refuse(deps, post, 413, { code: INVALID_REQUEST, message })
  }
  if (body === 'not UTF-8')
    return refuse(deps, post, 400, { code: PARSE_ERROR, message: 'The body is not valid UTF-8.' })
  const read = readMessage(body.text, { maxLength: deps.maxBodyBytes, maxDepth: MAX_DEPTH })
  if (read.kind === 'invalid') return refuse(deps, post, 400, read.error, read.id)
  const incoming = withoutOddTrace(read)
  const spoken = spokenIn(header(headers, 'mcp-protocol-version'), incoming)
  if (spoken.era === 'refused') return refuse(deps, post, 400, spoken.error, idOf(incoming))
  if (incoming.kind === 'notification' && !incoming.method.startsWith('notifications/')) {
    const message = 'A request needs an id; without one it is not run.'
    return refuse(deps, post, 400, { code: INVALID_REQUEST, message })
  }
  if (credential.key_id !== null) deps.uses.seen(credential.key_id, new Date())
  return spoken.era === 'modern'
    ? serveModern(deps, { ...post, startedMs }, incoming, spoken)
    : serveLegacy(deps, { ...post, startedMs }, incoming, spoken.version)
}

const MAX_DEPTH = 64

/** What is wrong with a message before its body is read. */
function formProblem({ request, repeated }: Post): { status: number; error: RpcError } | null {
  const { headers } = request
  const invalid = (status: number, message: string) => ({ status, error: { code: INVALID_REQUEST, message } })
  if (repeated !== undefined) {
    const code = MIRRORED.test(repeated) ? HEADER_MISMATCH : INVALID_REQUEST
    return { status: 400, error: { code, message: `The header ${repeated} is repeated.` } }
  }
  const encoding = headers['content-encoding']
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
    return invalid(415, 'A packed body is not accepted: send it without content-encoding.')
  if (!isJson(headers['content-type'])) return invalid(415, 'The content-type must be application/json.')
  return null
}

/** Headers that say again what the body says, in the modern era. */
const MIRRORED = /^mcp-(method|name|param-.*|protocol-version)$/

/** Records and answers; the record is stored before the answer is sent. */
async function refuse(
  deps: PostDeps,
  { response, credential }: Post,
  status: number,
  error: RpcError,
  id: RequestId | null = null,
): Promise<true> {
  const requestId = randomUUID()
  deps.metrics.refused(refusalKind(status, error.code))
  await deps.pdp
    .recordMalformed(credential, { reason: error.message, requestId })
    .catch((failed: unknown) => {
      // Nothing was run, and it is refused with or without its record.
      deps.log.warn({ err: failed, requestId }, 'a refused message was not recorded')
    })
  deps.log.info({ requestId, projectId: credential.project_id, status, code: error.code }, 'mcp refused')
  sendError(response, status, error, { id, headers: [REQUEST_ID, requestId] })
  return true
}

function idOf(incoming: Incoming): RequestId | null {
  return incoming.kind === 'request' ? incoming.request.id : null
}

/** A post that was read; when it was there, by `performance.now()`. */
type ReadPost = Post & { startedMs: number }

async function serveModern(
  deps: PostDeps,
  post: ReadPost,
  incoming: Exclude<Incoming, { kind: 'invalid' }>,
  spoken: Extract<Spoken, { era: 'modern' }>,
): Promise<boolean> {
  const { request, response, credential, only } = post
  if (incoming.kind === 'response') {
    const message = 'A client of this revision answers by making its request again.'
    return refuse(deps, post, 400, { code: INVALID_REQUEST, message })
  }
  // This revision has none that the gateway would act upon.
  if (incoming.kind === 'notification') {
    sendEmpty(response, 202)
    return true
  }
  const { id, method } = incoming.request
  const params = paramHeaders(request.headers)
  const problem = mirrorProblem(request.headers, incoming.request)
  if (problem !== null) return refuse(deps, post, 400, problem, id)
  if ('code' in params) return refuse(deps, post, 400, params, id)
  const { accept } = request.headers
  if (method === 'subscriptions/listen' && !accepts(accept, 'text/event-stream')) {
    const message = 'Listening needs an event stream: accept text/event-stream.'
    return refuse(deps, post, 406, { code: INVALID_REQUEST, message }, id)
  }
  await answer(deps, post, {
    response,
    accept,
    client: modernClient(credential, spoken),
    live: null,
    only,
    request: incoming.request,
    paramHeaders: params.params,
  })
  return true
}

function modernClient(
  credential: Credential,
  { version, info, capabilities }: Extract<Spoken, { era: 'modern' }>,
): Client {
  return {
    credential,
    era: 'modern',
    protocolVersion: version,
    info,
    capabilities,
    agent: agentOf(info),
    session: null,
  }
}

async function serveLegacy(
  deps: PostDeps,
  post: ReadPost,
  incoming: Exclude<Incoming, { kind: 'invalid' }>,
  version: string | null,
): Promise<boolean> {
  const { request, response, credential, only } = post
  // It begins a session of its own, whatever session is named.
  if (incoming.kind === 'request' && incoming.request.method === 'initialize')
    return initialize(deps, post, incoming.request)
  const sessionId = header(request.headers, 'mcp-session-id')
  const found = sessionId === undefined ? null : deps.sessions.find(sessionId, credential.subject)
  const live = found instanceof Promise ? await found : found
  if (live === undefined) {
    const message = 'There is no such session: initialize again.'
    return refuse(deps, post, 404, { code: NO_SESSION, message }, idOf(incoming))
  }
  const client = legacyClient(credential, live, version)
  // An answer goes on to a server without a decision of its own.
  if (incoming.kind !== 'request' && deps.isKilled(credential))
    return refuse(deps, post, 403, { code: FORBIDDEN, message: 'A kill switch is on: nothing is passed on.' })
  if (incoming.kind === 'request') {
    await answer(deps, post, {
      response,
      accept: request.headers.accept,
      client,
      live,
      only,
      request: incoming.request,
      paramHeaders: NO_PARAMS,
    })
    return true
  }
  // An answer has arrived once it is where it was waited for.
  if (incoming.kind === 'response')
    await takeAnswer(deps, client, incoming.id, answerMessage(incoming.answer))
  else void takeNotification(deps, client, live, { only, ...incoming })
  sendEmpty(response, 202)
  return true
}

const NO_PARAMS: Record<string, string> = Object.freeze({})

function legacyClient(credential: Credential, live: LiveSession | null, version: string | null): Client {
  const { info, capabilities } = live?.terms ?? { info: {}, capabilities: {} }
  return {
    credential,
    era: 'legacy',
    protocolVersion: version ?? live?.terms.version ?? UNNAMED_VERSION,
    info,
    capabilities,
    agent: agentOf(info),
    session: live,
  }
}

async function initialize(
  deps: PostDeps,
  post: ReadPost,
  message: Extract<Incoming, { kind: 'request' }>['request'],
): Promise<true> {
  const { request, response, credential, only } = post
  const { protocolVersion, clientInfo, capabilities } = message.params
  const terms = {
    version: negotiated(protocolVersion),
    info: objectOr(clientInfo),
    capabilities: objectOr(capabilities),
  }
  const live = deps.sessions.open(credential.subject, terms)
  const exchange = {
    response,
    accept: request.headers.accept,
    client: legacyClient(credential, live, terms.version),
    live,
    only,
    request: message,
    paramHeaders: NO_PARAMS,
  }
  const began = await answer(deps, post, exchange, ['mcp-session-id', live.id])
  if (!began) deps.sessions.ended(live.digest)
  return true
}

const objectOr = (value: unknown): JsonObject => (isObject(value) ? value : {})

/** `headers` go with a result. Whether there was one. */
async function answer(
  deps: PostDeps,
  { request, startedMs }: ReadPost,
  terms: Omit<ExchangeTerms, 'requestId' | 'trace'>,
  headers: string[] = [],
): Promise<boolean> {
  const requestId = randomUUID()
  const trace = requestTrace(request.headers, terms.client, terms.request, requestId)
  const exchange = new OpenExchange(deps, { ...terms, requestId, trace })
  const answering = () => deps.answerRequest(exchange)
  const answered = await (trace.span === undefined ? answering() : trace.span.run(answering))
  const isResult = answered.member === 'result'
  exchange.finish(answered, isResult ? headers : [])
  tell(deps, exchange, answered, performance.now() - startedMs)
  return isResult
}
