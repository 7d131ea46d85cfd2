import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { jetstream, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream'
import { headers as natsHeaders, type NatsConnection } from 'nats'
import type { Bus } from '@mcpshield/bus/connect'
import type { DeadLetters } from '@mcpshield/bus/dead-letters'
import { provision } from '@mcpshield/bus/provision'
import { consumption, type flow } from '@mcpshield/contracts/flow'
import { mailer } from '@mcpshield/contracts/mailer'
import { startTestBus, type TestBus } from '@mcpshield/testkit/bus'

let stack: AsyncDisposableStack
let server: TestBus
let bus: Bus<(typeof flow)['mailer']>
let letters: DeadLetters
let raw: NatsConnection
let manager: JetStreamManager
beforeEach(async () => {
  stack = new AsyncDisposableStack()
  server = stack.use(await startTestBus())
  bus = stack.use(await server.connect('mailer'))
  letters = bus.deadLetters
  raw = await server.raw('provision')
  stack.defer(() => raw.close())
  manager = await jetstreamManager(raw)
})
afterEach(() => stack.disposeAsync())

const SUBJECT = 'job.mailer.send'

async function bury(count: number, subject = SUBJECT): Promise<void> {
  const from = await server.raw('mailer')
  for (let at = 1; at <= count; at++) {
    const headers = natsHeaders()
    headers.set('Reason', `reason ${at}`)
    await jetstream(from).publish(`dead.${subject}`, JSON.stringify({ at }), { headers })
  }
  await from.close()
}

const sequencesOf = ({ messages }: { messages: { sequence: number }[] }) =>
  messages.map(({ sequence }) => sequence)

test('nothing is an empty list', async () => {
  expect(await letters.list({}, 10)).toEqual({ messages: [], more: { older: false, newer: false } })
})

test('the newest come first, with where and why they failed', async () => {
  await bury(2)
  const { messages } = await letters.list({}, 10)
  expect(messages[0]).toMatchObject({ sequence: 2, subject: SUBJECT, reason: 'reason 2' })
  expect(new TextDecoder().decode(messages[0]?.bytes)).toBe('{"at":2}')
  expect(Date.now() - Date.parse(messages[0]?.time ?? '')).toBeLessThan(10_000)
})

test('pages lead in both directions over gaps, each letter once', async () => {
  await bury(12)
  for (const gone of [1, 4, 5, 6, 9, 12]) await manager.streams.deleteMessage('DEAD', gone)
  const first = await letters.list({}, 2)
  expect([sequencesOf(first), first.more]).toEqual([[11, 10], { older: true, newer: false }])
  const second = await letters.list({ older: 10 }, 2)
  expect([sequencesOf(second), second.more]).toEqual([[8, 7], { older: true, newer: true }])
  const third = await letters.list({ older: 7 }, 2)
  expect([sequencesOf(third), third.more]).toEqual([[3, 2], { older: false, newer: true }])
  const back = await letters.list({ newer: 3 }, 2)
  expect([sequencesOf(back), back.more]).toEqual([[8, 7], { older: true, newer: true }])
  const top = await letters.list({ newer: 8 }, 5)
  expect([sequencesOf(top), top.more]).toEqual([[11, 10], { older: true, newer: false }])
})

test('a replay goes to where it failed, is known as one, and is taken out', async () => {
  await bury(2)
  await letters.replay(1)
  expect(sequencesOf(await letters.list({}, 10))).toEqual([2])
  const received = Promise.withResolvers<[unknown, boolean]>()
  await using _consuming = await bus.consume(consumption.mailerSend, (message) => {
    message.ack()
    received.resolve([message.json(), message.replayed])
  })
  expect(await received.promise).toEqual([{ at: 1 }, true])
})

test('what was never a dead letter is not known as a replay', async () => {
  await using asking = await server.connect('auth')
  const id = randomUUID()
  const mail = { template: 'address_in_use' } as const
  await asking.enqueue(mailer.job.send, { id, to: { email: 'a@example.org' }, mail }, id)
  const received = Promise.withResolvers<boolean>()
  await using _consuming = await bus.consume(consumption.mailerSend, (message) => {
    message.ack()
    received.resolve(message.replayed)
  })
  expect(await received.promise).toBe(false)
})

test('two replays of one letter at once arrive as one message', async () => {
  await bury(1)
  await Promise.allSettled([letters.replay(1), letters.replay(1), letters.replay(1)])
  expect((await manager.streams.info('JOBS')).state.messages).toBe(1)
  await expect(letters.replay(1)).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('a replay that is not taken leaves the letter where it is', async () => {
  await bury(1)
  const { config } = await manager.streams.info('JOBS')
  await manager.streams.update('JOBS', { ...config, max_msg_size: 1 })
  await expect(letters.replay(1)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(sequencesOf(await letters.list({}, 10))).toEqual([1])
})

test('letters of a subject can be taken out by what they say, and others stay', async () => {
  await bury(120)
  await bury(1, 'evt.auth.userDeleted')
  const even = (bytes: Uint8Array) =>
    (JSON.parse(new TextDecoder().decode(bytes)) as { at: number }).at % 2 === 0
  expect(await letters.remove(SUBJECT, ({ bytes }) => even(bytes))).toBe(60)
  expect(await letters.remove(SUBJECT, ({ bytes }) => even(bytes))).toBe(0)
  const left = await letters.list({}, 200)
  expect(left.messages).toHaveLength(61)
})

test('only a service whose row says so has them', async () => {
  await using other = await server.connect('auth')
  expect(other.deadLetters).toBeUndefined()
  const connection = await server.raw('auth')
  const asked = connection.request('$JS.API.STREAM.MSG.GET.DEAD', '{"seq":1}', { timeout: 500 })
  await expect(asked).rejects.toThrow()
  await connection.close()
})

test('provisioning takes away consumers of ours that flow.ts no longer names, and no others', async () => {
  const add = (stream: string, durable_name: string, filter_subject: string) =>
    manager.consumers.add(stream, { durable_name, ack_policy: 'explicit', filter_subject })
  const namesIn = async (stream: string) => {
    const names: string[] = []
    for await (const { name } of manager.consumers.list(stream)) names.push(name)
    return names.sort()
  }
  await add('EVENTS', 'projects-organizations', 'evt.auth.userDeleted')
  await add('EVENTS', 'somebody-else', 'evt.auth.userDeleted')
  await add('AUDIT', 'ingest-before', 'audit.>')
  // Made for a customer, while it runs.
  await add('AUDIT', 'siem-forwarder', 'audit.acme.>')
  await provision(raw)
  const ours = (of: string) =>
    Object.values(consumption).flatMap(({ stream, durable }) => (stream === of ? [durable] : []))
  expect(await namesIn('EVENTS')).toEqual([...ours('EVENTS'), 'somebody-else'].sort())
  expect(await namesIn('AUDIT')).toEqual([...ours('AUDIT'), 'siem-forwarder'].sort())
})
