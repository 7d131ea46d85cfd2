// The HTTP side of the gateway: hosts and origins, paths, credentials, and who answers which method. A plain server of
// Node's: what a framework does for each request costs more than a call's decision.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { INVALID_REQUEST, INTERNAL_ERROR, METHOD_NOT_FOUND, MODERN_VERSION } from '@mcpshield/mcp/messages'
import type { Credential } from '@mcpshield/pdp/snapshots'
import { publicUrl, type Config } from './config.ts'
import { credentialOf, isKilled, stillHolds, type CredentialDeps } from './credentials.ts'
import { openRequests } from './drain.ts'
import { serveDelete, serveGet } from './follow.ts'
import { guard, preflight, showTo } from './guard.ts'
import { header, repeatedHeader } from './headers.ts'
import type { GatewayMetrics } from './metrics.ts'
import { peerHandlers } from './peers.ts'
import { servePost, type PostDeps } from './posts.ts'
import { challenge, resourceDocument } from './protected-resource.ts'
import { isLegacyVersion, unsupportedVersion } from './protocol.ts'
import { questions } from './questions.ts'
import { FORBIDDEN, sendError, sendJson, UNAUTHORIZED } from './replies.ts'
import { routeOf, type Route } from './routes.ts'
import { sessionIds } from './session-id.ts'
import type { SessionStore } from './session-store.ts'
import { sessions } from './session.ts'
import { streamConnections } from './stream-connection.ts'
import { resumableStreams, type StreamTimes } from './streams.ts'

export type AppDeps = CredentialDeps &
  Pick<PostDeps, 'pdp' | 'uses' | 'peers' | 'log' | 'answerRequest' | 'answerNotification'> & {
    config: Pick<
      Config,
      | 'MCP_SESSION_KEY'
      | 'MCP_PORT'
      | 'MCP_URL'
      | 'MCP_ALLOWED_HOSTS'
      | 'ALLOWED_ORIGINS'
      | 'MCP_BODY_LIMIT_BYTES'
      | 'MCP_DRAIN_MS'
    >
    store: SessionStore
    metrics: GatewayMetrics
    /** Where other times than the usual ones are wanted. */
    times?: { streams?: StreamTimes; keepAliveMs?: number; requestMs?: number; answerMs?: number }
  }

export type App = AsyncDisposable & {
  listen(at: { host: string; port: number }): Promise<void>
  /** That it listens on. */
  port(): number
}

/** How long a request may take to arrive; what it then takes to be answered has limits of its own. */
const REQUEST_ARRIVES_MS = 30_000
const KEEP_ALIVE_MS = 72_000
const MAX_HEADER_BYTES = 32 * 1024
/** What was cut may still be told so. */
const CLOSE_WITHIN_MS = 1_000

export function buildApp(deps: AppDeps): App {
  const parts = partsOf(deps)
  const watching = deps.metrics.watch({
    sessions: () => parts.sessions.count(),
    streams: () => parts.connections.count(),
  })
  const requestTimeout = deps.times?.requestMs ?? REQUEST_ARRIVES_MS
  const server = createServer({
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout,
    headersTimeout: requestTimeout,
    connectionsCheckingInterval: Math.min(requestTimeout, 5_000),
    maxHeaderSize: MAX_HEADER_BYTES,
    // A connection whose other end is silently gone is noticed.
    keepAlive: true,
    keepAliveInitialDelay: 30_000,
  })
  // Asked of the system once: it is compared with each request's host.
  let listening = deps.config.MCP_PORT
  const port = () => listening
  const refuse = guard({ hosts: deps.config.MCP_ALLOWED_HOSTS, origins: deps.config.ALLOWED_ORIGINS, port })
  const serving: Serving = { ...parts, refuse }
  const open = openRequests()
  const take = (request: IncomingMessage, response: ServerResponse) => {
    open.add(request, response)
    serve(serving, request, response).catch((error: unknown) => {
      deps.log.error({ err: error }, 'request failed')
      sendError(response, 500, { code: INTERNAL_ERROR, message: 'Something went wrong on our side.' })
    })
  }
  server.on('request', take)
  // Whoever asks whether to send a body at all is asked first who they are.
  server.on('checkContinue', take)
  return {
    port,
    async listen({ host, port }) {
      await deps.peers.serve(peerHandlers(parts))
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      server.once('error', reject)
      server.listen(port, host, resolve)
      await promise
      server.off('error', reject)
      listening = (server.address() as AddressInfo).port
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      watching[Symbol.dispose]()
      const idle = setInterval(() => server.closeIdleConnections(), 20)
      open.endListening()
      await open.answered(deps.config.MCP_DRAIN_MS)
      parts.connections[Symbol.dispose]()
      const late = setTimeout(() => server.closeAllConnections(), CLOSE_WITHIN_MS)
      await closed
      clearInterval(idle)
      clearTimeout(late)
      parts.sessions[Symbol.dispose]()
      parts.streams[Symbol.dispose]()
    },
  }
}

type Parts = PostDeps & CredentialDeps & { publicUrl: string } & ReturnType<typeof liveParts>
type Serving = Parts & { refuse: ReturnType<typeof guard> }

function partsOf(deps: AppDeps): Parts {
  const { snapshots } = deps
  return {
    ...deps,
    ...liveParts(deps),
    publicUrl: publicUrl(deps.config),
    maxBodyBytes: deps.config.MCP_BODY_LIMIT_BYTES,
    holds: (credential) => stillHolds(snapshots, credential, new Date()),
    isKilled: (credential) => isKilled(snapshots, credential, new Date()),
  }
}

