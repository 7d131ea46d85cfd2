// Durable consumers that siem makes while it runs, held by the server to what flow.ts says.
import { randomUUID } from 'node:crypto'
import { jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Bus } from '@mcpshield/bus/connect'
import type { Durables } from '@mcpshield/bus/durables'
import { provision } from '@mcpshield/bus/provision'
import type { flow } from '@mcpshield/contracts/flow'
import { silent, startTestBus, type TestBus } from '@mcpshield/testkit/bus'

const ORG = randomUUID()
let server: TestBus
let bus: Bus<(typeof flow)['siem']>
let raw: NatsConnection
let durables: Durables
beforeAll(async () => {
  server = await startTestBus(silent)
  bus = await server.connect('siem')
  raw = await server.raw('siem')
  durables = bus.durables('AUDIT')
})
afterAll(async () => {
  await raw.close()
  await bus[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

const spec = (durable: string, filter = `audit.${ORG}.>`) => ({
  durable,
  filter,
  from: new Date(Date.now() - 1_000),
  maxAckPending: 10,
  ackWaitMs: 10_000,
})
async function publish(texts: string[], org = ORG): Promise<void> {
  const gateway = await server.raw('mcp-gateway')
  for (const text of texts) gateway.publish(`audit.${org}._.allow`, text)
  await gateway.flush()
  await gateway.close()
}

test('one is made once, keeps its place, says what waits, and is removed', async () => {
  await durables.ensure(spec('siem-a'))
  await publish(['"a"', '"b"', '"c"'])
  await publish(['"another’s"'], randomUUID())
  expect(await durables.state('siem-a')).toEqual({ pending: 3 })
  const reading = await durables.read('siem-a', 1)
  for await (const message of reading.messages) {
    expect(new TextDecoder().decode(message.bytes)).toBe('"a"')
    message.ack()
    break
  }
  await durables.ensure(spec('siem-a'))
  await expect.poll(() => durables.state('siem-a')).toEqual({ pending: 2 })
  await durables.remove('siem-a')
  await durables.remove('siem-a')
  expect(await durables.state('siem-a')).toBeUndefined()
})

test('one that is removed ends who reads it', async () => {
  await durables.ensure(spec('siem-b', `audit.${randomUUID()}.>`))
  const reading = await durables.read('siem-b', 10)
  const ended = (async () => {
    for await (const message of reading.messages) message.ack()
  })().then(
    () => 'ended',
    () => 'failed',
  )
  await durables.remove('siem-b')
  expect(['ended', 'failed']).toContain(await ended)
})

test('migrations leave those that it made', async () => {
  await durables.ensure(spec('siem-kept'))
  const provisioner = await server.raw('provision')
  await provision(provisioner)
  const { name } = await (await jetstreamManager(provisioner)).consumers.info('AUDIT', 'siem-kept')
  await provisioner.close()
  expect(name).toBe('siem-kept')
})

describe('the server refuses it', () => {
  test.for([
    ['a consumer of all organisations', '$JS.API.CONSUMER.CREATE.AUDIT.siem-x.audit.>'],
    ['a consumer without a filter', '$JS.API.CONSUMER.CREATE.AUDIT.siem-x'],
    ['a nameless consumer', '$JS.API.CONSUMER.CREATE.AUDIT'],
    [
      'a consumer made the old way, whose filter no subject says',
      '$JS.API.CONSUMER.DURABLE.CREATE.AUDIT.siem-x',
    ],
    ['another service’s consumer, made anew', `$JS.API.CONSUMER.CREATE.AUDIT.ingest-audit.audit.${ORG}.>`],
    ['another service’s consumer, removed', '$JS.API.CONSUMER.DELETE.AUDIT.ingest-audit'],
    ['another service’s consumer, read', '$JS.API.CONSUMER.MSG.NEXT.AUDIT.ingest-audit'],
    ['another service’s consumer, looked at', '$JS.API.CONSUMER.INFO.AUDIT.ingest-audit'],
    ['an acknowledgement for another service', '$JS.ACK.AUDIT.ingest-audit.1.1.1.1.1'],
    ['a consumer of another stream', `$JS.API.CONSUMER.CREATE.EVENTS.siem-x.audit.${ORG}.>`],
    ['the whole record as it is written', 'audit.>'],
    ['signing by another than bus-keys', 'rpc.projects.getMembership'],
  ] as const)('%s', async ([, subject]) => {
    const { promise, resolve } = Promise.withResolvers<string>()
    const follow = async () => {
      for await (const status of raw.status())
        if (status.type === 'error') return resolve(status.error.message)
    }
    void follow()
    raw.publish(subject, '{}')
    expect(await promise).toMatch(/permissions violation for publish/i)
  })

  test('a filter other than the one that the subject says', async () => {
    const subject = `$JS.API.CONSUMER.CREATE.AUDIT.siem-y.audit.${ORG}.>`
    const config = {
      name: 'siem-y',
      durable_name: 'siem-y',
      filter_subject: 'audit.>',
      ack_policy: 'explicit',
    }
    const reply = await raw.request(subject, JSON.stringify({ stream_name: 'AUDIT', config }))
    expect(reply.json()).toMatchObject({ error: { code: 400 } })
    expect(await durables.state('siem-y')).toBeUndefined()
  })
})
