import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'
import { auth } from '@mcpshield/contracts/auth'
import { AppError } from '@mcpshield/contracts/errors'
import { consumption, flow, type ServiceName } from '@mcpshield/contracts/flow'
import { projects } from '@mcpshield/contracts/projects'
import { silent, startTestBus, type TestBus } from '@mcpshield/testkit/bus'
import { connectBus } from '../src/connect.ts'
import { UNOBSERVED, type BusTelemetry } from '../src/telemetry.ts'

let server: TestBus
beforeAll(async () => {
  server = await startTestBus()
})
afterAll(() => server[Symbol.asyncDispose]())

type Span = { name: string; parent: string | undefined }

/** Keeps what it is told; the work under way is a word. */
function observer() {
  const underWay = new AsyncLocalStorage<string>()
  const spans: Span[] = []
  const told: string[] = []
  const telemetry: BusTelemetry = {
    ...UNOBSERVED,
    asked: (subject, code) => void told.push(`asked ${subject} ${code}`),
    answered: (subject, code) => void told.push(`answered ${subject} ${code}`),
    recorded: (result) => void told.push(`recorded ${result}`),
    published: (subject, result) => void told.push(`published ${subject} ${result}`),
    delivered: (consumer) => void told.push(`delivered ${consumer}`),
    consumed: (consumer, result) => void told.push(`consumed ${consumer} ${result}`),
    isTracing: () => true,
    traceparent: () => underWay.getStore(),
    traced({ name, parent }, work) {
      spans.push({ name, parent: parent ?? underWay.getStore() })
      return underWay.run(parent ?? underWay.getStore() ?? 'of nobody', work)
    },
  }
  return { telemetry, spans, told, within: <T>(word: string, work: () => T) => underWay.run(word, work) }
}

const connect = <N extends ServiceName>(service: N, telemetry: BusTelemetry) =>
  connectBus(
    { url: server.url, creds: server.creds(service), name: service, log: silent, telemetry },
    flow[service],
  )

test('each call of one message belongs to the trace of who made it, and is counted by what became of it', async () => {
  const [asker, owner] = [observer(), observer()]
  await using asked = await connect('auth', owner.telemetry)
  await using asking = await connect('rest-gateway', asker.telemetry)
  const traces = new Map<string, string | undefined>()
  await asked.serve(
    'auth',
    { checkSession: auth.rpc.checkSession },
    {
      async checkSession({ session_id }) {
        traces.set(session_id, owner.telemetry.traceparent())
        if (session_id === 'bad') throw new AppError('UNAVAILABLE', 'Not now.')
        return { open: true }
      },
    },
  )
  const check = (session_id: string) => asking.call(auth.rpc.checkSession, { session_id })
  const [one, other, none] = await Promise.allSettled([
    asker.within('trace-one', () => check('one')),
    asker.within('trace-two', () => check('bad')),
    check('none'),
  ])
  expect([one.status, other.status, none.status]).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(traces.get('one')).toBe('trace-one')
  expect(traces.get('bad')).toBe('trace-two')
  const subject = auth.rpc.checkSession.subject
  expect(asker.told.sort()).toEqual([
    `asked ${subject} OK`,
    `asked ${subject} OK`,
    `asked ${subject} UNAVAILABLE`,
  ])
  expect(owner.told.sort()).toEqual([
    `answered ${subject} OK`,
    `answered ${subject} OK`,
    `answered ${subject} UNAVAILABLE`,
  ])
})

test('what nobody answers is counted as that', async () => {
  const asker = observer()
  await using asking = await connect('rest-gateway', asker.telemetry)
  await expect(asking.call(projects.rpc.checkHealth, {})).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(asker.told).toEqual([`asked ${projects.rpc.checkHealth.subject} UNAVAILABLE`])
})

test('an event goes on with the trace of who told it, and its delivery is counted', async () => {
  const [teller, taker] = [observer(), observer()]
  await using telling = await connect('auth', teller.telemetry)
  await using taking = await connect('projects', taker.telemetry)
  const seen: (string | undefined)[] = []
  await using _consuming = await taking.consume(consumption.projectsPeople, (message) => {
    seen.push(taker.telemetry.traceparent())
    message.ack()
  })
  const payload = { user_id: randomUUID(), email: 'a@example.org' }
  await teller.within('trace-of-event', () => telling.publish(auth.evt.userDeleted, payload, randomUUID()))
  await vi.waitFor(() => expect(seen).toEqual(['trace-of-event']), { timeout: 10_000 })
  const { durable } = consumption.projectsPeople
  expect(teller.told).toEqual([`published ${auth.evt.userDeleted.subject} ok`])
  expect(taker.told).toEqual([`delivered ${durable}`, `consumed ${durable} acked`])
})
