import { expect, test } from 'vitest'
import { openMetrics } from '../src/metrics.ts'
import { serveMetrics } from '../src/metrics-server.ts'
import { OperatorConfig, startOperatorsView } from '../src/operators-view.ts'

const get = async (port: number, path: string, method = 'GET') => {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { method })
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() }
}

test('metrics are told as Prometheus reads them, health as whether the service works, and nothing else', async () => {
  const metrics = openMetrics()
  metrics.counter('mcpshield_mails_total', { state: 'sent' }).value++
  let isReady = false
  await using server = await serveMetrics({ host: '127.0.0.1', port: 0, metrics, isReady: () => isReady })
  expect(await get(server.port, '/metrics')).toMatchObject({
    status: 200,
    type: expect.stringContaining('text/plain; version=0.0.4'),
    text: expect.stringContaining('mcpshield_mails_total{state="sent"} 1'),
  })
  expect((await get(server.port, '/health')).status).toBe(503)
  isReady = true
  expect((await get(server.port, '/health')).status).toBe(200)
  expect((await get(server.port, '/metrics', 'POST')).status).toBe(404)
  expect((await get(server.port, '/metrics/../secret')).status).toBe(404)
})

test('nothing listens and nothing is traced where nothing is configured', async () => {
  await using view = await startOperatorsView('test', OperatorConfig.parse({}))
  expect(view.metricsPort).toBeUndefined()
})

test('a port that is taken stops the start, and says which', async () => {
  await using first = await serveMetrics({
    host: '127.0.0.1',
    port: 0,
    metrics: openMetrics(),
    isReady: () => true,
  })
  const config = OperatorConfig.parse({ METRICS_PORT: String(first.port) })
  await expect(startOperatorsView('test', config)).rejects.toThrow(`METRICS_PORT ${first.port}`)
})

test.for([
  { METRICS_PORT: '70000' },
  { OTEL_TRACES_SAMPLER_ARG: '2' },
  { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' },
])('%o is refused', (env) => {
  expect(OperatorConfig.safeParse(env).success).toBe(false)
})
