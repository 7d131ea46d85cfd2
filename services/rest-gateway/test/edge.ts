// The gateway's app with keys of its own and whatever answers a test gives.
import { createHash, randomUUID } from 'node:crypto'
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose'
import { ACCESS_TOKEN } from '@mcpshield/contracts/access-token'
import { flow } from '@mcpshield/contracts/flow'
import type { KeySnapshot } from '@mcpshield/contracts/projects'
import { buildApp, type AppDeps } from '../src/app.ts'
import type { CallEndpoint } from '../src/routes.ts'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import { openMetrics } from '@mcpshield/runtime/metrics'
import { auditFeed } from '../src/audit-feed.ts'
import { rateLimits, type Limiter } from '../src/rate-limit.ts'
import { callers, type SessionDeps } from '../src/session.ts'

export const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }

/** Counts as Redis does, for one gateway. */
export function memoryLimiter(): Limiter {
  const limiters = new Map<number, RateLimiterMemory>()
  return (perMinute) => {
    const limiter =
      limiters.get(perMinute) ?? new RateLimiterMemory({ points: perMinute, duration: 60, keyPrefix: 'rate' })
    limiters.set(perMinute, limiter)
    return limiter
  }
}

export type Asked = { subject: string; input: Record<string, unknown>; caller: unknown }

export async function edge(
  options: Partial<AppDeps> & { session?: Partial<SessionDeps>; answer?: CallEndpoint } = {},
) {
  const signing = await generateKeyPair(ACCESS_TOKEN.algorithm, { crv: 'Ed25519', extractable: true })
  const kid = 'the-key'
  const jwk = { ...(await exportJWK(signing.publicKey)), kid, alg: ACCESS_TOKEN.algorithm }
  const org_id = randomUUID()
  const keys = new Map<string, KeySnapshot>()
  const asked: Asked[] = []
  const { session, answer, ...rest } = options
  const deps: SessionDeps = {
    signingKeys: async () => ({ keys: [jwk] }),
    isOpen: async () => true,
    membership: async () => ({ org_id, role: 'owner' }),
    keys: { current: () => true, get: (digest) => keys.get(digest) },
    operatorToken: undefined,
    keyUsed: () => undefined,
    now: () => new Date(),
    ...session,
  }
  const app = await buildApp({
    defs: flow['rest-gateway'].calls,
    async call(def, input, call) {
      asked.push({ subject: def.subject, input, caller: call.caller })
      return answer === undefined ? {} : answer(def, input, call)
    },
    callers: callers(deps),
    limits: rateLimits(memoryLimiter()),
    feed: auditFeed(() => () => undefined, silent),
    liveTimes: { recheckMs: 50, heartbeatMs: 50 },
    idleMs: 30_000,
    metrics: openMetrics(),
    now: () => new Date(),
    checks: {},
    services: {},
    ready: () => true,
    version: '1.2.3',
    url: 'http://localhost:8000',
    allowedOrigins: ['https://app.example.com'],
    trustProxy: [],
    log: silent,
    ...rest,
  })
  const sign = (
    claims: object = {},
    { header = {}, key = signing.privateKey }: { header?: object; key?: CryptoKey | Uint8Array } = {},
  ) => {
    const now = Math.floor(Date.now() / 1000)
    const { issuer: iss, audience: aud, algorithm: alg, type: typ } = ACCESS_TOKEN
    const all = { iss, aud, sub: randomUUID(), sid: randomUUID(), iat: now, exp: now + 900, ...claims }
    return new SignJWT(all).setProtectedHeader({ alg, typ, kid, ...header }).sign(key)
  }
  const addKey = (apiKey: string, expires_at: string | null = null): KeySnapshot => {
    const key = {
      key_id: randomUUID(),
      project_id: randomUUID(),
      org_id,
      name: 'k',
      labels: [],
      upstreams: null,
      expires_at,
    }
    keys.set(createHash('sha256').update(apiKey).digest('hex'), key)
    return key
  }
  return { app, asked, sign, addKey, keys, jwk, org_id }
}
