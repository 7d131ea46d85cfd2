import { randomUUID, randomUUIDv7 } from 'node:crypto'
import { jetstream } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { AuditEvent } from '@mcpshield/contracts/audit'
import { projects } from '@mcpshield/contracts/projects'
import { siem, type SiemCredential } from '@mcpshield/contracts/siem'
import { connectDb } from '@mcpshield/db/connect'
import { database } from '../src/entities.ts'
import { durablesOf, startWorld, untilState, type User, type World } from './world.ts'

let world: World
let user: User
beforeAll(async () => {
  world = await startWorld()
  user = await world.owner()
})
afterAll(() => world[Symbol.asyncDispose]())

const create = (by: User, name = 'Splunk') => by.call(siem.rpc.createSiemCredential, { name })
const state = async (by: User, credential_id: string) =>
  (await by.call(siem.rpc.getSiemCredential, { credential_id })).state

/** Ids of the next events of the durable, acknowledged. */
async function read(
  connection: NatsConnection,
  { connection: at }: SiemCredential,
  count: number,
  expires = 5_000,
): Promise<string[]> {
  const consumer = await jetstream(connection).consumers.get(at.stream, at.durable)
  const ids: string[] = []
  while (ids.length < count) {
    const message = await consumer.next({ expires })
    if (message === null) break
    ids.push(...message.json<AuditEvent[]>().map((event) => event.id))
    await message.ackAck()
  }
  return ids
}

test('the migrations make the tables that the entities say', async () => {
  await using db = await connectDb(database(world.schema.url))
  const difference = await db.orm.schema.getUpdateSchemaSQL({ wrap: false })
  // Row-level security is the database's own: entities do not know it.
  const isKnown = /row level security|drop policy "tenant"/
  expect(difference.split('\n').filter((line) => line !== '' && !isKnown.test(line))).toEqual([])
})

