import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { METRICS, type MetricDef } from '../src/metric-table.ts'
import { openMetrics } from '../src/metrics.ts'

const definitions = Object.entries(METRICS) as [string, MetricDef][]
const linesOf = async (metrics: ReturnType<typeof openMetrics>, name: string) =>
  (await metrics.text()).body.split('\n').filter((line) => line.startsWith(name))

describe('names and labels', () => {
  test('are a surface: a change of one is a change of this file', async () => {
    const lines = definitions.map(
      ([name, { kind, labels, bounds = [] }]) =>
        `${kind} ${name}{${labels.join(',')}}${bounds.length === 0 ? '' : ` le ${bounds.join(' ')}`}`,
    )
    await expect(`${lines.sort().join('\n')}\n`).toMatchFileSnapshot('../golden/metrics.txt')
  })

  test('follow Prometheus’ rules, and no label could hold an id', () => {
    for (const [name, { kind, labels, bounds = [] }] of definitions) {
      expect(name).toMatch(/^mcpshield_[a-z_]+$/)
      expect(name.endsWith('_total')).toBe(kind === 'counter')
      expect(bounds).toEqual(bounds.toSorted((left, right) => left - right))
      for (const label of labels) expect(label).not.toMatch(/(^|_)(id|key|tool|rule|project|org|user|path)$/)
    }
  })

  test('are told in the documentation, each with its labels', () => {
    const docs = readFileSync(join(import.meta.dirname, '../../../docs/observability.md'), 'utf8')
    for (const [name, { kind, labels }] of definitions) {
      const cells = docs
        .split('\n')
        .find((line) => line.includes(`| \`${name}\``))
        ?.split('|')
        .map((cell) => cell.trim())
      expect(cells?.slice(2, 4), name).toEqual([kind, labels.join(', ')])
    }
  })
})

describe('counting', () => {
  test('counts under the same labels are one', async () => {
    const metrics = openMetrics()
    metrics.counter('mcpshield_decisions_total', { decision: 'deny', reason: 'rule' }).value++
    metrics.counter('mcpshield_decisions_total', { decision: 'deny', reason: 'rule' }).value += 2
    metrics.counter('mcpshield_decisions_total', { decision: 'allow', reason: 'rule' }).value++
    expect(await linesOf(metrics, 'mcpshield_decisions_total{')).toEqual([
      'mcpshield_decisions_total{decision="deny",reason="rule"} 3',
      'mcpshield_decisions_total{decision="allow",reason="rule"} 1',
    ])
  })

  test('a value lies in the first bucket whose bound it does not exceed, and in all above', async () => {
    const metrics = openMetrics()
    const rows = metrics.histogram('mcpshield_ingest_batch_rows', {})
    for (const value of [1, 10, 11, 20_000]) rows.observe(value)
    const lines = await linesOf(metrics, 'mcpshield_ingest_batch_rows')
    expect(lines).toContain('mcpshield_ingest_batch_rows_bucket{le="1"} 1')
    expect(lines).toContain('mcpshield_ingest_batch_rows_bucket{le="10"} 2')
    expect(lines).toContain('mcpshield_ingest_batch_rows_bucket{le="100"} 3')
    expect(lines).toContain('mcpshield_ingest_batch_rows_bucket{le="10000"} 3')
    expect(lines).toContain('mcpshield_ingest_batch_rows_bucket{le="+Inf"} 4')
    expect(lines).toContain('mcpshield_ingest_batch_rows_sum 20022')
    expect(lines).toContain('mcpshield_ingest_batch_rows_count 4')
  })

  test('however many values a label gets, a metric stays bounded and nothing goes uncounted', async () => {
    const metrics = openMetrics()
    for (let index = 0; index < 3_000; index++)
      metrics.counter('mcpshield_mails_total', { state: `made-up-${index}` }).value++
    const lines = await linesOf(metrics, 'mcpshield_mails_total{')
    expect(lines.length).toBeLessThanOrEqual(2_001)
    expect(lines).toContain('mcpshield_mails_total{state="other"} 1000')
  })

  test('a label’s value cannot end its line', async () => {
    const metrics = openMetrics()
    metrics.counter('mcpshield_mails_total', { state: 'a"} 1\nmcpshield_made_up 1 \\' }).value++
    const { body } = await metrics.text()
    expect(body.split('\n').filter((line) => line.startsWith('mcpshield_made_up'))).toEqual([])
  })
})

describe('gauges', () => {
  test('are read when they are asked for, until disposed; readers of one add up', async () => {
    const metrics = openMetrics()
    let sessions = 2
    metrics.gauge('mcpshield_mcp_sessions', () => [{ labels: {}, value: sessions }])
    const other = metrics.gauge('mcpshield_mcp_sessions', () => [{ labels: {}, value: 5 }])
    expect(await linesOf(metrics, 'mcpshield_mcp_sessions')).toEqual(['mcpshield_mcp_sessions 7'])
    sessions = 3
    other[Symbol.dispose]()
    expect(await linesOf(metrics, 'mcpshield_mcp_sessions')).toEqual(['mcpshield_mcp_sessions 3'])
  })

  test('one that fails or does not answer is left out, and takes no other with it', async () => {
    const metrics = openMetrics()
    metrics.gauge('mcpshield_outbox_rows', () => Promise.reject(new Error('away')))
    metrics.gauge('mcpshield_outbox_oldest_seconds', () => new Promise(() => undefined))
    metrics.gauge('mcpshield_mcp_streams', () => [{ labels: {}, value: 1 }])
    expect(await linesOf(metrics, 'mcpshield_outbox')).toEqual([])
    expect(await linesOf(metrics, 'mcpshield_mcp_streams')).toEqual(['mcpshield_mcp_streams 1'])
  })
})

test('what Node tells of the process comes with it only where it is asked for', async () => {
  const metrics = openMetrics()
  expect((await metrics.text()).body).not.toContain('process_resident_memory_bytes')
  expect((await metrics.text({ process: true })).body).toMatch(/^nodejs_eventloop_lag_p99_seconds \d/m)
})
