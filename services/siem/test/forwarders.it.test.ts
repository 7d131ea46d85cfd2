import { randomBytes, randomUUID } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { projects } from '@mcpshield/contracts/projects'
import { siem } from '@mcpshield/contracts/siem'
import { certificateAuthority } from '@mcpshield/testkit/certificates'
import { syslogServer, webhookServer, type SyslogServer, type WebhookServer } from './receivers.ts'
import { decision, MASTER_KEY, startWorld, untilState, type User, type World } from './world.ts'

const authority = certificateAuthority()
const ca_certificate = authority.certificate
const tls = authority.issue({ dnsNames: ['localhost'], addresses: ['127.0.0.1'] })

let world: World
let user: User
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world[Symbol.asyncDispose]())
beforeEach(async () => {
  user = await world.owner()
})

const toWebhook = (url: string, over: object = {}) => ({
  kind: 'webhook' as const,
  url,
  ca_certificate,
  ...over,
})
const toSyslog = (port: number, over: object = {}) => ({
  kind: 'syslog' as const,
  host: 'localhost',
  port,
  ca_certificate,
  ...over,
})
type Destination = ReturnType<typeof toWebhook> | ReturnType<typeof toSyslog>
const create = (by: User, destination: Destination, name = 'Collector') =>
  by.call(siem.rpc.createSiemForwarder, { name, destination })
const get = (by: User, forwarder_id: string) => by.call(siem.rpc.getSiemForwarder, { forwarder_id })
const update = (by: User, forwarder_id: string, change: object) =>
  by.call(siem.rpc.updateSiemForwarder, { forwarder_id, ...change })
const tryIt = (by: User, forwarder_id: string) => by.call(siem.rpc.testSiemForwarder, { forwarder_id })

type Ocsf = { metadata: { uid: string; tenant_uid: string }; unmapped: { kind: string } } & Record<
  string,
  unknown
>
/** Of calls that were decided. What was done to the forwarders themselves comes too, some time in between. */
const uidsOf = (events: Record<string, unknown>[]) =>
  (events as Ocsf[])
    .filter(({ unmapped }) => unmapped.kind === 'decision')
    .map(({ metadata }) => metadata.uid)