describe('a credential', () => {
  test('reads its organisation’s events, in their order, and no other’s', async () => {
    const [one, other] = [await world.owner(), await world.owner()]
    const [mine, theirs] = [await create(one), await create(other)]
    const connection = await world.reader(mine)
    const wanted = []
    for (let at = 0; at < 5; at++) {
      await world.record(other.orgId)
      wanted.push(await world.record(one.orgId, { project_id: at % 2 ? null : randomUUID() }))
    }
    // Its own making is the first thing that it reads: it is a change of the organisation's.
    const ids = await read(connection, mine, 6)
    expect(ids.slice(1)).toEqual(wanted)
    const theirConnection = await world.reader(theirs)
    expect(await read(theirConnection, theirs, 6)).toHaveLength(6)
    expect(await read(theirConnection, theirs, 1, 1_000)).toEqual([])
    await Promise.all([connection.close(), theirConnection.close()])
  })

  test('sees events as they come by a plain subscription', async () => {
    const one = await world.owner()
    const mine = await create(one)
    const connection = await world.reader(mine)
    const seen: string[] = []
    connection.subscribe(mine.connection.subject, {
      callback: (_error, message) => void seen.push(...message.json<AuditEvent[]>().map(({ id }) => id)),
    })
    await connection.flush()
    const id = await world.record(one.orgId)
    await expect.poll(() => seen).toContain(id)
    await connection.close()
  })

  test('catches up with what came while its reader was away, siem was ended and the server killed', async () => {
    const one = await world.owner()
    const mine = await create(one)
    const before = await world.reader(mine)
    const first = await world.record(one.orgId)
    expect(await read(before, mine, 2)).toContain(first)
    await before.close()
    const missed = [await world.record(one.orgId)]
    await world.restart()
    const pid = world.nats.pid() ?? 0
    process.kill(pid, 'SIGKILL')
    await expect.poll(() => world.nats.pid()).not.toBe(pid)
    await expect
      .poll(
        () =>
          world.record(one.orgId).then(
            (id) => missed.push(id) > 0,
            () => false,
          ),
        { timeout: 20_000 },
      )
      .toBe(true)
    const after = await world.reader(mine)
    // In whatever order: what was on its way when the server died comes again a little later.
    const caughtUp: string[] = []
    await expect
      .poll(async () => caughtUp.push(...(await read(after, mine, 1))) && [...caughtUp].sort(), {
        timeout: 30_000,
      })
      .toEqual([...missed].sort())
    await after.close()
  })

  test('is listed with who made it and how it stands, without what its holder was given', async () => {
    const one = await world.owner()
    const { creds, ...mine } = await create(one, 'Elastic')
    expect(creds).toMatch(/BEGIN NATS USER JWT[\s\S]+BEGIN USER NKEY SEED/)
    const { items } = await one.call(siem.rpc.listSiemCredentials, {})
    expect(items).toMatchObject([
      { id: mine.id, name: 'Elastic', state: 'active', created_by: one.caller.user_id, revoked_at: null },
    ])
    expect(JSON.stringify(items)).not.toContain('SEED')
    expect(mine.connection).toEqual({
      url: world.nats.url,
      stream: 'AUDIT',
      durable: `siem-${mine.id}`,
      subject: `audit.${one.orgId}.>`,
      inbox_prefix: `_INBOX_siem_${mine.id}`,
    })
    const connection = await world.reader({ ...mine, creds })
    await world.record(one.orgId)
    expect(await read(connection, mine, 2)).toHaveLength(2)
    const stands = async () => {
      const { pending, last_read_at } = await one.call(siem.rpc.getSiemCredential, { credential_id: mine.id })
      return [pending, typeof last_read_at]
    }
    await expect.poll(stands).toEqual([0, 'string'])
    await connection.close()
    await world.record(one.orgId)
    await expect.poll(async () => (await stands())[0]).toBe(1)
  })

  test('is cut within seconds of being revoked, refused from then on, and what it held is removed', async () => {
    const mine = await create(user)
    const connection = await world.reader(mine)
    const ended = connection.closed()
    const startedMs = performance.now()
    await user.call(siem.rpc.revokeSiemCredential, { credential_id: mine.id })
    await ended
    // 0.2 s where the machine has nothing else to do.
    expect(performance.now() - startedMs).toBeLessThan(5_000)
    await expect(world.reader(mine)).rejects.toThrow()
    await untilState(user, { credential_id: mine.id }, 'revoked')
    const of = async () =>
      (
        await world.rows<{ account_state: string }>('select account_state from siem.feeds where id = $1', [
          mine.id,
        ])
      )[0]
    await expect.poll(of, { timeout: 20_000 }).toEqual({ account_state: 'closed' })
    const consumers = await durablesOf(world)
    expect(consumers).not.toContain(mine.connection.durable)
    await expect(world.reader(mine)).rejects.toThrow()
    // Once more is no error, and changes nothing.
    await user.call(siem.rpc.revokeSiemCredential, { credential_id: mine.id })
  })

  test('that the servers know as revoked stays so when the database is restored to a time before', async () => {
    const one = await world.owner()
    const mine = await create(one)
    await one.call(siem.rpc.revokeSiemCredential, { credential_id: mine.id })
    const row = async () =>
      (
        await world.rows<{ account_state: string; revoked: boolean }>(
          'select account_state, revoked_at is not null as revoked from siem.feeds where id = $1',
          [mine.id],
        )
      )[0]
    await expect.poll(row, { timeout: 20_000 }).toEqual({ account_state: 'closed', revoked: true })
    await world.rows('update siem.feeds set account_state = null, revoked_at = null where id = $1', [mine.id])
    await expect.poll(row, { timeout: 20_000 }).toEqual({ account_state: 'closed', revoked: true })
    expect(await state(one, mine.id)).toBe('revoked')
    await expect(world.reader(mine)).rejects.toThrow()
  })

  test('expires when it was said to', async () => {
    const expires_at = new Date(Date.now() + 4_000).toISOString()
    const mine = await user.call(siem.rpc.createSiemCredential, { name: 'Short', expires_at })
    const connection = await world.reader(mine)
    await connection.closed()
    await untilState(user, { credential_id: mine.id }, 'expired')
    // NATS counts in whole seconds: within the last one it lets a connection in, and ends it.
    await vi.waitFor(() => expect(world.reader(mine)).rejects.toThrow(), { timeout: 5_000, interval: 200 })
  })

  test('is told no time that has passed', async () => {
    const expires_at = new Date(Date.now() - 1_000).toISOString()
    await expect(
      user.call(siem.rpc.createSiemCredential, { name: 'Late', expires_at }),
    ).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { errors: [{ path: 'expires_at', message: 'must lie in the future' }] },
    })
  })

  test('is another organisation’s as little to see as to revoke', async () => {
    const mine = await create(user)
    const stranger = await world.owner()
    const of = { credential_id: mine.id }
    await expect(stranger.call(siem.rpc.getSiemCredential, of)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(stranger.call(siem.rpc.revokeSiemCredential, of)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
    expect((await stranger.call(siem.rpc.listSiemCredentials, {})).items).toEqual([])
    expect(await state(user, mine.id)).toBe('active')
  })

  test('there are 10 at most', async () => {
    const one = await world.owner()
    // Those before the last are no more than rows: none of them is asked for anything here.
    for (let at = 0; at < 9; at++)
      await world.rows(
        `insert into siem.feeds (id, org_id, kind, name, settings, enabled, created_at, updated_at, opened_at, account_state, revision)
         values ($1, $2, 'credential', $3, '{"kind":"credential"}', false, now(), now(), now(), 'open', 1)`,
        [randomUUIDv7(), one.orgId, `No. ${at}`],
      )
    await create(one, 'No. 9')
    await expect(create(one)).rejects.toMatchObject({ details: { type: 'too_many_siem_credentials' } })
    const { items, next_cursor } = await one.call(siem.rpc.listSiemCredentials, { limit: 4 })
    expect(items.map(({ name }) => name)).toEqual(['No. 9', 'No. 8', 'No. 7', 'No. 6'])
    const page = await one.call(siem.rpc.listSiemCredentials, { limit: 4, cursor: next_cursor ?? '' })
    expect(page.items.map(({ name }) => name)).toEqual(['No. 5', 'No. 4', 'No. 3', 'No. 2'])
    await one.call(siem.rpc.revokeSiemCredential, { credential_id: items[0]?.id ?? '' })
    await create(one, 'In its place')
  })
})

