// Counters for operators. Labels are few: routes as declared, never ids.
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { FastifyInstance } from 'fastify'

export type Metrics = {
  /** A request was refused by a limit: of the route, of failed credentials, or of what may be open at once. */
  refused(route: string, limit: 'rate' | 'failures' | 'open'): void
  /** A stream began; the function returned is for its end. */
  streaming(kind: 'export' | 'live'): () => void
}

/** Counts and times every request; `GET /metrics` tells. */
export function addMetrics(app: FastifyInstance): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const seconds = new Histogram({
    name: 'mcpshield_http_request_seconds',
    help: 'Time to answer a request of the REST API',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15],
    registers,
  })
  const refusals = new Counter({
    name: 'mcpshield_http_limited_total',
    help: 'Requests refused by a limit',
    labelNames: ['route', 'limit'] as const,
    registers,
  })
  const open = new Gauge({
    name: 'mcpshield_http_streams',
    help: 'Streams that are open',
    labelNames: ['kind'] as const,
    registers,
  })
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none'
    const method = route === 'none' ? 'any' : request.method
    seconds.observe({ method, route, status: String(reply.statusCode) }, reply.elapsedTime / 1000)
  })
  app.get('/metrics', async (_request, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  )
  return {
    refused: (route, limit) => refusals.inc({ route, limit }),
    streaming(kind) {
      open.inc({ kind })
      return () => open.dec({ kind })
    },
  }
}
