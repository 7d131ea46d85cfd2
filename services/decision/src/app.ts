// `POST /policy/evaluate` for programs that reach the decision service directly.
import { fastify, type FastifyInstance } from 'fastify'
import { fieldErrors } from '@mcpshield/bus/field-errors'
import { asAppError } from '@mcpshield/bus/rpc'
import { decision } from '@mcpshield/contracts/decision'
import { AppError } from '@mcpshield/contracts/errors'
import { problemOf, PROBLEM_TYPE } from '@mcpshield/contracts/problem'
import { parseStrictJson } from '@mcpshield/facts/json'
import { keyDigest } from '@mcpshield/pdp/snapshots'
import type { Log } from '@mcpshield/runtime/log'
import type { Metrics } from '@mcpshield/runtime/metrics'
import { addMetrics } from './metrics.ts'
import type { decisionService, DecisionDeps } from './service.ts'

const BODY_LIMIT_BYTES = 1024 * 1024

type AppDeps = {
  service: ReturnType<typeof decisionService>
  snapshots: DecisionDeps['snapshots']
  metrics: Metrics
  log: Log
}

export function buildApp({ service, snapshots, metrics, log }: AppDeps): FastifyInstance {
  const app = fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: 15_000,
    logger: false,
    genReqId: () => crypto.randomUUID(),
  })
  addMetrics(app, metrics)
  app.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id)
    done()
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    const parsed = parseStrictJson(body as string)
    if ('error' in parsed)
      done(new AppError('INVALID_ARGUMENT', `The body is not valid JSON: ${parsed.error}.`))
    else done(null, parsed.value)
  })
  app.setErrorHandler((thrown, request, reply) => {
    const error = fromFastify(thrown)
    if (error.code === 'INTERNAL') log.error({ err: error.cause, requestId: request.id }, 'evaluate')
    const problem = problemOf(error, request.id)
    return reply.status(problem.status).headers(problem.headers).type(PROBLEM_TYPE).send(problem.body)
  })
  app.post('/policy/evaluate', async (request) => {
    const credential = snapshots.credentialByDigest(
      keyDigest(String(request.headers['x-api-key'] ?? '')),
      new Date(),
    )
    if (credential === undefined)
      throw new AppError('UNAUTHENTICATED', 'X-API-Key is missing, unknown, revoked or expired.')
    const input = decision.rpc.evaluateCall.input.safeParse(request.body)
    if (!input.success)
      throw new AppError('INVALID_ARGUMENT', 'Some fields are not valid.', {
        errors: fieldErrors(input.error),
      })
    const { key_id, project_id, org_id, digest } = credential
    return service.evaluateCall(input.data, {
      caller: { kind: 'key', key_id, project_id, org_id, digest },
      requestId: request.id,
    })
  })
  app.get('/health', async (_request, reply) => {
    const health = await service.checkHealth(
      {},
      { caller: { kind: 'service', name: 'decision' }, requestId: '' },
    )
    return reply.status(health.ok ? 200 : 503).send(health)
  })
  return app
}

/** Fastify's own refusals keep their meaning; everything else is as thrown. */
function fromFastify(thrown: unknown): AppError {
  const status = (thrown as { statusCode?: number }).statusCode
  if (!(thrown instanceof AppError) && status !== undefined && status < 500) {
    return new AppError('INVALID_ARGUMENT', (thrown as Error).message)
  }
  return asAppError(thrown)
}
