// What every answer carries: who may read it from a page, and what a browser must not do with it.
import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import type { FastifyInstance, FastifyReply } from 'fastify'

const HSTS_SECONDS = 2 * 365 * 24 * 3_600

/** For answers that the router gives by itself, before any hook is run. */
export function setHeadersOfRouter(reply: FastifyReply): void {
  void reply.headers({
    'x-request-id': reply.request.id,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'content-security-policy': "default-src 'none';frame-ancestors 'none'",
    'strict-transport-security': `max-age=${HSTS_SECONDS}; includeSubDomains`,
  })
}

export async function addHeaders(app: FastifyInstance, allowedOrigins: readonly string[]): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    },
    referrerPolicy: { policy: 'no-referrer' },
    strictTransportSecurity: { maxAge: HSTS_SECONDS, includeSubDomains: true },
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
  app.addHook('onRequest', async (request, reply) => {
    void reply.headers({ 'x-request-id': request.id, 'cache-control': 'no-store' })
  })
}
