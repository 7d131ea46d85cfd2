// What the bus, the outbox and decision points tell of their work, counted and traced. They take it as an argument: no lib
// but this one knows metrics.
import type { Metrics, Timing } from './metrics.ts'
import type { CounterName, LabelsOf } from './metric-table.ts'
import { metrics as ofProcess } from './metrics.ts'
import { isTracing, traced, traceparent, type SpanTerms } from './tracing.ts'

export type Telemetry = ReturnType<typeof telemetryOf>

export function telemetryOf(metrics: Metrics) {
  const asked = timings((subject, code) =>
    metrics.histogram('mcpshield_rpc_client_seconds', { subject, code }),
  )
  const answered = timings((subject, code) =>
    metrics.histogram('mcpshield_rpc_server_seconds', { subject, code }),
  )
  const stored = {
    ok: metrics.histogram('mcpshield_audit_ack_seconds', { result: 'ok' }),
    failed: metrics.histogram('mcpshield_audit_ack_seconds', { result: 'failed' }),
  }
  const pending = new Map<string, number>()
  metrics.gauge('mcpshield_consumer_pending', () =>
    [...pending].map(([consumer, value]) => ({ labels: { consumer }, value })),
  )
  const count = <N extends CounterName>(name: N, labels: LabelsOf<N>) => {
    metrics.counter(name, labels).value++
  }
  return {
    asked: (subject: string, code: string, ms: number) => asked(subject, code).observe(ms / 1_000),
    answered: (subject: string, code: string, ms: number) => answered(subject, code).observe(ms / 1_000),
    recorded: (result: 'ok' | 'failed', ms: number) => stored[result].observe(ms / 1_000),
    published: (subject: string, result: 'ok' | 'failed') =>
      count('mcpshield_messages_published_total', { subject, result }),
    delivered(consumer: string, message: { pending: number; ageMs: number }) {
      pending.set(consumer, message.pending)
      metrics
        .histogram('mcpshield_consumer_lag_seconds', { consumer })
        .observe(Math.max(0, message.ageMs) / 1_000)
    },
    consumed: (consumer: string, result: 'acked' | 'retried' | 'buried') =>
      count('mcpshield_messages_consumed_total', { consumer, result }),
    connection(isConnected: () => boolean) {
      metrics.gauge('mcpshield_bus_connected', () => [{ labels: {}, value: isConnected() ? 1 : 0 }])
    },
    reconnected: () => count('mcpshield_bus_reconnects_total', {}),
    decided: (decision: string, reason: string) => count('mcpshield_decisions_total', { decision, reason }),
    isTracing,
    traceparent,
    traced: <T>(terms: SpanTerms, work: () => Promise<T>): Promise<T> => traced(terms, work),
  }
}

/** By two words, found without making a text of both for each call. */
function timings(find: (first: string, second: string) => Timing): (first: string, second: string) => Timing {
  const known = new Map<string, Map<string, Timing>>()
  return (first, second) => {
    const ofFirst = known.get(first) ?? new Map<string, Timing>()
    known.set(first, ofFirst)
    const found = ofFirst.get(second) ?? find(first, second)
    ofFirst.set(second, found)
    return found
  }
}

/** Of this process. */
export const telemetry: Telemetry = telemetryOf(ofProcess)
