// What the gateway tells operators. Whatever a client can choose is told as one of a few words.
import type { Count, Metrics, Timing } from '@mcpshield/runtime/metrics'
import {
  HEADER_MISMATCH,
  MISSING_CAPABILITY,
  PARSE_ERROR,
  UNSUPPORTED_VERSION,
} from '@mcpshield/mcp/messages'

/** Who was waited for, beside us. */
export type Away = 'upstream' | 'connector' | 'person'

/** What a message was refused for before anything was decided. */
export type Refusal =
  | 'host'
  | 'origin'
  | 'credentials'
  | 'header'
  | 'header_mismatch'
  | 'media_type'
  | 'accept'
  | 'body_size'
  | 'json'
  | 'version'
  | 'session'
  | 'killed'
  | 'message'

export type GatewayMetrics = {
  answered(method: string, answer: 'result' | 'error', addedMs: number): void
  away(at: Away, ms: number): void
  refused(kind: Refusal): void
  /** Read whenever metrics are asked for, until disposed. */
  watch(now: Partial<Record<keyof typeof GAUGES, () => number>>): Disposable
}

const GAUGES = {
  sessions: 'mcpshield_mcp_sessions',
  streams: 'mcpshield_mcp_streams',
  held: 'mcpshield_mcp_held_calls',
  quarantined: 'mcpshield_mcp_quarantined_tools',
} as const

const METHODS: ReadonlySet<string> = new Set([
  'initialize',
  'ping',
  'server/discover',
  'logging/setLevel',
  'tools/list',
  'tools/call',
  'prompts/list',
  'prompts/get',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'completion/complete',
  'subscriptions/listen',
  'tasks/get',
  'tasks/list',
  'tasks/result',
  'tasks/update',
  'tasks/cancel',
])

/** A method of the protocol by its name; any other is `other`. */
export const knownMethod = (method: string): string => (METHODS.has(method) ? method : 'other')

export function gatewayMetrics(metrics: Metrics): GatewayMetrics {
  const answers = { result: new Map<string, Count>(), error: new Map<string, Count>() }
  const added = new Map<string, Timing>()
  const away = {
    upstream: metrics.histogram('mcpshield_mcp_away_seconds', { at: 'upstream' }),
    connector: metrics.histogram('mcpshield_mcp_away_seconds', { at: 'connector' }),
    person: metrics.histogram('mcpshield_mcp_away_seconds', { at: 'person' }),
  }
  return {
    answered(given, answer, addedMs) {
      const method = knownMethod(given)
      const count =
        answers[answer].get(method) ?? metrics.counter('mcpshield_mcp_requests_total', { method, answer })
      answers[answer].set(method, count)
      count.value++
      const timing = added.get(method) ?? metrics.histogram('mcpshield_mcp_added_seconds', { method })
      added.set(method, timing)
      timing.observe(Math.max(0, addedMs) / 1_000)
    },
    away: (at, ms) => away[at].observe(ms / 1_000),
    refused: (kind) => void metrics.counter('mcpshield_mcp_refused_total', { kind }).value++,
    watch(now) {
      const watching = Object.entries(now).map(([name, read]) =>
        metrics.gauge(GAUGES[name as keyof typeof GAUGES], () => [{ labels: {}, value: read() }]),
      )
      return { [Symbol.dispose]: () => watching.forEach((each) => each[Symbol.dispose]()) }
    },
  }
}

/** By what a refused message was answered. */
export function refusalKind(status: number, code: number): Refusal {
  if (code === PARSE_ERROR) return 'json'
  if (code === HEADER_MISMATCH) return 'header_mismatch'
  if (code === UNSUPPORTED_VERSION) return 'version'
  if (code === MISSING_CAPABILITY) return 'message'
  return BY_STATUS[status] ?? 'message'
}

const BY_STATUS: Record<number, Refusal | undefined> = {
  403: 'killed',
  404: 'session',
  406: 'accept',
  413: 'body_size',
  415: 'media_type',
}
