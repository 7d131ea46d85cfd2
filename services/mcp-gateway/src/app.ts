// The HTTP side of the MCP endpoints: limits, guard, credential, session, one message per request.
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { randomUUID } from 'node:crypto'
import { hmacSha256 } from '@mcpshield/pdp/record'
import type { KeyUse } from '@mcpshield/pdp/key-use'
import type { DecisionPoint } from '@mcpshield/pdp/decide-call'
import type { Credential, Snapshots } from '@mcpshield/pdp/snapshots'
import type { Log } from '@mcpshield/runtime/log'
import type { Config } from './config.ts'
import { answerRequest, type EndpointDeps } from './endpoint.ts'
import { guard } from './guard.ts'
import {
  answerText,
  writeAnswer,
  INVALID_REQUEST,
  METHOD_NOT_FOUND,
  PARSE_ERROR,
  readMessage,
  type Incoming,
  type WrittenAnswer,
  type RpcError,
} from './json-rpc.ts'
import { isSupportedVersion, PROTOCOL_VERSIONS, statelessVersion, UNSUPPORTED_VERSION } from './protocol.ts'
import type { Runtimes } from './runtimes.ts'
import type { Sessions } from './session.ts'

export type AppDeps = {
  config: Config
  log: Log
  pdp: DecisionPoint
  runtimes: Runtimes
  snapshots: Pick<Snapshots, 'credential'>
  uses: Pick<KeyUse, 'seen'>
  sessions: Sessions
}

const UNAUTHORIZED = -32001
const NO_SESSION = -32001
const FORBIDDEN = -32000
const REQUEST_ARRIVES_MS = 30_000

export function buildApp(deps: AppDeps): FastifyInstance {
  const { config } = deps
  const app = fastify({
    bodyLimit: config.MCP_BODY_LIMIT_BYTES,
    logger: false,
    keepAliveTimeout: 72_000,
    // How long a request may take to arrive; what it then takes to be answered has limits of its own.
    requestTimeout: REQUEST_ARRIVES_MS,
    connectionTimeout: 0,
    frameworkErrors: (error, _request, reply) =>
      void sendError(reply, error.statusCode ?? 400, {
        code: INVALID_REQUEST,
        message: 'There is no such endpoint.',
      }),
  })
  const refuse = guard({
    hosts: config.MCP_ALLOWED_HOSTS,
    origins: config.ALLOWED_ORIGINS,
    port: () => listeningPort(app, config.MCP_PORT),
  })
  const endpoint: EndpointDeps = {
    pdp: deps.pdp,
    runtimeOf: (projectId) => deps.runtimes.of(projectId),
    upstreamTimeoutMs: config.UPSTREAM_TIMEOUT_MS,
    keyedHash: hmacSha256(config.AUDIT_DIGEST_KEY),
    log: deps.log,
    sessions: deps.sessions,
  }

  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  )
  app.addHook('onRequest', async (request, reply) => {
    const repeated = repeatedHeader(request.raw.rawHeaders)
    if (repeated !== undefined)
      return sendError(reply, 400, { code: INVALID_REQUEST, message: `The header ${repeated} is repeated.` })
    const why = refuse(request.headers)
    if (why !== null) return sendError(reply, 403, { code: FORBIDDEN, message: why })
    // A stranger's body is not even read.
    if (isMcp(request) && credentialOf(deps, request) === undefined) return sendUnauthorized(reply)
  })
  app.setNotFoundHandler((_request, reply) =>
    sendError(reply, 404, { code: METHOD_NOT_FOUND, message: 'There is no such endpoint.' }),
  )
  app.setErrorHandler((error: { statusCode?: number; message: string }, _request, reply) => {
    const status = error.statusCode ?? 500
    if (status >= 500) deps.log.error({ err: error }, 'request failed')
    const message = status >= 500 ? 'Something went wrong on our side.' : error.message
    return sendError(reply, status, { code: status === 400 ? PARSE_ERROR : INVALID_REQUEST, message })
  })

  const post = (request: FastifyRequest, reply: FastifyReply) => servePost(deps, endpoint, request, reply)
  app.post('/mcp', post)
  app.post('/mcp/:upstream', post)
  for (const url of ['/mcp', '/mcp/:upstream']) {
    app.route({
      method: ['GET', 'PUT', 'PATCH', 'DELETE'],
      url,
      handler: (_request, reply) =>
        sendError(reply.header('allow', 'POST'), 405, {
          code: FORBIDDEN,
          message: 'Only POST: this endpoint opens no streams.',
        }),
    })
  }
  app.get('/health', async () => ({ ok: true }))
  return app
}

