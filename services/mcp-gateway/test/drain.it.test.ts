// An instance that is told to stop: calls that run end with their answers, nothing new is taken, and nobody who only
// listens keeps it.
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  DRAIN_MS,
  modern,
  request,
  result,
  send,
  startInstances,
  stream,
  type Gateway,
  type Instances,
} from './instances.ts'

let instances: Instances
let key: string

beforeAll(async () => {
  instances = await startInstances()
  key = await instances.key()
})
afterAll(() => instances[Symbol.asyncDispose]())

/** A gateway whose calls end when the test says so, and whose listeners stay. */
async function startHeld() {
  const began = Promise.withResolvers<void>()
  const may = Promise.withResolvers<void>()
  const gateway = await instances.start(async (exchange) => {
    if (exchange.request.method === 'subscriptions/listen') {
      exchange.openStream()
      await new Promise<void>((resolve) => exchange.signal.addEventListener('abort', () => resolve()))
      return result({})
    }
    if (exchange.request.params['streamed'] === true) exchange.openStream()
    began.resolve()
    await may.promise
    return result({ done: true })
  })
  return { gateway, began: began.promise, end: () => may.resolve() }
}

const call = (gateway: Gateway, streamed = false) =>
  send(gateway, { headers: { 'x-api-key': key }, body: request('tools/call', { name: 'x', streamed }) })

test.for([false, true])(
  'a call that runs is answered before it stops (as a stream: %s)',
  async (streamed) => {
    const { gateway, began, end } = await startHeld()
    const answer = call(gateway, streamed)
    await began
    const stopped = gateway[Symbol.asyncDispose]()
    // Nothing new is taken meanwhile.
    await expect
      .poll(() =>
        call(gateway).then(
          () => 'taken',
          () => 'refused',
        ),
      )
      .toBe('refused')
    end()
    expect((await answer).text).toContain('"done":true')
    await stopped
  },
)

test('who only listens does not keep it', async () => {
  const { gateway } = await startHeld()
  const { headers, body } = modern('subscriptions/listen', { notifications: {} })
  await using listening = await stream(gateway, { headers: { ...headers, 'x-api-key': key }, body })
  expect(listening.status).toBe(200)
  const startedMs = performance.now()
  await gateway[Symbol.asyncDispose]()
  await listening.closed
  expect(performance.now() - startedMs).toBeLessThan(DRAIN_MS)
})

test('a call that does not end is cut when the time is over', async () => {
  const { gateway, began } = await startHeld()
  const answer = call(gateway, true).catch(() => undefined)
  await began
  const startedMs = performance.now()
  await gateway[Symbol.asyncDispose]()
  expect(performance.now() - startedMs).toBeGreaterThanOrEqual(DRAIN_MS - 50)
  expect((await answer)?.text ?? '').not.toContain('"done":true')
})
