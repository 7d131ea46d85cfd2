// What every answer carries: who may read it from a page, and what a browser must not do with it.
import cors from '@fastify/cors'
import type { FastifyInstance, FastifyReply } from 'fastify'

/** Written out: the same for every answer, so nothing is worked out per request. `/docs` has a policy of its own. */
const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none';frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  // Two years, in seconds.
  'strict-transport-security': 'max-age=63072000; includeSubDomains',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

/** Also for answers that the router gives by itself, before any hook is run. */
export function setHeaders(reply: FastifyReply): void {
  void reply.headers(HEADERS).header('x-request-id', reply.request.id)
}

export async function addHeaders(app: FastifyInstance, allowedOrigins: readonly string[]): Promise<void> {
  app.addHook('onRequest', (_request, reply, done) => {
    setHeaders(reply)
    done()
  })
  await app.register(cors, {
    // Any other origin, `null` too, gets no CORS header at all: its browser keeps the answer from it.
    origin: (origin, done) => done(null, origin !== undefined && allowedOrigins.includes(origin)),
    credentials: true,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowedHeaders: ['authorization', 'content-type', 'if-match', 'x-api-key'],
    exposedHeaders: [
      'allow',
      'content-disposition',
      'etag',
      'ratelimit-limit',
      'ratelimit-remaining',
      'ratelimit-reset',
      'retry-after',
      'x-request-id',
    ],
    maxAge: 600,
    // An OPTIONS request that is no preflight is answered like any other, not with a text of the plugin's.
    strictPreflight: false,
  })
}