describe('a webhook', () => {
  let server: WebhookServer
  beforeEach(async () => {
    server = await webhookServer(tls)
  })
  afterEach(() => server[Symbol.asyncDispose]())

  test('is sent the organisation’s events in OCSF, in order, and no other’s', async () => {
    const { id } = await create(user, toWebhook(server.url))
    const other = await world.owner()
    await create(other, toWebhook(server.url.replace('/events', '/others')))
    const wanted: string[] = []
    for (let at = 0; at < 4; at++) {
      wanted.push(await world.record(user.orgId))
      await world.record(other.orgId)
    }
    const mine = () =>
      (server.events() as Ocsf[]).filter(({ metadata }) => metadata.tenant_uid === user.orgId)
    await expect.poll(() => uidsOf(mine())).toEqual(wanted)
    expect(mine().find(({ unmapped }) => unmapped.kind === 'decision')).toMatchObject({
      class_uid: 6003,
      metadata: { version: '1.4.0', event_code: 'decision', tenant_uid: user.orgId },
      api: { operation: 'postgres.query' },
      firewall_rule: { name: 'no-customers' },
    })
    for (const { body } of server.requests) {
      const tenants = (JSON.parse(body) as Ocsf[]).map(({ metadata }) => metadata.tenant_uid)
      expect(new Set(tenants).size).toBe(1)
    }
    const stands = async () => {
      const { state, last_success_at, last_error, pending } = await get(user, id)
      return [state, typeof last_success_at, last_error, pending]
    }
    await expect.poll(stands).toEqual(['running', 'string', null, 0])
  })

  test('can tell by the signature that they are ours, with the secret that is shown once', async () => {
    const { id, signing_secret } = await create(user, toWebhook(server.url))
    await expect.poll(() => server.requests.length).toBeGreaterThan(0)
    const verify = (secret: string | null, at: number) => {
      const { body, headers } = server.requests.at(at)!
      return new Webhook(secret ?? '').verify(body, headers)
    }
    expect(verify(signing_secret, 0)).toHaveLength(1)
    expect(() => verify(`whsec_${randomBytes(32).toString('base64')}`, 0)).toThrow()
    expect(JSON.stringify(await get(user, id))).not.toContain(signing_secret)

    const { signing_secret: next } = await update(user, id, { rotate_secret: true })
    expect(next).toMatch(/^whsec_/)
    const isSignedBy = (secret: string | null) => {
      try {
        return verify(secret, -1) !== undefined
      } catch {
        return false
      }
    }
    // Within a second or two, when the instance that runs it has seen the change.
    await expect.poll(() => world.record(user.orgId).then(() => isSignedBy(next))).toBe(true)
    expect(isSignedBy(signing_secret)).toBe(false)
  })

  test('is sent headers that are sealed, and shown by their names only', async () => {
    const secret = `Splunk ${randomUUID()}`
    const forwarder = await create(user, toWebhook(server.url, { headers: { Authorization: secret } }))
    await expect.poll(() => server.requests[0]?.headers.authorization).toBe(secret)
    expect(forwarder.destination).toMatchObject({ header_names: ['Authorization'] })
    const [row] = await world.rows<{ settings: object; sealed: string }>(
      'select settings, sealed from siem.feeds where id = $1',
      [forwarder.id],
    )
    const outbox = await world.rows('select * from siem.outbox')
    expect(JSON.stringify([row, outbox, await get(user, forwarder.id)])).not.toContain(secret)
    expect(row?.sealed).toMatch(/^v1\./)
  })

  test('can be sent one event a line', async () => {
    await create(user, toWebhook(server.url, { body: 'lines' }))
    const id = await world.record(user.orgId)
    await expect.poll(() => uidsOf(server.events())).toContain(id)
    expect(server.requests[0]?.headers['content-type']).toBe('application/x-ndjson')
  })

  test('that fails is told again, and nothing is lost or skipped', async () => {
    let failures = 2
    server.answers = () => ({ status: failures-- > 0 ? 500 : 204 })
    const { id } = await create(user, toWebhook(server.url))
    const wanted = [await world.record(user.orgId), await world.record(user.orgId)]
    await untilState(user, { forwarder_id: id }, 'failing')
    expect((await get(user, id)).last_error?.message).toBe(`localhost:${server.port} answered 500.`)
    await expect.poll(() => uidsOf(server.events())).toEqual(wanted)
    await untilState(user, { forwarder_id: id }, 'running')
    expect((await get(user, id)).last_error).toBeNull()
    // A repeated request has the id that it had: who has taken it already can tell.
    const [first, second] = server.requests
    expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id'])
  })

  test('that is away is told all of it when it is back, by an instance that was started meanwhile', async () => {
    const { id } = await create(user, toWebhook(server.url))
    await expect.poll(() => server.events().length).toBe(1)
    const { port } = server
    await server[Symbol.asyncDispose]()
    const missed: string[] = []
    for (let at = 0; at < 3; at++) missed.push(await world.record(user.orgId))
    await untilState(user, { forwarder_id: id }, 'failing')
    expect((await get(user, id)).last_error?.message).toMatch(/^Nobody listens at localhost:\d+\.$/)
    expect((await get(user, id)).pending).toBe(3)
    await world.restart()
    server = await webhookServer(tls, port)
    await expect.poll(() => uidsOf(server.events()), { timeout: 30_000 }).toEqual(missed)
  })

  test('that keeps us waiting holds up no other', async () => {
    const stuck = await webhookServer(tls)
    stuck.answers = () => undefined
    await create(user, toWebhook(stuck.url), 'Stuck')
    await create(user, toWebhook(server.url), 'Quick')
    await expect.poll(() => stuck.requests.length).toBeGreaterThan(0)
    const startedMs = performance.now()
    const id = await world.record(user.orgId)
    await expect.poll(() => uidsOf(server.events())).toContain(id)
    expect(performance.now() - startedMs).toBeLessThan(5_000)
    await stuck[Symbol.asyncDispose]()
  })

  test('that takes only few at once is told in halves', async () => {
    await update(user, (await create(user, toWebhook(server.url))).id, { enabled: false })
    const quiet = await world.owner()
    server.answers = ({ body }) => ({ status: (JSON.parse(body) as object[]).length > 2 ? 413 : 204 })
    const forwarder = await create(quiet, toWebhook(server.url))
    const wanted = await Promise.all(Array.from({ length: 9 }, () => world.record(quiet.orgId)))
    const mine = () => uidsOf(server.events()).filter((uid) => wanted.includes(uid))
    await expect.poll(() => [...mine()].sort()).toEqual([...wanted].sort())
    await untilState(quiet, { forwarder_id: forwarder.id }, 'running')
  })

  test('that redirects is not followed', async () => {
    const inside = await webhookServer(tls)
    server.answers = () => ({ status: 307, location: inside.url })
    const { id } = await create(user, toWebhook(server.url))
    expect(await tryIt(user, id)).toMatchObject({
      ok: false,
      detail: `localhost:${server.port} answered 307: redirects are not followed. Name the address itself.`,
    })
    expect(inside.requests).toEqual([])
    await inside[Symbol.asyncDispose]()
  })

  test('is asked on request, with an event that is in no record, and what came back is said', async () => {
    const { id } = await create(user, toWebhook(server.url))
    expect(await tryIt(user, id)).toMatchObject({ ok: true, detail: 'It took the event.' })
    const said = server
      .events()
      .find((each) => String(each.status_detail).startsWith('A test of the SIEM forwarder'))
    expect(said).toMatchObject({ api: { operation: 'testSiemForwarder' } })
    server.answers = () => ({ status: 401 })
    expect(await tryIt(user, id)).toMatchObject({
      ok: false,
      detail: expect.stringContaining('answered 401') as string,
    })
  })

  describe('whose certificate', () => {
    test('is signed by an authority that was not named is told nothing', async () => {
      const { id } = await create(user, toWebhook(server.url, { ca_certificate: null }))
      expect(await tryIt(user, id)).toMatchObject({
        ok: false,
        detail: expect.stringContaining('signed by nobody who is trusted') as string,
      })
      const other = certificateAuthority('Another').certificate
      const second = await create(user, toWebhook(server.url, { ca_certificate: other }))
      expect((await tryIt(user, second.id)).ok).toBe(false)
      expect(server.requests).toEqual([])
    })

    test.for([
      ['is of another host', { dnsNames: ['elsewhere.example'] }, 'is of another host'],
      ['has expired', { dnsNames: ['localhost'], expired: true }, 'has expired'],
    ] as const)('%s is told nothing', async ([, files, words]) => {
      await using wrong = await webhookServer(authority.issue({ ...files, dnsNames: [...files.dnsNames] }))
      const { id } = await create(user, toWebhook(wrong.url))
      expect(await tryIt(user, id)).toMatchObject({
        ok: false,
        detail: expect.stringContaining(words) as string,
      })
      expect(wrong.requests).toEqual([])
    })
  })

  describe('that is changed', () => {
    const headers = { Authorization: 'secret-of-the-first' }

    test('is sent its headers on as long as they go to the same server', async () => {
      const { id } = await create(user, toWebhook(server.url, { headers }))
      const { destination } = await update(user, id, { destination: toWebhook(`${server.url}/other-path`) })
      expect(destination).toMatchObject({ header_names: ['Authorization'] })
      await world.record(user.orgId)
      await expect.poll(() => server.requests.at(-1)?.headers.authorization).toBe(headers.Authorization)
    })

    test('to another server, or another authority, is not sent what was for the first', async () => {
      await using other = await webhookServer(tls)
      const { id } = await create(user, toWebhook(server.url, { headers }))
      const moved = await update(user, id, { destination: toWebhook(other.url) })
      expect(moved.destination).toMatchObject({ header_names: [] })
      await world.record(user.orgId)
      await expect.poll(() => other.requests.length).toBeGreaterThan(0)
      expect(other.requests.map((each) => each.headers.authorization)).not.toContain(headers.Authorization)
      const second = await create(user, toWebhook(server.url, { headers }))
      const trusting = toWebhook(server.url, { ca_certificate: certificateAuthority().certificate })
      expect((await update(user, second.id, { destination: trusting })).destination).toMatchObject({
        header_names: [],
      })
    })

    test('stays what it is', async () => {
      const { id } = await create(user, toWebhook(server.url))
      await expect(update(user, id, { destination: toSyslog(6_514) })).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        details: { errors: [{ path: 'destination.kind' }] },
      })
    })
  })

  test('that is paused is told nothing, and afterwards what it missed', async () => {
    const { id } = await create(user, toWebhook(server.url))
    await expect.poll(() => server.events().length).toBe(1)
    expect((await update(user, id, { enabled: false })).state).toBe('paused')
    const missed = await world.record(user.orgId)
    await expect.poll(async () => (await get(user, id)).pending).toBe(2)
    expect(uidsOf(server.events())).not.toContain(missed)
    await update(user, id, { enabled: true })
    await expect.poll(() => uidsOf(server.events())).toContain(missed)
  })

  test('rests while the plan is another, and is told afterwards what it missed', async () => {
    const { id } = await create(user, toWebhook(server.url))
    await expect.poll(() => server.events().length).toBe(1)
    await world.setPlan(user.orgId, 'pro')
    await untilState(user, { forwarder_id: id }, 'resting')
    await expect(tryIt(user, id)).rejects.toMatchObject({ code: 'QUOTA_EXCEEDED' })
    await expect(create(user, toWebhook(server.url))).rejects.toMatchObject({ code: 'QUOTA_EXCEEDED' })
    const missed = await world.record(user.orgId)
    await world.setPlan(user.orgId, 'enterprise')
    await expect.poll(() => uidsOf(server.events())).toContain(missed)
  })

  test.for(['deleted', 'of a deleted organisation'] as const)(
    'that is %s is told nothing more, and leaves nothing behind',
    async (how) => {
      const { id } = await create(user, toWebhook(server.url))
      await expect.poll(() => server.events().length).toBe(1)
      if (how === 'deleted') await user.call(siem.rpc.deleteSiemForwarder, { forwarder_id: id })
      else
        await world.projects.publish(projects.evt.organizationDeleted, { org_id: user.orgId }, randomUUID())
      await expect.poll(() => durables()).not.toContain(`siem-${id}`)
      await expect(get(user, id)).rejects.toMatchObject({ code: 'NOT_FOUND' })
      const late = await world.record(user.orgId)
      // The round in which every instance has looked at what is set up.
      await (await world.another())[Symbol.asyncDispose]()
      expect(uidsOf(server.events())).not.toContain(late)
      expect(await durables()).not.toContain(`siem-${id}`)
    },
  )

  test('is told by one of two instances at a time, and by the other when that one ends', async () => {
    await using beside = await world.another()
    void beside
    await create(user, toWebhook(server.url))
    const wanted = await Promise.all(Array.from({ length: 5 }, () => world.record(user.orgId)))
    const mine = () => uidsOf(server.events())
    await expect.poll(() => mine().length).toBe(5)
    expect(mine().sort()).toEqual(wanted.sort())
    await world.restart()
    const next = await world.record(user.orgId)
    await expect.poll(() => mine(), { timeout: 30_000 }).toContain(next)
    expect(mine().filter((uid) => uid === next)).toHaveLength(1)
  })
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
  ])('%s: %s', async ([host]) => {
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

async function durables(): Promise<string[]> {
  const connection = await world.nats.raw('provision')
  const reply = await connection.request('$JS.API.CONSUMER.NAMES.AUDIT', '')
  await connection.close()
  return reply.json<{ consumers: string[] }>().consumers
}
