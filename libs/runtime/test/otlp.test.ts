import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { startOtlpReceiver, type OtlpReceiver } from '@mcpshield/testkit/otlp-receiver'
import { traceOverOtlp } from '../src/otlp.ts'
import { isTracing, openSpan, traced, traceIdOf, traceparent } from '../src/tracing.ts'

let receiver: OtlpReceiver
beforeAll(async () => (receiver = await startOtlpReceiver()))
afterAll(() => receiver[Symbol.asyncDispose]())

const REMOTE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const open = (ratio = 1) =>
  traceOverOtlp({ service: 'tested', version: '1', endpoint: receiver.endpoint, ratio, delayMs: 10 })
const spanOf = (name: string) =>
  vi.waitFor(() => receiver.spans.find((each) => each.name === name) ?? fail(name))

function fail(name: string): never {
  throw new Error(`${name} has not come`)
}

test('without a collector work is just run', async () => {
  expect(isTracing()).toBe(false)
  expect(await traced({ name: 'none', kind: 'internal' }, async (span) => span)).toBeUndefined()
  expect(openSpan({ name: 'none', kind: 'internal' })).toBeUndefined()
  expect(traceparent()).toBeUndefined()
  expect(traceIdOf(REMOTE)).toBe('0af7651916cd43dd8448eb211c80319c')
  expect(traceIdOf('00-made-up')).toBeNull()
})

test('work within work is one trace, across what is waited for', async () => {
  await using _tracing = open()
  const sent = await traced({ name: 'outer', kind: 'server', parent: REMOTE }, async () => {
    await new Promise((resolve) => setImmediate(resolve))
    return traced({ name: 'inner', kind: 'client', attributes: { count: 1, on: true } }, async () =>
      traceparent(),
    )
  })
  const [outer, inner] = [await spanOf('outer'), await spanOf('inner')]
  expect(outer).toMatchObject({
    service: 'tested',
    traceId: '0af7651916cd43dd8448eb211c80319c',
    parentSpanId: 'b7ad6b7169203331',
  })
  expect(inner).toMatchObject({
    traceId: outer.traceId,
    parentSpanId: outer.spanId,
    attributes: { count: 1, on: true },
  })
  expect(sent).toBe(`00-${inner.traceId}-${inner.spanId}-01`)
})

test('work beside work does not belong to it', async () => {
  await using _tracing = open()
  const [one, other] = await Promise.all(
    ['one', 'other'].map((name) =>
      traced({ name, kind: 'server' }, async () => {
        await new Promise((resolve) => setImmediate(resolve))
        return traceIdOf(undefined)
      }),
    ),
  )
  expect(one).not.toBe(other)
})

test('a parent that is none begins a trace, and fails nothing', async () => {
  await using _tracing = open()
  await traced({ name: 'orphan', kind: 'server', parent: 'rubbish' }, async () => undefined)
  expect((await spanOf('orphan')).parentSpanId).toBeUndefined()
})

test('a failure says its code, and none of its words', async () => {
  await using _tracing = open()
  const failure = Object.assign(new Error('password=hunter2'), { code: 'UNAVAILABLE' })
  await expect(traced({ name: 'failing', kind: 'client' }, () => Promise.reject(failure))).rejects.toBe(
    failure,
  )
  expect(await spanOf('failing')).toMatchObject({
    hasFailed: true,
    attributes: { 'error.type': 'UNAVAILABLE' },
  })
  expect(receiver.bodies.join()).not.toContain('hunter2')
})

test('a caller that does not want its trace kept is heard; ours are kept by the ratio', async () => {
  {
    await using _tracing = open(0)
    await traced(
      { name: 'not-kept', kind: 'server', parent: REMOTE.replace(/01$/, '00') },
      async () => undefined,
    )
    await traced({ name: 'not-drawn', kind: 'server' }, async () => {
      expect(traceparent()).toMatch(/-00$/)
    })
    await traced({ name: 'kept', kind: 'server', parent: REMOTE }, async () => undefined)
  }
  await spanOf('kept')
  expect(receiver.spans.map(({ name }) => name)).not.toContain('not-kept')
  expect(receiver.spans.map(({ name }) => name)).not.toContain('not-drawn')
})

test('a collector that refuses, or is not there, holds nothing up', async () => {
  receiver.status = 500
  const startedMs = performance.now()
  {
    await using _tracing = open()
    expect(await traced({ name: 'lost', kind: 'server' }, async () => 'done')).toBe('done')
  }
  receiver.status = 200
  {
    await using _tracing = traceOverOtlp({
      service: 'tested',
      version: '1',
      endpoint: 'http://127.0.0.1:9',
      ratio: 1,
      delayMs: 10,
    })
    expect(await traced({ name: 'nowhere', kind: 'server' }, async () => 'done')).toBe('done')
  }
  expect(performance.now() - startedMs).toBeLessThan(10_000)
})
