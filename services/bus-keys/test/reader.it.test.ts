// What the holder of a SIEM credential can do: read their own durable consumer, see their own events come, and nothing
// else. Tried by a real client against a real server.
import { randomUUID } from 'node:crypto'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SiemFull } from '@mcpshield/bus/siem-writer'
import { startWorld, type Credential, type World } from './world.ts'

let world: World
let own: Credential
let other: Credential
let reader: NatsConnection
beforeAll(async () => {
  world = await startWorld()
  own = await world.credential()
  other = await world.credential()
  reader = await world.reader(own)
})
afterAll(() => world[Symbol.asyncDispose]())

const OTHER_ORG = randomUUID()
const fill = (text: string) =>
  text
    .replace('<org>', own.orgId)
    .replace('<other>', other.orgId)
    .replace('<own durable>', own.place.durable)
    .replace('<other durable>', other.place.durable)
    .replace('<own>', own.id)
    .replace('<other credential>', other.id)

const eventBytes = (text: string) => new TextEncoder().encode(`[${JSON.stringify(text)}]`)
const message = (credential: Credential, text: string) => ({
  subject: `audit.${credential.orgId}._.allow`,
  id: randomUUID(),
  bytes: eventBytes(text),
})

async function next(connection: NatsConnection, { place }: Pick<Credential, 'place'>) {
  const consumer = await jetstream(connection).consumers.get(place.stream, place.durable)
  return consumer.next({ expires: 2_000 })
}

/** The next refusal of the server, whatever was asked for. */
function refusal(connection: NatsConnection): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const timer = setTimeout(() => reject(new Error('nothing was refused')), 3_000)
  void (async () => {
    for await (const status of connection.status()) {
      if (status.type !== 'error') continue
      clearTimeout(timer)
      resolve(status.error.message)
      return
    }
  })()
  return promise
}

describe('a reader', () => {
  test('is given its events, once acknowledged not again', async () => {
    await own.writer.write([message(own, 'one'), message(own, 'two')])
    for (const wanted of ['one', 'two']) {
      const got = await next(reader, own)
      expect(got?.json()).toEqual([wanted])
      expect(await got?.ackAck()).toBe(true)
    }
    expect(await next(reader, own)).toBeNull()
    expect((await own.writer.backlog()).unread).toBe(0)
  })

  test('sees its events as they come', async () => {
    const seen: string[] = []
    reader.subscribe(own.place.subject, { callback: (_error, got) => void seen.push(got.string()) })
    await reader.flush()
    await own.writer.write([message(own, 'live')])
    await expect.poll(() => seen).toEqual(['["live"]'])
    await (await next(reader, own))?.ackAck()
  })

  test('goes on after an outage where it was, and what came meanwhile is there', async () => {
    const first = await world.reader(own)
    await own.writer.write([message(own, 'before')])
    await (await next(first, own))?.ackAck()
    await first.close()
    await own.writer.write([message(own, 'meanwhile'), message(own, 'and then')])
    const second = await world.reader(own)
    for (const wanted of ['meanwhile', 'and then']) {
      const got = await next(second, own)
      expect(got?.json()).toEqual([wanted])
      await got?.ackAck()
    }
    await second.close()
  })

  test('gets what it did not acknowledge again', async () => {
    await own.writer.write([message(own, 'again')])
    ;(await next(reader, own))?.nak()
    const got = await next(reader, own)
    expect(got?.json()).toEqual(['again'])
    await got?.ackAck()
  })

  test('that leaves 64 MiB unread is written no more, until it has read on; nothing of it is lost', async () => {
    const slow = await world.credential()
    const large = { ...message(slow, ''), bytes: new Uint8Array(4 * 1024 ** 2) }
    let count = 0
    const more = () => slow.writer.write([{ ...large, id: `message ${count}` }]).then(() => ++count)
    await expect(
      (async () => {
        while (count < 20) await more()
      })(),
    ).rejects.toThrow(SiemFull)
    expect(count).toBe(15)
    await expect(more()).rejects.toThrow(SiemFull)
    const connection = await world.reader(slow)
    await (await next(connection, slow))?.ackAck()
    expect(await more()).toBe(16)
    expect((await slow.writer.backlog()).unread).toBe(15)
    await connection.close()
  })

  test('has 8 connections and not one more', async () => {
    const connections = await Promise.all(Array.from({ length: 7 }, () => world.reader(own)))
    // The server says why, and is gone: a client may not get to read it.
    await expect(world.reader(own)).rejects.toThrow(/maximum|EPIPE|ECONNRESET|closed/i)
    await connections.pop()?.close()
    connections.push(await world.reader(own))
    await Promise.all(connections.map((each) => each.close()))
  })
})

