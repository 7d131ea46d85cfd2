// What a session of the legacy era holds for its client and would be lost with it: subscriptions and the log level. A new
// session is given the same, so that a server's restart is not seen.
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'
import type { Link } from './link.ts'

export type SessionState = {
  /** Takes note of a request that the server answered with a result. */
  note(method: string, params: JsonObject): void
  isSubscribed(uri: string): boolean
  /** `listened`: what it must be subscribed to besides. */
  restore(link: Link, listened: Iterable<string>): Promise<void>
}

const RESTORE_TIMEOUT_MS = 10_000
/** The oldest make room. */
const MAX_SUBSCRIPTIONS = 10_000

export function openSessionState(): SessionState {
  let level: JsonValue | undefined
  const subscribed = new Set<string>()
  return {
    note(method, { uri, level: given }) {
      if (method === 'logging/setLevel') level = given
      if (typeof uri !== 'string') return
      if (method === 'resources/unsubscribe') subscribed.delete(uri)
      if (method !== 'resources/subscribe') return
      subscribed.add(uri)
      for (const oldest of subscribed) {
        if (subscribed.size <= MAX_SUBSCRIPTIONS) break
        subscribed.delete(oldest)
      }
    },
    isSubscribed: (uri) => subscribed.has(uri),
    async restore(link, listened) {
      const options = { timeoutMs: RESTORE_TIMEOUT_MS }
      if (level !== undefined) await link.request('logging/setLevel', { level }, options)
      for (const uri of new Set([...subscribed, ...listened]))
        await link.request('resources/subscribe', { uri }, options)
    },
  }
}
