// Gauges that several services have alike: what waits in an outbox, and what a decision point holds.
import type { Metrics } from './metrics.ts'

type Depth = () => Promise<{ rows: number; oldestSeconds: number }>

/** Until disposed. One question to the database serves both gauges of a reading. */
export function outboxGauges(metrics: Metrics, schema: string, depth: Depth): Disposable {
  let asked: ReturnType<Depth> | undefined
  const once = () =>
    (asked ??= depth().finally(() => {
      asked = undefined
    }))
  const labels = { schema }
  const rows = metrics.gauge('mcpshield_outbox_rows', async () => [{ labels, value: (await once()).rows }])
  const oldest = metrics.gauge('mcpshield_outbox_oldest_seconds', async () => [
    { labels, value: (await once()).oldestSeconds },
  ])
  return {
    [Symbol.dispose]() {
      rows[Symbol.dispose]()
      oldest[Symbol.dispose]()
    },
  }
}

type Held = { staleMs(): number; projectCount(): number }

/** Of what a decision point holds in memory. */
export function policyGauges(metrics: Metrics, held: Held): Disposable {
  const stale = metrics.gauge('mcpshield_policy_stale_seconds', () => [
    { labels: {}, value: held.staleMs() / 1_000 },
  ])
  const count = metrics.gauge('mcpshield_policy_projects', () => [{ labels: {}, value: held.projectCount() }])
  return {
    [Symbol.dispose]() {
      stale[Symbol.dispose]()
      count[Symbol.dispose]()
    },
  }
}
