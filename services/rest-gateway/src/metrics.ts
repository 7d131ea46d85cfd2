// Counters and spans for operators. Labels are few: routes as declared, never ids.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { httpSpans } from '@mcpshield/runtime/http-spans'
import type { Metrics as Registry, Timing } from '@mcpshield/runtime/metrics'
import { sendNotFound } from './problem.ts'

export type Metrics = {
  /** A request was refused by a limit: of the route, of failed credentials, or of what may be open at once. */
  refused(route: string, limit: 'rate' | 'failures' | 'open'): void
  /** A stream began; the function returned is for its end. */
  streaming(kind: 'export' | 'live' | 'events'): () => void
}

/** Counts, times and traces every request; `GET /metrics` tells. */
export function addMetrics(app: FastifyInstance, registry: Registry): Metrics {
  const open = { export: 0, live: 0, events: 0 }
  const gauge = registry.gauge('mcpshield_http_streams', () =>
    Object.entries(open).map(([kind, value]) => ({ labels: { kind }, value })),
  )
  app.addHook('onClose', async () => gauge[Symbol.dispose]())
  addTimings(app, registry)
  addSpans(app)
  app.get('/metrics', async (request, reply) => {
    if (!isBeside(request)) return sendNotFound(reply)
    const { type, body } = await registry.text({ process: true })
    return reply.type(type).send(body)
  })
  return {
    refused: (route, limit) =>
      void registry.counter('mcpshield_http_limited_total', { route, limit }).value++,
    streaming(kind) {
      open[kind]++
      return () => void open[kind]--
    },
  }
}

/**
 * Only programs of this machine are told here, and nobody through a proxy: elsewhere METRICS_PORT is asked, to which no
 * public way leads.
 */
function isBeside({ socket, headers }: FastifyRequest): boolean {
  const address = socket.remoteAddress ?? ''
  const isLoopback = address === '::1' || /^(::ffff:)?127\./.test(address)
  const isForwarded = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'via'].some(
    (name) => headers[name] !== undefined,
  )
  return isLoopback && !isForwarded
}

function addTimings(app: FastifyInstance, registry: Registry): void {
  const known = new Map<string, Timing>()
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none'
    const method = route === 'none' ? 'any' : request.method
    const key = `${method} ${reply.statusCode} ${route}`
    const timing =
      known.get(key) ??
      registry.histogram('mcpshield_http_request_seconds', {
        method,
        route,
        status: String(reply.statusCode),
      })
    known.set(key, timing)
    timing.observe(reply.elapsedTime / 1_000)
    done()
  })
}

function addSpans(app: FastifyInstance): void {
  const spans = httpSpans()
  app.addHook('onRequest', (request, _reply, done) => {
    spans.begin(request)
    done()
  })
  // Here, not before: a body arrives in a turn of its own, which belongs to no request.
  app.addHook('preHandler', (request, _reply, done) => spans.run(request, done))
  app.addHook('onResponse', (request, reply, done) => {
    spans.end(request, reply.statusCode)
    done()
  })
}