describe('a reader may not subscribe to', () => {
  test.for([
    'audit.<other>.>',
    `audit.${OTHER_ORG}.>`,
    'audit.>',
    'audit.*.>',
    'audit.*.*.allow',
    '>',
    '*',
    '*.>',
    '_INBOX.>',
    '_INBOX_siem_<other credential>.>',
    '_INBOX_writer_<own>.>',
    '_INBOX_mcp-gateway.>',
    '_INBOX_siem.>',
    '$JS.>',
    '$JS.API.>',
    '$JS.ACK.>',
    '$JS.ACK.AUDIT.<own durable>.>',
    '$JS.EVENT.ADVISORY.>',
    '$KV.>',
    '$SYS.>',
    '$SYS.ACCOUNT.>',
    'rpc.>',
    'rpc.bus-keys.signReader',
    'evt.>',
    'job.>',
    'dead.>',
    'peer.>',
  ])('%s', async (subject) => {
    const refused = refusal(reader)
    reader.subscribe(fill(subject), { callback: () => undefined })
    expect(await refused).toMatch(/permissions violation for subscription/i)
  })
})

describe('a reader may not publish to', () => {
  test.for([
    'audit.<org>._.allow',
    'audit.<other>._.allow',
    'evt.projects.organizationDeleted',
    'job.mailer.send',
    'dead.audit.x',
    'peer.mcp-gateway.x',
    'rpc.projects.getMembership',
    'rpc.bus-keys.signReader',
    'rpc.bus-keys.setAccount',
    '$KV.policies.x',
    '$KV.keys.x',
    '$KV.entitlements.<org>',
    '$JS.API.INFO',
    '$JS.API.ACCOUNT.PURGE.x',
    '$JS.API.STREAM.NAMES',
    '$JS.API.STREAM.LIST',
    '$JS.API.STREAM.INFO.AUDIT',
    '$JS.API.STREAM.CREATE.MINE',
    '$JS.API.STREAM.UPDATE.AUDIT',
    '$JS.API.STREAM.DELETE.AUDIT',
    '$JS.API.STREAM.PURGE.AUDIT',
    '$JS.API.STREAM.SNAPSHOT.AUDIT',
    '$JS.API.STREAM.MSG.GET.AUDIT',
    '$JS.API.STREAM.MSG.DELETE.AUDIT',
    '$JS.API.DIRECT.GET.AUDIT',
    '$JS.API.DIRECT.GET.AUDIT.audit.<org>._.allow',
    '$JS.API.CONSUMER.CREATE.AUDIT',
    '$JS.API.CONSUMER.CREATE.AUDIT.mine',
    '$JS.API.CONSUMER.CREATE.AUDIT.mine.audit.<org>.>',
    '$JS.API.CONSUMER.DURABLE.CREATE.AUDIT.mine',
    '$JS.API.CONSUMER.DURABLE.CREATE.AUDIT.<own durable>',
    '$JS.API.CONSUMER.DELETE.AUDIT.<own durable>',
    '$JS.API.CONSUMER.DELETE.AUDIT.ingest-audit',
    '$JS.API.CONSUMER.NAMES.AUDIT',
    '$JS.API.CONSUMER.LIST.AUDIT',
    '$JS.API.CONSUMER.INFO.AUDIT.ingest-audit',
    '$JS.API.CONSUMER.INFO.AUDIT.<other durable>',
    '$JS.API.CONSUMER.MSG.NEXT.AUDIT.ingest-audit',
    '$JS.API.CONSUMER.MSG.NEXT.AUDIT.<other durable>',
    '$JS.ACK.AUDIT.ingest-audit.1.1.1.1.1',
    '$JS.ACK.AUDIT.<other durable>.1.1.1.1.1',
    '_INBOX.x',
    '_INBOX_siem_<own>.x',
    '_INBOX_siem_<other credential>.x',
    '_INBOX_mcp-gateway.x',
    '$SYS.REQ.CLAIMS.UPDATE',
    '$SYS.REQ.SERVER.PING',
    '$SYS.REQ.ACCOUNT.PING.CONNZ',
  ])('%s', async (subject) => {
    const refused = refusal(reader)
    reader.publish(fill(subject), '{}')
    expect(await refused).toMatch(/permissions violation for publish/i)
  })

  test('anything of more than 4 KiB', async () => {
    const large = fill('$JS.API.CONSUMER.MSG.NEXT.AUDIT.<own durable>')
    expect(reader.info?.max_payload).toBe(4_096)
    expect(() => reader.publish(large, 'x'.repeat(5_000))).toThrow(/max_payload/)
  })
})

