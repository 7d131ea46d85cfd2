// Credentials on a NATS of their own, which customers may reach: nothing of the product's bus is there.
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect as connectNats, credsAuthenticator } from 'nats'
import { expect, test } from 'vitest'
import type { AuditEvent } from '@mcpshield/contracts/audit'
import { siem } from '@mcpshield/contracts/siem'
import { silent, startTestBus } from '@mcpshield/testkit/bus'
import { startWorld, untilState } from './world.ts'

test('a credential reads there, is unknown to the product’s server, and is revoked there', async () => {
  await using others = await startTestBus(silent)
  await using world = await startWorld({}, { others })
  const user = await world.owner()
  const mine = await user.call(siem.rpc.createSiemCredential, { name: 'Outside' })
  expect(mine.connection.url).toBe(others.url)
  const reader = await world.reader(mine)
  const id = await world.record(user.orgId)
  const consumer = await jetstream(reader).consumers.get(mine.connection.stream, mine.connection.durable)
  const seen: string[] = []
  while (!seen.includes(id)) {
    const message = await consumer.next({ expires: 10_000 })
    if (message === null) break
    seen.push(...message.json<AuditEvent[]>().map((event) => event.id))
    await message.ackAck()
  }
  expect(seen).toContain(id)

  const authenticator = credsAuthenticator(new TextEncoder().encode(mine.creds))
  await expect(connectNats({ servers: world.nats.url, authenticator, reconnect: false })).rejects.toThrow()
  const there = await others.raw('provision')
  const { state } = await (await jetstreamManager(there)).streams.info('AUDIT')
  await there.close()
  expect(state.messages).toBe(0)

  const ended = reader.closed()
  await user.call(siem.rpc.revokeSiemCredential, { credential_id: mine.id })
  await ended
  await untilState(user, { credential_id: mine.id }, 'revoked')
})
