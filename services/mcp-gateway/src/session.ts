// Session ids of the stateful protocol era, without state: a random id and the client's name, bound to the
// API key and signed. Any instance of the gateway can check one; none can be guessed or taken over.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { LRUCache } from 'lru-cache'

export type Session = { agent: string | null }

export type Sessions = {
  open(keyId: string, agent: string | null): string
  /** The session, or undefined when the id is not ours or belongs to another key. */
  find(sessionId: string, keyId: string): Session | undefined
}

const MAX_AGENT_UNITS = 100
const MAX_ID_UNITS = 1_000
const KNOWN_SESSIONS = 10_000

export function sessions(signingKey: Buffer): Sessions {
  const known = new LRUCache<string, Session>({ max: KNOWN_SESSIONS })
  const sign = (payload: string, keyId: string) =>
    createHmac('sha256', signingKey).update(`mcp-session:${keyId}:${payload}`).digest('base64url')
  return {
    open(keyId, agent) {
      const content = {
        r: randomBytes(16).toString('base64url'),
        a: agent?.slice(0, MAX_AGENT_UNITS) ?? null,
      }
      const payload = Buffer.from(JSON.stringify(content)).toString('base64url')
      return `${payload}.${sign(payload, keyId)}`
    },
    find(sessionId, keyId) {
      if (sessionId.length > MAX_ID_UNITS) return undefined
      const cacheKey = `${keyId} ${sessionId}`
      const cached = known.get(cacheKey)
      if (cached !== undefined) return cached
      const [payload, signature, ...rest] = sessionId.split('.')
      if (payload === undefined || signature === undefined || rest.length > 0) return undefined
      if (!equal(signature, sign(payload, keyId))) return undefined
      const { a } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { a: string | null }
      const session = { agent: a }
      known.set(cacheKey, session)
      return session
    },
  }
}

function equal(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)]
  return a.length === b.length && timingSafeEqual(a, b)
}