/**
 * A server answers to whatever subject the asker names, with the server's rights and not the asker's. So an answer is the
 * one thing that a reader can have sent anywhere: in its own account.
 */
describe('a reader that has the server’s answers sent to', () => {
  test.for([
    '$JS.API.CONSUMER.DELETE.AUDIT.ingest-audit',
    '$JS.API.CONSUMER.DELETE.AUDIT.<other durable>',
    '$JS.API.STREAM.DELETE.EVENTS',
    '$JS.API.STREAM.PURGE.AUDIT',
    '$JS.ACK.AUDIT.ingest-audit.1.1.1.1.1',
    'audit.<other>._.allow',
    'audit.<org>._.allow',
    'evt.projects.organizationDeleted',
    'rpc.bus-keys.setAccount',
    '_INBOX_siem_<other credential>.x',
    '$SYS.REQ.CLAIMS.UPDATE',
  ])('%s changes nothing outside of its account', async (reply) => {
    await using quiet = await watched()
    const attacker = await world.credential()
    const connection = await world.reader(attacker)
    await attacker.writer.write([message(attacker, 'poison')])
    const ask = `$JS.API.CONSUMER.MSG.NEXT.AUDIT.${attacker.place.durable}`
    const info = `$JS.API.CONSUMER.INFO.AUDIT.${attacker.place.durable}`
    // An answer with the message, an answer without a body, and one with a body of the server's own.
    for (const [subject, body] of [
      [ask, '{"batch":1,"no_wait":true}'],
      [ask, '{"batch":1,"no_wait":true}'],
      [info, ''],
    ] as const) {
      connection.publish(subject, body, { reply: fill(reply) })
      await connection.flush()
    }
    expect(await quiet.state()).toEqual(quiet.before)
    expect(quiet.heard).toEqual([])
    await connection.close()
  })
})

/** The product's streams and consumers, and another reader's account, as they are; and whatever is said there meanwhile. */
async function watched() {
  const provision = await world.nats.raw('provision')
  const [rest, theirs] = [await world.nats.raw('rest-gateway'), await world.reader(other)]
  const heard: string[] = []
  const hear = (_error: unknown, got: { subject: string }) => void heard.push(got.subject)
  rest.subscribe('audit.>', { callback: hear })
  theirs.subscribe(other.place.subject, { callback: hear })
  theirs.subscribe(`${other.place.inbox_prefix}.x`, { callback: hear })
  await Promise.all([rest.flush(), theirs.flush()])
  const manager = await jetstreamManager(provision)
  const state = async () => {
    const all = []
    for (const name of ['AUDIT', 'EVENTS', 'JOBS', 'DEAD']) {
      const { state, config } = await manager.streams.info(name)
      const consumers = []
      for await (const each of manager.consumers.list(name)) consumers.push([each.name, each.ack_floor])
      all.push([config.name, state.last_seq, state.messages, consumers])
    }
    return [all, await other.writer.backlog()]
  }
  return {
    before: await state(),
    state,
    heard,
    async [Symbol.asyncDispose]() {
      await Promise.all([provision.close(), rest.close(), theirs.close()])
    },
  }
}