describe('the plan', () => {
  test.for(['free', 'pro'] as const)('%s does not include it', async (plan) => {
    const one = await world.owner(plan)
    await expect(create(one)).rejects.toMatchObject({
      code: 'QUOTA_EXCEEDED',
      details: { type: 'plan_limit_siem' },
    })
    expect((await one.call(siem.rpc.listSiemCredentials, {})).items).toEqual([])
  })

  test('that ends lets it rest, and what came meanwhile is there when it is back', async () => {
    const one = await world.owner()
    const mine = await create(one)
    const connection = await world.reader(mine)
    const ended = connection.closed()
    await world.setPlan(one.orgId, 'pro')
    await ended
    await untilState(one, { credential_id: mine.id }, 'resting')
    await expect(world.reader(mine)).rejects.toThrow()
    const meanwhile = await world.record(one.orgId)
    await world.setPlan(one.orgId, 'enterprise')
    let again: NatsConnection | undefined
    await expect
      .poll(async () => (again = await world.reader(mine).catch(() => undefined)) !== undefined, {
        timeout: 20_000,
      })
      .toBe(true)
    expect(await read(again!, mine, 2)).toContain(meanwhile)
    await again?.close()
  })
})

describe.for(['viewer', 'editor'] as const)('a member who is %s', (role) => {
  test('may neither see nor make nor revoke one', async () => {
    const member = user.as(role)
    const of = { credential_id: randomUUID() }
    const refused = { code: 'PERMISSION_DENIED' }
    await expect(member.call(siem.rpc.listSiemCredentials, {})).rejects.toMatchObject(refused)
    await expect(create(member)).rejects.toMatchObject(refused)
    await expect(member.call(siem.rpc.revokeSiemCredential, of)).rejects.toMatchObject(refused)
  })
})

test('a deleted organisation’s credentials are refused, and nothing of them is kept', async () => {
  const one = await world.owner()
  const mine = await create(one)
  const connection = await world.reader(mine)
  const ended = connection.closed()
  const { organizationDeleted } = projects.evt
  await world.projects.publish(organizationDeleted, { org_id: one.orgId }, randomUUID())
  await ended
  await expect(world.reader(mine)).rejects.toThrow()
  expect(await world.rows('select id from siem.feeds where org_id = $1', [one.orgId])).toEqual([])
  await expect.poll(() => durablesOf(world)).not.toContain(mine.connection.durable)
})

test('one whose making was cut off is taken back, and never listed', async () => {
  const one = await world.owner()
  const id = randomUUIDv7()
  await world.rows(
    `insert into siem.feeds (id, org_id, kind, name, settings, enabled, created_at, updated_at, revision)
     values ($1, $2, 'credential', 'Cut off', '{"kind":"credential"}', true, now() - interval '2 minutes', now(), 1)`,
    [id, one.orgId],
  )
  expect((await one.call(siem.rpc.listSiemCredentials, {})).items).toEqual([])
  const left = () => world.rows('select id from siem.feeds where id = $1', [id])
  await expect.poll(left).toEqual([])
})

test('without keys nothing is made or kept, and it is said how to mend that; forwarders work', async () => {
  await using bare = await startWorld({}, { withKeys: false })
  const one = await bare.owner()
  await expect(create(one)).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining('gives bus-keys NATS_SYSTEM_CREDS') as string,
    details: { type: 'siem_keys_missing' },
  })
  expect(await bare.rows('select id from siem.feeds')).toEqual([])
  const destination = { kind: 'webhook' as const, url: 'https://example.com/' }
  await one.call(siem.rpc.createSiemForwarder, { name: 'Works', destination, enabled: false })
})
