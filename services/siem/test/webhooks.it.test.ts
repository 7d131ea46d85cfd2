import { randomBytes, randomUUID } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { projects } from '@mcpshield/contracts/projects'
import { siem } from '@mcpshield/contracts/siem'
import { certificateAuthority } from '@mcpshield/testkit/certificates'
import {
  authority,
  create,
  get,
  toSyslog,
  toWebhook,
  tls,
  tryIt,
  uidsOf,
  update,
  type Ocsf,
} from './forwarding.ts'
import { webhookServer, type WebhookServer } from './receivers.ts'
import { durablesOf, startWorld, untilState, type User, type World } from './world.ts'

let world: World
let user: User
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world[Symbol.asyncDispose]())
beforeEach(async () => {
  user = await world.owner()
})

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
    // Once or, by the instance that ended and by the next, twice.
    const told = () => [...new Set(uidsOf(server.events()))].sort()
    await expect.poll(told, { timeout: 30_000 }).toEqual([...missed].sort())
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
      await expect.poll(() => world.record(user.orgId).then(() => other.requests.length)).toBeGreaterThan(0)
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
    // Within a second, when the instance that runs it has seen that: from then on they wait.
    let missed = ''
    const waiting = async () => {
      missed = await world.record(user.orgId)
      return (await get(user, id)).pending
    }
    await expect.poll(waiting).toBeGreaterThan(3)
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
      await expect.poll(() => durablesOf(world)).not.toContain(`siem-${id}`)
      await expect(get(user, id)).rejects.toMatchObject({ code: 'NOT_FOUND' })
      const late = await world.record(user.orgId)
      // The round in which every instance has looked at what is set up.
      await (await world.another())[Symbol.asyncDispose]()
      expect(uidsOf(server.events())).not.toContain(late)
      expect(await durablesOf(world)).not.toContain(`siem-${id}`)
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
