import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { create, toSyslog, tls, tryIt, uidsOf } from './forwarding.ts'
import { syslogServer, type SyslogServer } from './receivers.ts'
import { startWorld, untilState, type User, type World } from './world.ts'

let world: World
let user: User
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world[Symbol.asyncDispose]())
beforeEach(async () => {
  user = await world.owner()
})

describe('a syslog server', () => {
  let server: SyslogServer
  beforeEach(async () => {
    server = await syslogServer(tls)
  })
  afterEach(() => server[Symbol.asyncDispose]())

  const bodyOf = (message: string) =>
    JSON.parse(message.slice(message.indexOf('{'))) as Record<string, unknown>
  const uids = () => uidsOf(server.messages.map(bodyOf))

  test('is sent counted messages of RFC 5424, in order', async () => {
    const { id, signing_secret } = await create(user, toSyslog(server.port))
    expect(signing_secret).toBeNull()
    const wanted: string[] = []
    for (let at = 0; at < 4; at++) wanted.push(await world.record(user.orgId))
    await expect.poll(uids).toEqual(wanted)
    expect(server.messages.find((message) => message.includes(wanted[0] ?? ''))).toMatch(
      /^<108>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z mcpshield mcpshield - deny \[origin software="MCPShield"\] \{/,
    )
    expect(server.connections.size).toBe(1)
    await untilState(user, { forwarder_id: id }, 'running')
  })

  test('that is away is sent all of it when it is back', async () => {
    const { id } = await create(user, toSyslog(server.port))
    await expect.poll(() => server.messages.length).toBe(1)
    const { port } = server
    await server[Symbol.asyncDispose]()
    const missed = [await world.record(user.orgId), await world.record(user.orgId)]
    await untilState(user, { forwarder_id: id }, 'failing')
    server = await syslogServer(tls, port)
    await expect.poll(uids, { timeout: 30_000 }).toEqual(missed)
  })

  test('that cuts connections is sent what was written to them again', async () => {
    await create(user, toSyslog(server.port))
    await expect.poll(() => server.messages.length).toBe(1)
    const wanted: string[] = []
    for (let at = 0; at < 3; at++) {
      for (const socket of server.connections) socket.destroy()
      wanted.push(await world.record(user.orgId))
      await expect.poll(uids, { timeout: 30_000 }).toContain(wanted.at(-1))
    }
  })

  test('whose certificate is signed by an authority that was not named is told nothing', async () => {
    const { id } = await create(user, toSyslog(server.port, { ca_certificate: null }))
    expect(await tryIt(user, id)).toMatchObject({
      ok: false,
      detail: expect.stringContaining('signed by nobody who is trusted') as string,
    })
    expect(server.messages).toEqual([])
  })

  test('is sent a large event without its largest parts, which says so', async () => {
    await create(user, toSyslog(server.port, { max_message_bytes: 2_048 }))
    const id = await world.record(user.orgId, { arguments: { sql: 'x'.repeat(50_000) } })
    await expect.poll(uids).toContain(id)
    const message = server.messages.find((each) => each.includes(id)) ?? ''
    expect(Buffer.byteLength(message)).toBeLessThanOrEqual(2_048)
    expect(message).toContain('left out: the message would be too long')
  })
})
