// The REST API: HTTP in, bus out, with its limits stated. It has no rules of its own.
import { fastify, type FastifyInstance } from 'fastify'
import type { RpcDef } from '@mcpshield/contracts/define'
import { AppError, ERRORS } from '@mcpshield/contracts/errors'
import { openApiDocument } from '@mcpshield/contracts/openapi'
import { parseStrictJson } from '@mcpshield/facts/json'
import type { Log } from '@mcpshield/bus/log'
import type { Metrics as Registry } from '@mcpshield/runtime/metrics'
import { admission } from './admission.ts'
import type { AuditFeed } from './audit-feed.ts'
import { addDocs } from './docs.ts'
import { addHeaders, setHeaders } from './headers.ts'
import { healthReporter, type HealthDeps } from './health.ts'
import { addLive, type LiveDeps } from './live.ts'
import { methodsOf } from './methods.ts'
import { addMetrics } from './metrics.ts'
import { sendNotFound, sendProblem } from './problem.ts'
import type { RateLimits } from './rate-limit.ts'
import { addRoutes, type CallEndpoint } from './routes.ts'
import type { Callers } from './session.ts'
import { streamSender } from './stream.ts'

const BODY_LIMIT_BYTES = 1024 * 1024

export type AppDeps = HealthDeps & {
  defs: readonly RpcDef[]
  call: CallEndpoint
  callers: Callers
  limits: RateLimits
  feed: AuditFeed
  liveTimes: LiveDeps['liveTimes']
  version: string
  /** Where clients reach the API. */
  url: string
  allowedOrigins: readonly string[]
  trustProxy: readonly string[]
  /** A connection on which nothing moves for so long is cut: a client that does not read, or does not send. */
  idleMs: number
  /** Whether requests can be answered at all. */
  ready(): boolean
  metrics: Registry
  now(): Date
  log: Log
}

export async function buildApp(deps: AppDeps): Promise<FastifyInstance> {
  const app = fastify({
    logger: false,
    bodyLimit: BODY_LIMIT_BYTES,
    connectionTimeout: deps.idleMs,
    // For a request to arrive. What is done with it is bounded by the deadlines of the bus and of Redis.
    requestTimeout: 15_000,
    keepAliveTimeout: 72_000,
    routerOptions: { maxParamLength: 200 },
    trustProxy: deps.trustProxy.length === 0 ? false : [...deps.trustProxy],
    genReqId: () => crypto.randomUUID(),
    return503OnClosing: true,
    // What the router itself cannot read, such as a path that is not UTF-8.
    frameworkErrors: (thrown, _request, reply) => {
      setHeaders(reply)
      sendProblem(reply, thrown)
    },
  })
  acceptJsonOnly(app)
  await addHeaders(app, deps.allowedOrigins)
  answerUnknown(app)
  const metrics = addMetrics(app, deps.metrics)
  reportProblems(app, deps.log)
  await addOwnPages(app, deps)
  const admit = admission(deps, metrics)
  addRoutes(app, { ...deps, admit, sendStream: streamSender({ ...deps, metrics }) })
  addLive(app, { ...deps, admit, metrics })
  return app
}

async function addOwnPages(app: FastifyInstance, deps: AppDeps): Promise<void> {
  const { version } = deps
  app.get('/', async () => ({ name: 'MCPShield API', version, docs: '/docs', openapi: '/openapi.json' }))
  const health = healthReporter(deps)
  app.get('/health', async (_request, reply) => {
    const report = await health()
    return reply.status(report.status === 'ok' ? 200 : 503).send({ ...report, version })
  })
  app.get('/ready', async (_request, reply) => {
    const ready = deps.ready()
    return reply.status(ready ? 200 : 503).send({ ready })
  })
  await addDocs(app, openApiDocument(deps.defs, deps))
}

function acceptJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    if (body === '') return done(null, undefined)
    const parsed = parseStrictJson(body as string)
    if ('error' in parsed)
      done(new AppError('INVALID_ARGUMENT', `The body is not valid JSON: ${parsed.error}.`))
    else done(null, parsed.value)
  })
}

function answerUnknown(app: FastifyInstance): void {
  const methodsAt = methodsOf(app)
  app.setNotFoundHandler((request, reply) => {
    const methods = methodsAt(request.url.split('?')[0] ?? '')
    if (request.method !== 'OPTIONS' || methods.length === 0) return sendNotFound(reply, methods)
    return void reply.status(204).header('allow', methods.join(', ')).send()
  })
}

function reportProblems(app: FastifyInstance, log: Log): void {
  app.setErrorHandler((thrown, request, reply) => {
    const error = sendProblem(reply, thrown)
    if (error === undefined || ERRORS[error.code].level === 'info') return
    const { code } = error
    log[ERRORS[code].level](
      { err: error.cause ?? error, code, requestId: request.id, route: request.routeOptions.url },
      'http',
    )
  })
  app.addHook('onResponse', (request, reply, done) => {
    const ms = Math.round(reply.elapsedTime * 100) / 100
    log.info(
      {
        requestId: request.id,
        method: request.method,
        route: request.routeOptions.url ?? null,
        status: reply.statusCode,
        ms,
      },
      'http',
    )
    done()
  })
}
