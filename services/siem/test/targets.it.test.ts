// Webhook and syslog by themselves: what takes too long or ends too early.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { reachWithin } from '../src/reach.ts'
import type { Parcel } from '../src/parcels.ts'
import type { SyslogSettings } from '../src/settings.ts'
import { syslogTarget } from '../src/syslog.ts'
import { webhookTarget } from '../src/webhook.ts'
import { newSigningSecret } from '../src/secrets.ts'
import { certificateAuthority } from '@mcpshield/testkit/certificates'
import { syslogServer, webhookServer, type SyslogServer } from './receivers.ts'
import { decision } from './world.ts'

const ORG = '01a21f42-a7db-7187-8a54-33c49ceaf0c7'
const authority = certificateAuthority()
const tls = authority.issue({ dnsNames: ['localhost'] })
const never = new AbortController().signal

let server: SyslogServer
beforeEach(async () => {
  server = await syslogServer(tls)
})
afterEach(() => server[Symbol.asyncDispose]())

const settings = (): SyslogSettings => ({
  kind: 'syslog',
  host: 'localhost',
  port: server.port,
  max_message_bytes: 1_048_576,
  ca_certificate: authority.certificate,
})
const parcels = (count: number, size = 10): Parcel[] =>
  Array.from({ length: count }, () => {
    const event = { ...decision(ORG), arguments: { sql: 'x'.repeat(size) } }
    return { subject: `audit.${ORG}._.deny`, id: event.id, bytes: new Uint8Array(), events: [event] }
  })
const anywhere = reachWithin(undefined)

test('a syslog server that stops reading is given up in time', async () => {
  server.reads = false
  await using target = await syslogTarget(settings(), { reach: anywhere, timeoutMs: 700 }, never)
  const startedMs = performance.now()
  await expect(target.deliver(parcels(60, 500_000), never)).rejects.toThrow(/did not answer in time/)
  expect(performance.now() - startedMs).toBeLessThan(5_000)
})

test('a syslog server that ends the connection while it is written to has not taken anything', async () => {
  await using target = await syslogTarget(settings(), { reach: anywhere, settleMs: 5_000 }, never)
  const delivered = target.deliver(parcels(1), never)
  await expect.poll(() => server.messages.length).toBe(1)
  for (const socket of server.connections) socket.destroy()
  await expect(delivered).rejects.toThrow(/closed the connection|cut the connection/)
  expect(target.isOver()).toBe(true)
})

test('a name is connected to at the addresses that were looked at, and at no others', async () => {
  const asked: string[] = []
  const reach = reachWithin(undefined, async (host) => {
    asked.push(host)
    return ['127.0.0.1']
  })
  const elsewhere = { ...settings(), host: 'collector.example' }
  const failed = syslogTarget(elsewhere, { reach }, never)
  // It came through to the server, whose certificate is of another name.
  await expect(failed).rejects.toThrow(/is of another host/)
  expect(asked).toEqual(['collector.example'])
})

test('a webhook that does not answer is given up in time', async () => {
  await using stuck = await webhookServer(tls)
  stuck.answers = () => undefined
  const webhook = {
    kind: 'webhook' as const,
    url: stuck.url,
    body: 'array' as const,
    header_names: [],
    ca_certificate: authority.certificate,
  }
  const secrets = { signing_secret: newSigningSecret(), headers: {} }
  const deps = { reach: anywhere, now: () => new Date(), timeoutMs: 300 }
  await using target = webhookTarget(webhook, secrets, deps)
  await expect(target.deliver(parcels(1), never)).rejects.toThrow(/did not answer in time/)
})