async function servePost(
  deps: AppDeps,
  endpoint: EndpointDeps,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const credential = credentialOf(deps, request)
  // Asked again now that the body is here: the key may have been revoked while it was on its way.
  if (credential === undefined) return sendUnauthorized(reply)
  const incoming = readBody(request.body)
  if (incoming.kind === 'invalid') return sendError(reply, 400, incoming.error, incoming.id)
  const version = request.headers['mcp-protocol-version'] ?? statelessVersion(incoming)
  if (version !== undefined && !isSupportedVersion(String(version))) {
    return sendError(reply, 400, {
      code: UNSUPPORTED_VERSION,
      message: 'This protocol version is not supported.',
      data: { supported: [...PROTOCOL_VERSIONS] },
    })
  }
  const sessionId = request.headers['mcp-session-id']
  const session =
    sessionId === undefined ? { agent: null } : deps.sessions.find(String(sessionId), credential.key_id)
  if (session === undefined)
    return sendError(reply, 404, { code: NO_SESSION, message: 'There is no such session: initialize again.' })
  if (incoming.kind === 'notification' && !incoming.notification.method.startsWith('notifications/')) {
    return sendError(reply, 400, {
      code: INVALID_REQUEST,
      message: 'A request needs an id; without one it is not run.',
    })
  }
  // Notifications and responses of the client ask for nothing that the gateway runs.
  if (incoming.kind !== 'request') return reply.status(202).send()

  deps.uses.seen(credential.key_id, new Date())
  const { upstream } = request.params as { upstream?: string }
  const answered = await answerRequest(endpoint, {
    credential,
    only: upstream ?? null,
    request: incoming.request,
    agent: session.agent,
    requestId: randomUUID(),
    signal: goneSignal(reply),
  })
  if (answered.sessionId !== undefined) void reply.header('mcp-session-id', answered.sessionId)
  return sendAnswer(reply, incoming.request.id, answered.answer)
}

function credentialOf(deps: AppDeps, request: FastifyRequest): Credential | undefined {
  const header = request.headers['x-api-key']
  const bearer = /^Bearer +(mcps_\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
  const given = [header, bearer].filter((each) => each !== undefined)
  // Two different credentials in one request: neither is believed.
  if (given.length === 0 || given.some((each) => each !== given[0])) return undefined
  return deps.snapshots.credential(String(given[0]), new Date())
}

/** Headers that decide who asks and what is read: of two, another program might believe the other one. */
const ONCE = new Set([
  'host',
  'origin',
  'authorization',
  'x-api-key',
  'content-type',
  'mcp-session-id',
  'mcp-protocol-version',
])

function repeatedHeader(rawHeaders: string[]): string | undefined {
  const seen = new Set<string>()
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase()
    if (!ONCE.has(name)) continue
    if (seen.has(name)) return name
    seen.add(name)
  }
  return undefined
}

function isMcp(request: FastifyRequest): boolean {
  return request.routeOptions.url?.startsWith('/mcp') === true
}

function sendUnauthorized(reply: FastifyReply): FastifyReply {
  return sendError(reply.header('www-authenticate', 'Bearer realm="mcpshield"'), 401, {
    code: UNAUTHORIZED,
    message:
      'The API key is missing, unknown, revoked or expired. Send it as X-API-Key or as a Bearer token.',
  })
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function readBody(body: unknown): Incoming {
  try {
    return readMessage(body instanceof Buffer ? utf8.decode(body) : '')
  } catch {
    return {
      kind: 'invalid',
      error: { code: PARSE_ERROR, message: 'The body is not valid UTF-8.' },
      id: null,
    }
  }
}

/** The configured port; with 0, the one the system chose. */
function listeningPort(app: FastifyInstance, configured: number): number {
  if (configured !== 0) return configured
  const address = app.server.address()
  return address === null || typeof address === 'string' ? 0 : address.port
}

/** Aborts when the client closes the connection before its answer was sent. */
function goneSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort()
  })
  return controller.signal
}

function sendAnswer(reply: FastifyReply, id: string | number, answer: WrittenAnswer): FastifyReply {
  return reply.type('application/json').send(answerText(id, answer))
}

function sendError(
  reply: FastifyReply,
  status: number,
  error: RpcError,
  id: string | number | null = null,
): FastifyReply {
  return reply
    .status(status)
    .type('application/json')
    .send(answerText(id, writeAnswer({ error })))
}
