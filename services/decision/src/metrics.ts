// Times and traces what is asked over HTTP. Labels are routes as declared.
import type { FastifyInstance } from 'fastify'
import { httpSpans } from '@mcpshield/runtime/http-spans'
import type { Metrics } from '@mcpshield/runtime/metrics'

export function addMetrics(app: FastifyInstance, metrics: Metrics): void {
  const spans = httpSpans()
  app.addHook('onRequest', (request, _reply, done) => {
    spans.begin(request)
    done()
  })
  app.addHook('preHandler', (request, _reply, done) => spans.run(request, done))
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none'
    const method = route === 'none' ? 'any' : request.method
    const status = String(reply.statusCode)
    metrics
      .histogram('mcpshield_http_request_seconds', { method, route, status })
      .observe(reply.elapsedTime / 1_000)
    spans.end(request, reply.statusCode)
    done()
  })
}
