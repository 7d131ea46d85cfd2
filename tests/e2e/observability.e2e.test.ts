// What an operator sees of the whole product: one trace and one id of a call through everything it passes, metrics of every
// service, and logs that tell nothing of what was in the calls.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { START_ORDER } from '@mcpshield/infra/dev/services.ts'
import { metaOf } from '@mcpshield/mcp/messages'
import { METRICS } from '@mcpshield/runtime/metric-table'
import { startOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from '@mcpshield/testkit/otlp-receiver'
import { openSpeaker, type Json, type Speaker } from './mcp-wire.ts'
import { sendCanaries } from './canary-traffic.ts'
import { startProduct, type Product } from './product.ts'
import { startRecordingUpstream, type RecordingUpstream } from './recording-upstream.ts'

const FIRST_PORT = 21_090
const METRICS_PORT = 21_100
const SERVICES: readonly string[] = START_ORDER.flat()
const SOON = { timeout: 15_000, interval: 50 }
const TRACE = '0af7651916cd43dd8448eb211c80319c'
const TRACEPARENT = `00-${TRACE}-b7ad6b7169203331-01`
const POLICY = `version: 1
rules:
  - { id: echoes, tool: "rec/safe_echo", decision: allow }
  - { id: orders, tool: postgres.query, decision: allow, conditions: { operations: [read], resources: [public.orders] } }
`

let receiver: OtlpReceiver
let upstream: RecordingUpstream
let product: Product

beforeAll(async () => {
  receiver = await startOtlpReceiver()
  upstream = await startRecordingUpstream()
  product = await startProduct(FIRST_PORT, {
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
      OTEL_BSP_SCHEDULE_DELAY: '50',
      METRICS_PORT: String(METRICS_PORT),
      LOG_LEVEL: 'trace',
    },
  })
  const spec = { slug: 'rec', transport: 'http', url: upstream.url }
  await product.demo.api.send('POST', `${product.at}/upstreams`, spec)
  await product.setPolicy(POLICY)
  const speaker = await speak()
  await vi.waitFor(async () => expect((await call(speaker)).result?.['isError']).not.toBe(true), SOON)
})
afterAll(async () => {
  await product[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
})

const speak = (era: 'legacy' | 'modern' = 'modern', withSession = false): Promise<Speaker> =>
  openSpeaker({ url: product.stack.mcp, key: product.demo.account.api_key, era, withSession })

const call = (speaker: Speaker, meta: Json = {}, tool = 'rec__safe_echo', args: Json = { text: 'hello' }) =>
  speaker.send('tools/call', { name: tool, arguments: args, _meta: meta })

/** The spans of a trace, once there are these. */
function spansOf(traceId: string, ...names: string[]): Promise<ReceivedSpan[]> {
  return vi.waitFor(() => {
    const spans = receiver.spans.filter((span) => span.traceId === traceId)
    expect(spans.map(({ name }) => name)).toEqual(expect.arrayContaining(names))
    return spans
  }, SOON)
}

type Audit = { id: string; request_id: string | null; trace_id: string | null; outcome: string | null }

const recordOf = (requestId: string): Promise<Audit> =>
  vi.waitFor(async () => {
    const { items } = await product.demo.api.get<{ items: Audit[] }>('/audits?limit=100')
    const found = items.find(({ request_id }) => request_id === requestId)
    if (found === undefined) throw new Error(`no record of ${requestId}`)
    return found
  }, SOON)

const logOf = (service: string) => readFileSync(join(product.logsDir, `${service}.log`), 'utf8')

/** `_meta` of the last call that reached the upstream. */
const metaAtUpstream = () => {
  const [, body = '{}'] = /^\{.*?\}(\{"jsonrpc".*)$/s.exec(upstream.received.at(-1) ?? '') ?? []
  return metaOf((JSON.parse(body) as { params: Json }).params as never)
}

describe('one call', () => {
  test.for(['modern', 'legacy'] as const)(
    'of a %s client is one trace, from the client through the gateway and the record to the upstream',
    async (era) => {
      const trace = era === 'modern' ? TRACE : TRACE.replace(/^0a/, '1a')
      const speaker = await speak(era, era === 'legacy')
      const heard = await call(speaker, { traceparent: TRACEPARENT.replace(TRACE, trace), tracestate: 'a=b' })
      expect(heard.result?.['isError']).not.toBe(true)
      const spans = await spansOf(trace, 'tools/call', 'audit record', 'POST')
      const server = spans.find(({ parentSpanId }) => parentSpanId === 'b7ad6b7169203331')
      expect(server).toMatchObject({
        service: 'mcp-gateway',
        name: 'tools/call',
        attributes: {
          'mcp.method.name': 'tools/call',
          'gen_ai.tool.name': 'rec/safe_echo',
          'mcpshield.request_id': heard.headers['x-request-id'],
        },
      })
      const client = spans.find(({ name, spanId }) => name === 'tools/call' && spanId !== server?.spanId)
      expect(client?.parentSpanId).toBe(server?.spanId)
      expect(client?.attributes).toMatchObject({ 'mcpshield.upstream': 'rec' })
      expect(spans.find(({ name }) => name === 'POST')?.parentSpanId).toBe(client?.spanId)
      // The upstream is told the span that it was called in, of the client's trace.
      expect(metaAtUpstream()['traceparent']).toBe(`00-${trace}-${client?.spanId}-01`)
      expect(metaAtUpstream()['tracestate']).toBe('a=b')
      expect((await recordOf(heard.headers['x-request-id'] ?? '')).trace_id).toBe(trace)
    },
  )

  test('has one id, from the answer through logs and spans to the row of its record', async () => {
    const heard = await call(await speak())
    const id = heard.headers['x-request-id'] ?? ''
    expect(id).toMatch(/^[0-9a-f-]{36}$/)
    const record = await recordOf(id)
    expect(record.outcome).toBe('ok')
    const line = logOf('mcp-gateway')
      .split('\n')
      .find((each) => each.includes(id))
    expect(JSON.parse(line ?? '{}')).toMatchObject({
      service: 'mcp-gateway',
      msg: 'mcp',
      requestId: id,
      projectId: product.demo.account.project_id,
      method: 'tools/call',
      traceId: record.trace_id,
    })
  })

  test('over the REST API is one trace and one id with the service that answers it', async () => {
    const trace = TRACE.replace(/^0a/, '2a')
    const response = await fetch(`${product.stack.api}/policy/evaluate`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-api-key': product.demo.account.api_key,
        traceparent: TRACEPARENT.replace(TRACE, trace),
      },
      body: JSON.stringify({ tool: 'rec/safe_echo', arguments: {} }),
    })
    expect(response.status).toBe(200)
    const id = response.headers.get('x-request-id') ?? ''
    const subject = 'rpc.decision.evaluateCall'
    const spans = await spansOf(trace, 'POST /policy/evaluate', subject, 'audit record')
    const parents = new Map(spans.map((span) => [span.spanId, span]))
    const chain = (span: ReceivedSpan | undefined): string[] =>
      span === undefined
        ? []
        : [...chain(parents.get(span.parentSpanId ?? '')), `${span.service} ${span.name}`]
    expect(chain(spans.find(({ name }) => name === 'audit record'))).toEqual([
      'rest-gateway POST /policy/evaluate',
      `rest-gateway ${subject}`,
      `decision ${subject}`,
      'decision audit record',
    ])
    expect(await recordOf(id)).toMatchObject({ request_id: id })
    for (const service of ['rest-gateway', 'decision']) expect(logOf(service)).toContain(id)
  })

  test.for([
    { traceparent: 'rubbish', tracestate: 'a=b', baggage: 'c=d\r\nx: y' },
    { traceparent: `00-${'0'.repeat(32)}-b7ad6b7169203331-01` },
    { traceparent: { deep: [TRACEPARENT] }, baggage: 7 },
    { traceparent: `${TRACEPARENT}\r\nx-evil: 1` },
  ])('with the odd trace %j goes on without it', async (meta) => {
    const heard = await call(await speak(), { ...meta, kept: 'as it is' })
    expect(heard.result?.['isError']).not.toBe(true)
    const received = metaAtUpstream()
    expect(received['kept']).toBe('as it is')
    expect(received['traceparent']).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
    expect(received['traceparent']).not.toContain(TRACE)
    expect(received).not.toHaveProperty('tracestate')
    if ('baggage' in meta) expect(received).not.toHaveProperty('baggage')
  })

  test('cannot bring an id of its own, nor write into a log by one', async () => {
    const forged = 'forged-id-of-a-client'
    const response = await fetch(`${product.stack.api}/projects`, {
      headers: { 'x-request-id': forged, 'request-id': forged },
    })
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    const heard = await (await speak()).send('ping', {}, { headers: { 'x-request-id': forged } })
    expect(heard.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
    await new Promise((resolve) => setTimeout(resolve, 200))
    for (const service of SERVICES) {
      const log = logOf(service)
      expect(log).not.toContain(forged)
      for (const line of log.trim().split('\n')) expect(() => JSON.parse(line) as unknown).not.toThrow()
    }
  })
})

describe('metrics', () => {
  const textOf = async (service: string) =>
    (await fetch(`http://127.0.0.1:${METRICS_PORT + portOf(service)}/metrics`)).text()
  const portOf = (service: string) => SERVICES.indexOf(service)

  test('are told by every service, and its health', async () => {
    const seen = new Set<string>()
    for (const service of SERVICES) {
      const text = await textOf(service)
      expect(text, service).toMatch(/^process_resident_memory_bytes \d/m)
      expect(text, service).toMatch(/^mcpshield_bus_connected 1$/m)
      for (const [, name = ''] of text.matchAll(/^# TYPE (mcpshield_\S+)/gm)) seen.add(name)
      const health = await fetch(`http://127.0.0.1:${METRICS_PORT + portOf(service)}/health`)
      expect(health.status, service).toBe(200)
    }
    expect([...seen].sort()).toEqual(Object.keys(METRICS).sort())
  })

  test('count a call wherever it went', async () => {
    await call(await speak())
    await call(await speak(), {}, 'rec__danger_delete')
    await vi.waitFor(async () => {
      const gateway = await textOf('mcp-gateway')
      expect(gateway).toMatch(/^mcpshield_decisions_total\{decision="allow",reason="rule"\} \d/m)
      expect(gateway).toMatch(/^mcpshield_decisions_total\{decision="deny",reason="default"\} \d/m)
      expect(gateway).toMatch(/^mcpshield_mcp_added_seconds_count\{method="tools\/call"\} \d/m)
      expect(gateway).toMatch(/^mcpshield_mcp_away_seconds_count\{at="upstream"\} \d/m)
      expect(gateway).toMatch(/^mcpshield_audit_ack_seconds_count\{result="ok"\} \d/m)
      expect(gateway).toMatch(/^mcpshield_policy_stale_seconds 0$/m)
      expect(await textOf('ingest')).toMatch(/^mcpshield_ingest_lag_seconds_count [1-9]/m)
      expect(await textOf('projects')).toMatch(/^mcpshield_outbox_rows\{schema="projects"\} \d/m)
      expect(await textOf('auth')).toMatch(/^mcpshield_rpc_server_seconds_count\{subject="rpc\.auth\./m)
    }, SOON)
  })

  test('have no label that a client chose', async () => {
    const odd = 'made-up-by-a-client'
    const speaker = await speak('legacy')
    await call(speaker, {}, odd)
    await call(speaker, {}, `rec__${odd}`)
    await speaker.send(odd)
    await speaker.send(`rpc.${odd}`)
    await fetch(`${product.stack.api}/${odd}?${odd}=1`)
    await fetch(`${product.stack.decisions}/${odd}`)
    await fetch(product.stack.mcp, { method: 'POST', headers: { origin: `https://${odd}.example` } })
    for (const service of SERVICES) expect(await textOf(service), service).not.toContain(odd)
  })

  test('of the API’s own port are for programs beside it, and not for who comes through a proxy', async () => {
    expect((await fetch(`${product.stack.api}/metrics`)).status).toBe(200)
    for (const name of ['x-forwarded-for', 'forwarded', 'via', 'x-forwarded-host']) {
      const response = await fetch(`${product.stack.api}/metrics`, { headers: { [name]: '127.0.0.1' } })
      expect(response.status, name).toBe(404)
    }
  })
})

test('no log and no span has a secret or anything of what was in calls, at the finest level', async () => {
  const canaries = await sendCanaries(product, upstream)
  expect(canaries.length).toBeGreaterThan(10)
  const written = readdirSync(product.logsDir)
    .filter((file) => SERVICES.some((service) => file.startsWith(service)))
    .map((file) => [file, readFileSync(join(product.logsDir, file), 'utf8')] as const)
  expect(written).toHaveLength(SERVICES.length)
  const found = [...written, ['spans', receiver.bodies.join('\n')] as const].flatMap(([file, text]) =>
    canaries.filter(({ secret }) => text.includes(secret)).map(({ what }) => `${file}: ${what}`),
  )
  expect(found).toEqual([])
})
