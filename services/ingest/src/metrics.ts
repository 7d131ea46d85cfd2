// What the intake tells operators.
import type { Metrics } from '@mcpshield/runtime/metrics'

export type IntakeMeasures = {
  /** A batch was stored; `lagMs` is how long its oldest message had waited since the stream had it. */
  stored(rows: number, lagMs: number): void
  /** It will be tried again, or it was refused for what is in it. */
  failed(result: 'retried' | 'refused'): void
}

export function intakeMetrics(metrics: Metrics): IntakeMeasures {
  const lag = metrics.histogram('mcpshield_ingest_lag_seconds', {})
  const size = metrics.histogram('mcpshield_ingest_batch_rows', {})
  const stored = metrics.counter('mcpshield_ingest_writes_total', { result: 'stored' })
  return {
    stored(rows, lagMs) {
      stored.value++
      size.observe(rows)
      lag.observe(Math.max(0, lagMs) / 1_000)
    },
    failed: (result) => void metrics.counter('mcpshield_ingest_writes_total', { result }).value++,
  }
}
