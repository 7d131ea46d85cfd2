import { randomBytes, randomUUID } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { siem } from '@mcpshield/contracts/siem'
import { create, get, toSyslog, toWebhook, tls, tryIt, uidsOf, update } from './forwarding.ts'
import { webhookServer } from './receivers.ts'
import { decision, MASTER_KEY, startWorld, type User, type World } from './world.ts'

let world: World
let user: User
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world[Symbol.asyncDispose]())
beforeEach(async () => {
  user = await world.owner()
})

describe('what this installation does not send to', () => {
  beforeAll(() => world.restart({ FORWARDER_EGRESS: 'public' }))
  afterAll(() => world.restart())

  test.for([
    ['127.0.0.1', 'loopback'],
    ['localhost', 'a name of it'],
    ['[::1]', 'loopback of IPv6'],
    ['10.1.2.3', 'a private network'],
    ['169.254.169.254', 'metadata of a cloud'],
    ['[::ffff:127.0.0.1]', 'loopback in disguise'],
  ] as const)('%s: %s', async ([host]) => {
    await using server = await webhookServer(tls)
    const webhook = await create(user, toWebhook(`https://${host}:${server.port}/`))
    const syslog = await create(user, { ...toSyslog(server.port), host: host.replace(/^\[|\]$/g, '') })
    for (const { id } of [webhook, syslog])
      expect(await tryIt(user, id)).toMatchObject({
        ok: false,
        detail: expect.stringMatching(/does not connect to the host .* \(FORWARDER_EGRESS\)/) as string,
      })
    expect(server.requests).toEqual([])
  })
})

describe('what is refused', () => {
  test.for([
    ['http', { kind: 'webhook', url: 'http://example.com/' }, 'destination.url'],
    ['credentials in the URL', { kind: 'webhook', url: 'https://a:b@example.com/' }, 'destination.url'],
    [
      'a header of ours',
      { kind: 'webhook', url: 'https://example.com/', headers: { 'Webhook-Signature': 'v1,x' } },
      'destination.headers.Webhook-Signature',
    ],
    [
      'the Host header',
      { kind: 'webhook', url: 'https://example.com/', headers: { Host: 'inside' } },
      'destination.headers.Host',
    ],
    [
      'a header with a line break',
      { kind: 'webhook', url: 'https://example.com/', headers: { A: 'a\r\nB: b' } },
      'destination.headers.A',
    ],
    [
      'a certificate that is none',
      {
        kind: 'webhook',
        url: 'https://example.com/',
        ca_certificate: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
      },
      'destination.ca_certificate',
    ],
    ['a path as a host', { kind: 'syslog', host: '/tmp/socket' }, 'destination.host'],
    ['another kind', { kind: 'email' }, 'destination.kind'],
  ] as const)('%s', async ([, destination, path]) => {
    const input = { name: 'Wrong', destination } as never
    await expect(user.call(siem.rpc.createSiemForwarder, input)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { errors: [expect.objectContaining({ path })] },
    })
  })

  test('an eleventh forwarder', async () => {
    const destination = toWebhook('https://example.com/')
    for (let at = 0; at < 10; at++)
      await user.call(siem.rpc.createSiemForwarder, { name: `No. ${at}`, destination, enabled: false })
    await expect(create(user, destination)).rejects.toMatchObject({
      details: { type: 'too_many_siem_forwarders' },
    })
    expect((await user.call(siem.rpc.listSiemForwarders, {})).items).toHaveLength(10)
  })

  test('another organisation’s forwarder', async () => {
    const { id: forwarder_id } = await create(user, toWebhook('https://example.com/'))
    const stranger = await world.owner()
    const gone = { code: 'NOT_FOUND' }
    await expect(get(stranger, forwarder_id)).rejects.toMatchObject(gone)
    await expect(update(stranger, forwarder_id, { enabled: false })).rejects.toMatchObject(gone)
    await expect(tryIt(stranger, forwarder_id)).rejects.toMatchObject(gone)
    await expect(stranger.call(siem.rpc.deleteSiemForwarder, { forwarder_id })).rejects.toMatchObject(gone)
    expect((await stranger.call(siem.rpc.listSiemForwarders, {})).items).toEqual([])
  })

  test.for(['viewer', 'editor'] as const)('a member who is %s', async (role) => {
    const member = user.as(role)
    const refused = { code: 'PERMISSION_DENIED' }
    await expect(member.call(siem.rpc.listSiemForwarders, {})).rejects.toMatchObject(refused)
    await expect(create(member, toWebhook('https://example.com/'))).rejects.toMatchObject(refused)
  })
})

test('secrets open under the master key before the present one, and are sealed anew', async () => {
  await using server = await webhookServer(tls)
  const { id, signing_secret } = await create(user, toWebhook(server.url))
  const sealedNow = async () =>
    (await world.rows<{ sealed: string }>('select sealed from siem.feeds where id = $1', [id]))[0]?.sealed
  const before = await sealedNow()
  const MASTER_KEY_NEXT = randomBytes(32).toString('hex')
  await world.restart({ MASTER_KEY: MASTER_KEY_NEXT, MASTER_KEY_PREVIOUS: MASTER_KEY })
  const after = await sealedNow()
  expect(after?.split('.')[1]).not.toBe(before?.split('.')[1])
  await world.restart({ MASTER_KEY: MASTER_KEY_NEXT })
  expect((await tryIt(user, id)).ok).toBe(true)
  const last = server.requests.at(-1)!
  expect(() => new Webhook(signing_secret ?? '').verify(last.body, last.headers)).not.toThrow()
  await world.restart({ MASTER_KEY, MASTER_KEY_PREVIOUS: MASTER_KEY_NEXT })
})

test('an event that says it is another organisation’s is not carried, whatever its subject says', async () => {
  await using server = await webhookServer(tls)
  await create(user, toWebhook(server.url))
  await expect.poll(() => server.events().length).toBe(1)
  const gateway = await world.nats.raw('mcp-gateway')
  const foreign = decision(randomUUID())
  gateway.publish(`audit.${user.orgId}._.deny`, JSON.stringify([foreign]))
  gateway.publish(`audit.${user.orgId}._.deny`, 'not JSON')
  await gateway.flush()
  await gateway.close()
  const own = await world.record(user.orgId)
  await expect.poll(() => uidsOf(server.events())).toContain(own)
  expect(uidsOf(server.events())).not.toContain(foreign.id)
})
