// The REST API: HTTP in, bus out, with its limits stated. It has no rules of its own.
import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import { fastify, type FastifyInstance } from 'fastify'
import { AppError, ERRORS } from '@mcpshield/contracts/errors'
import { openApiDocument } from '@mcpshield/contracts/openapi'
import { parseStrictJson } from '@mcpshield/facts/json'
import type { Log } from '@mcpshield/bus/log'
import { addDocs } from './docs.ts'
import { healthReporter, type HealthDeps } from './health.ts'
import { addMetrics } from './metrics.ts'
import { sendNotFound, sendProblem } from './problem.ts'
import { addRoutes, type RouteDeps } from './routes.ts'

const BODY_LIMIT_BYTES = 1024 * 1024

export type AppDeps = RouteDeps &
  HealthDeps & {
    version: string
    /** Where clients reach the API. */
    url: string
    allowedOrigins: readonly string[]
    trustProxy: readonly string[]
    /** Whether requests can be answered at all. */
    ready(): boolean
    log: Log
  }

export async function buildApp(deps: AppDeps): Promise<FastifyInstance> {
  const app = fastify({
    logger: false,
    bodyLimit: BODY_LIMIT_BYTES,
    connectionTimeout: 30_000,
    requestTimeout: 15_000,
    handlerTimeout: 30_000,
    keepAliveTimeout: 72_000,
    routerOptions: { maxParamLength: 200 },
    trustProxy: deps.trustProxy.length === 0 ? false : [...deps.trustProxy],
    genReqId: () => crypto.randomUUID(),
    return503OnClosing: true,
    // What the router itself cannot read, such as a path that is not UTF-8.
    frameworkErrors: (thrown, _request, reply) => void sendProblem(reply, thrown),
  })
  acceptJsonOnly(app)
  await addHeaders(app, deps.allowedOrigins)
  addMetrics(app)
  reportProblems(app, deps.log)

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
  addRoutes(app, deps)
  return app
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

async function addHeaders(app: FastifyInstance, allowedOrigins: readonly string[]): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    },
    referrerPolicy: { policy: 'no-referrer' },
  })
  await app.register(cors, {
    // Any other origin, `null` too, gets no CORS header at all: its browser keeps the answer from it.
    origin: (origin, done) => done(null, origin !== undefined && allowedOrigins.includes(origin)),
    credentials: true,
    methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowedHeaders: ['authorization', 'content-type', 'if-match', 'x-api-key'],
    exposedHeaders: ['etag', 'retry-after', 'x-request-id'],
    maxAge: 600,
  })
  app.addHook('onRequest', async (request, reply) => {
    void reply.headers({ 'x-request-id': request.id, 'cache-control': 'no-store' })
  })
}

function reportProblems(app: FastifyInstance, log: Log): void {
  app.setNotFoundHandler((_request, reply) => sendNotFound(reply))
  app.setErrorHandler((thrown, request, reply) => {
    const error = sendProblem(reply, thrown)
    if (error === undefined || ERRORS[error.code].level === 'info') return
    const { code } = error
    log[ERRORS[code].level](
      { err: error.cause ?? error, code, requestId: request.id, route: request.routeOptions.url },
      'http',
    )
  })
  app.addHook('onResponse', async (request, reply) => {
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
  })
}