/** What lives as long as the server does. */
function liveParts({ config, peers, snapshots, store, log, times = {} }: AppDeps) {
  const streams = resumableStreams(peers.instance, times.streams)
  const asked = questions(peers.instance, times.answerMs)
  return {
    streams,
    questions: asked,
    connections: streamConnections({
      mayListen: (credential) => mayListen(snapshots, credential),
      ...(times.keepAliveMs === undefined ? {} : { keepAliveMs: times.keepAliveMs }),
    }),
    sessions: sessions({
      ids: sessionIds(config.MCP_SESSION_KEY),
      store,
      peers,
      questions: asked,
      log,
      onEnd: (digest) => streams.dropOf(digest),
    }),
  }
}

function mayListen(snapshots: CredentialDeps['snapshots'], credential: Credential): boolean {
  const now = new Date()
  return stillHolds(snapshots, credential, now) && !isKilled(snapshots, credential, now)
}

async function serve(app: Serving, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { headers } = request
  const repeated = repeatedHeader(headers, request.rawHeaders)
  // By these it is told who asks: then there is nobody to record it for.
  if (repeated !== undefined && IDENTIFYING.has(repeated)) return sendRepeated(app, response, repeated)
  const refused = app.refuse(headers)
  if (refused !== null) {
    app.metrics.refused(refused.kind)
    return sendError(response, 403, { code: FORBIDDEN, message: refused.why })
  }
  if (headers.origin !== undefined) showTo(headers.origin, response)
  const route = routeOf(request.url ?? '')
  if (route === undefined)
    return sendError(response, 404, { code: METHOD_NOT_FOUND, message: 'There is no such endpoint.' })
  if (request.method === 'OPTIONS') {
    const allowed = preflight(headers)
    if (allowed === null) return sendNotAllowed(response, METHODS[route.kind])
    response.writeHead(204, allowed)
    return void response.end()
  }
  if (route.kind === 'mcp') return serveMcp(app, request, response, { route, repeated })
  if (request.method !== 'GET') return sendNotAllowed(response, METHODS[route.kind])
  if (route.kind === 'health') return sendJson(response, 200, '{"ok":true}')
  const document = resourceDocument(app.snapshots, app.publicUrl, route)
  if (document !== undefined) return sendJson(response, 200, document)
  sendError(response, 404, { code: METHOD_NOT_FOUND, message: 'There is no such endpoint.' })
}

const METHODS = { mcp: 'GET, POST, DELETE', resource: 'GET', health: 'GET' }
const IDENTIFYING = new Set(['host', 'origin', 'authorization', 'x-api-key'])

type McpRoute = Extract<Route, { kind: 'mcp' }>

/** Every method of every path here is answered to whom it belongs, and a stranger's body is not even read. */
async function serveMcp(
  app: Serving,
  request: IncomingMessage,
  response: ServerResponse,
  { route, repeated }: { route: McpRoute; repeated: string | undefined },
): Promise<void> {
  const { headers, method } = request
  const found = credentialOf(app, headers, route.project)
  const credential = found instanceof Promise ? await found : found
  if (credential === undefined) return sendUnauthorized(app, request, response, route)
  if (method === 'POST') {
    const isServed = await servePost(app, { request, response, credential, only: route.only, repeated })
    return isServed ? undefined : sendUnauthorized(app, request, response, route)
  }
  if (method !== 'GET' && method !== 'DELETE') return sendNotAllowed(response, METHODS.mcp)
  if (repeated !== undefined) return sendRepeated(app, response, repeated)
  const version = header(headers, 'mcp-protocol-version')
  // The modern era knows neither.
  if (version === MODERN_VERSION) return sendNotAllowed(response, 'POST')
  if (version !== undefined && !isLegacyVersion(version))
    return sendError(response, 400, unsupportedVersion(version))
  const follow = { request, response, credential }
  if (method === 'DELETE') return serveDelete(app, follow)
  if (isKilled(app.snapshots, credential, new Date()))
    return sendError(response, 403, { code: FORBIDDEN, message: 'A kill switch is on: nothing is told.' })
  return serveGet(app, follow)
}

function sendUnauthorized(
  app: Serving,
  { headers }: IncomingMessage,
  response: ServerResponse,
  route: McpRoute,
): void {
  app.metrics.refused('credentials')
  const credentials =
    route.project === null
      ? 'The API key is missing, unknown, revoked or expired. Send it as X-API-Key or as a Bearer token.'
      : 'The access token or API key is missing, unknown, revoked or expired, or not for this project.'
  const wasToken = route.project !== null && headers.authorization !== undefined
  const error = { code: UNAUTHORIZED, message: credentials }
  sendError(response, 401, error, {
    headers: ['www-authenticate', challenge(app.publicUrl, route, wasToken)],
  })
}

function sendNotAllowed(response: ServerResponse, allow: string): void {
  const error = { code: FORBIDDEN, message: `Only ${allow} is answered here.` }
  sendError(response, 405, error, { headers: ['allow', allow] })
}

function sendRepeated({ metrics }: Serving, response: ServerResponse, name: string): void {
  metrics.refused('header')
  sendError(response, 400, { code: INVALID_REQUEST, message: `The header ${name} is repeated.` })
}
