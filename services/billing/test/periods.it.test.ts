import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { jetstreamManager } from '@nats-io/jetstream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { billing, type Invoice } from '@mcpshield/contracts/billing'
import { ingest } from '@mcpshield/contracts/ingest'
import { projects } from '@mcpshield/contracts/projects'
import { connectDb } from '@mcpshield/db/connect'
import { tenancy } from '@mcpshield/db/tenancy'
import { InvoiceRow, SubscriptionRow, database } from '../src/entities.ts'
import { manualInvoicing } from '../src/manual-invoicing.ts'
import type { Bill } from '../src/provider.ts'
import { startWorld, type User, type World } from './world.ts'

const { subscribe, cancelSubscription, getSubscription, listInvoices } = billing.rpc
const within = { timeout: 10_000, interval: 10 }
let world: World
beforeAll(async () => {
  world = await startWorld('2026-01-01T00:00:00.000Z')
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
})

const at = (time: string) => (world.clock.time = new Date(time))
const issued = async (user: User, limit = 200) =>
  (await user.call(listInvoices, { limit })).items.filter((each) => each.status !== 'draft')
const spans = (invoices: Invoice[]) =>
  invoices.map((each) => [each.period_start.slice(0, 10), each.period_end.slice(0, 10)])

test('a cursor that names no time of an invoice is refused', async () => {
  const owner = world.owner()
  for (const place of [['older', '0000-01-01T00:00:00Z'], ['older', 5], ['older', randomUUID()], []]) {
    const cursor = Buffer.from(JSON.stringify(place)).toString('base64url')
    await expect(owner.call(listInvoices, { cursor })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  }
})

describe('a period that has ended', () => {
  test('is invoiced in full, and the next begins where it ended', async () => {
    at('2026-01-31T09:30:00.000Z')
    const owner = world.owner({ projects: 1, events: 100_001 })
    await owner.call(subscribe, { plan: 'pro' })
    at('2026-02-28T09:31:00.000Z')
    await expect
      .poll(() => issued(owner), within)
      .toMatchObject([
        {
          plan: 'pro',
          period_start: '2026-01-31T09:30:00.000Z',
          period_end: '2026-02-28T09:30:00.000Z',
          total: 2_900,
        },
      ])
    expect(await owner.call(getSubscription, {})).toMatchObject({
      current_period_start: '2026-02-28T09:30:00.000Z',
      current_period_end: '2026-03-31T09:30:00.000Z',
    })
    const [invoice] = await issued(owner)
    expect(invoice?.lines.at(-1)?.description).toBe('100,001 events, 100,000 included')
    // A draft becomes the invoice that it announced.
    const [draft] = (await owner.call(listInvoices, {})).items
    at('2026-03-31T09:31:00.000Z')
    await expect.poll(async () => (await issued(owner))[0]?.id, within).toBe(draft?.id)
  })

  test('is not invoiced before the record has had a minute to settle', async () => {
    at('2026-04-01T00:00:00.000Z')
    const [early, due] = [world.owner(), world.owner()]
    await early.call(subscribe, { plan: 'pro' })
    at('2026-03-31T23:59:00.000Z')
    await due.call(subscribe, { plan: 'pro' })
    at('2026-05-01T00:00:59.999Z')
    await expect.poll(async () => (await issued(due)).length, within).toBe(1)
    expect(await issued(early)).toEqual([])
  })

  test('was missed several times: each has its invoice, without overlap or gap', async () => {
    at('2026-05-31T00:00:00.000Z')
    const owner = world.owner()
    await owner.call(subscribe, { plan: 'pro' })
    at('2026-10-01T00:00:00.000Z')
    await expect
      .poll(async () => spans(await issued(owner)), within)
      .toEqual([
        ['2026-08-31', '2026-09-30'],
        ['2026-07-31', '2026-08-31'],
        ['2026-06-30', '2026-07-31'],
        ['2026-05-31', '2026-06-30'],
      ])
  })

  test('waits while its events cannot be counted, holds up no other, and is not lost', async () => {
    at('2026-10-05T00:00:00.000Z')
    const [waiting, other] = [world.owner({ projects: 1 }), world.owner()]
    await waiting.call(subscribe, { plan: 'pro' })
    at('2026-10-05T00:00:00.001Z') // The other’s turn comes after it.
    await other.call(subscribe, { plan: 'pro' })
    at('2026-11-06T00:00:00.000Z')
    await expect.poll(async () => (await issued(other)).length, within).toBe(1)
    const asked = () => world.counted.get(waiting.orgId)?.length ?? 0
    await expect.poll(asked, within).toBeGreaterThan(1)
    expect(await world.rows('select 1 from billing.invoices where org_id = $1', [waiting.orgId])).toEqual([])
    world.known.set(waiting.orgId, { projects: 1, events: 7 })
    await expect
      .poll(async () => spans(await issued(waiting)), within)
      .toEqual([['2026-10-05', '2026-11-05']])
  })

  test('is invoiced once by however many instances, with numbers in a row', async () => {
    at('2026-11-07T00:00:00.000Z')
    const owners = Array.from({ length: 25 }, () => world.owner())
    for (const owner of owners) await owner.call(subscribe, { plan: 'pro' })
    await using _third = await world.startInstance()
    at('2026-12-08T00:00:00.000Z')
    for (const owner of owners) await expect.poll(async () => (await issued(owner)).length, within).toBe(1)
    const numbers = await world.rows<{ number: string }>(
      'select number from billing.invoices order by number',
    )
    expect(numbers.map((row) => row.number)).toEqual(
      numbers.map((_, index) => `MCPS-2026-${String(index + 1).padStart(6, '0')}`),
    )
  })

  test('of a canceled subscription is the last: Free follows, and costs nothing', async () => {
    at('2026-12-10T00:00:00.000Z')
    const owner = world.owner()
    await owner.call(subscribe, { plan: 'pro', period: 'yearly' })
    await owner.call(cancelSubscription, {})
    await expect.poll(() => world.entitlements.get(owner.orgId)?.limits.max_projects, within).toBe(1)
    // More projects than Free has do not keep the plan alive, and are not deleted either.
    world.known.set(owner.orgId, { projects: 5, events: 0 })
    at('2027-12-10T00:01:00.000Z')
    await expect.poll(() => world.entitlements.has(owner.orgId), within).toBe(false)
    expect(await owner.call(getSubscription, {})).toMatchObject({ plan: { code: 'free' }, status: 'active' })
    expect((await issued(owner)).map(({ total, plan }) => [plan, total])).toEqual([['pro', 34_800]])
    at('2028-02-01T00:00:00.000Z')
    const { items } = await owner.call(listInvoices, {})
    expect(items.map(({ plan, status }) => [plan, status])).toEqual([
      ['free', 'draft'],
      ['pro', 'issued'],
    ])
  })

  test('is closed before its subscription is changed', async () => {
    at('2028-03-01T00:00:00.000Z')
    const owner = world.owner()
    await owner.call(subscribe, { plan: 'pro' })
    at('2028-04-01T00:00:30.000Z') // The clock’s round leaves it for half a minute yet.
    await owner.call(subscribe, { plan: 'enterprise' })
    expect((await issued(owner)).map(({ total, period_end }) => [period_end, total])).toEqual([
      ['2028-04-01T00:00:30.000Z', 0], // Half a minute of Pro.
      ['2028-04-01T00:00:00.000Z', 2_900],
    ])
  })

  test('makes way for the smaller plan that was chosen', async () => {
    at('2028-05-01T00:00:00.000Z')
    const owner = world.owner()
    await owner.call(subscribe, { plan: 'enterprise' })
    await owner.call(subscribe, { plan: 'pro', period: 'yearly' })
    at('2028-06-01T00:01:00.000Z')
    await expect
      .poll(() => owner.call(getSubscription, {}), within)
      .toMatchObject({
        plan: { code: 'pro' },
        period: 'yearly',
        current_period_start: '2028-06-01T00:00:00.000Z',
        current_period_end: '2029-06-01T00:00:00.000Z',
        next_plan: null,
        next_period: null,
      })
    await expect.poll(() => world.entitlements.get(owner.orgId)?.plan, within).toBe('pro')
    const [invoice] = await issued(owner)
    expect(invoice?.lines[0]).toMatchObject({
      description: 'Enterprise, monthly: price by agreement, invoiced separately',
      amount: 0,
    })
  })
})

describe('the list of invoices', () => {
  test('is walked in pages of any size, to its end and back to the draft', async () => {
    at('2029-01-15T00:00:00.000Z')
    const owner = world.owner({ projects: 1, events: 3 })
    await owner.call(subscribe, { plan: 'pro' })
    at('2029-06-20T00:00:00.000Z')
    await expect.poll(async () => (await issued(owner)).length, within).toBe(5)
    const all = (await owner.call(listInvoices, {})).items
    expect(all.map((each) => each.status)).toEqual(['draft', ...Array<string>(5).fill('issued')])
    for (const limit of [1, 2, 3, 4, 5, 6, 7]) {
      const there = [await owner.call(listInvoices, { limit })]
      for (let last = there[0]; last?.next_cursor; last = there.at(-1))
        there.push(await owner.call(listInvoices, { limit, cursor: last.next_cursor }))
      expect(
        there.flatMap((page) => page.items),
        `${limit}`,
      ).toEqual(all)
      expect(there[0]?.prev_cursor).toBeNull()
      expect(there.every((page) => page.items.length <= limit)).toBe(true)

      const back = [there.at(-1)]
      for (let last = back[0]; last?.prev_cursor; last = back[0])
        back.unshift(await owner.call(listInvoices, { limit, cursor: last.prev_cursor }))
      expect(
        back.flatMap((page) => page?.items ?? []),
        `${limit}`,
      ).toEqual(all)
    }
  })

  test('refuses a cursor that it has not given', async () => {
    const owner = world.owner()
    for (const cursor of ['x', Buffer.from('["older","now"]').toString('base64url')]) {
      await expect(owner.call(listInvoices, { cursor })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    }
  })

  test('begins with a draft that only ingest can make', async () => {
    await expect(world.owner({ projects: 1 }).call(listInvoices, {})).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    })
  })

  test('has nothing of another organisation, whose cursor opens nothing', async () => {
    at('2029-08-01T00:00:00.000Z')
    const [owner, stranger] = [world.owner(), world.owner()]
    await owner.call(subscribe, { plan: 'pro' })
    at('2029-09-05T00:00:00.000Z')
    await expect.poll(async () => (await issued(owner)).length, within).toBe(1)
    const { next_cursor } = await owner.call(listInvoices, { limit: 1 })
    const { items } = await stranger.call(listInvoices, { cursor: next_cursor ?? '' })
    expect(items).toEqual([])
  })
})

describe('the database', () => {
  test('shows the service’s own role no row of an organisation that it has not named', async () => {
    const owner = world.owner()
    await owner.call(subscribe, { plan: 'pro' })
    const client = new pg.Client({ connectionString: world.schema.url })
    await client.connect()
    try {
      for (const table of ['subscriptions', 'invoices'])
        expect((await client.query(`select 1 from billing.${table}`)).rows).toEqual([])
    } finally {
      await client.end()
    }
    await using db = await connectDb(database(world.schema.url))
    const seen = await tenancy(db).inOrganization(owner.orgId, (em) => em.find(SubscriptionRow, {}))
    expect(seen.map((row) => row.org_id)).toEqual([owner.orgId])
    expect(await tenancy(db).inOrganization(randomUUID(), (em) => em.find(InvoiceRow, {}))).toEqual([])
  })

  test('gives the number of an invoice that came to nothing to the next', async () => {
    await using db = await connectDb(database(world.schema.url))
    const now = new Date('2031-01-01T00:00:00.000Z')
    const issue = (fails: boolean) =>
      tenancy(db).inOrganization(randomUUID(), async (em) => {
        const { number } = await manualInvoicing.issue(em, {} as Bill, now)
        if (fails) throw new Error(number)
        return number
      })
    await expect(issue(true)).rejects.toThrow('MCPS-2031-000001')
    expect(await issue(false)).toBe('MCPS-2031-000001')
    expect(await Promise.all([issue(false), issue(false)])).toEqual(
      expect.arrayContaining(['MCPS-2031-000002', 'MCPS-2031-000003']),
    )
  })
})

describe('usage that reaches its limit', () => {
  const reached = (org_id: string, percent: 80 | 100) =>
    ({ org_id, month: '2026-11', percent, count: percent * 100, limit: 10_000 }) as const
  const mailsTo = (users: string[]) =>
    world.mails.filter(({ to }) => 'user_id' in to && users.includes(to.user_id))

  test('is told to each administrator once, also when the event comes again', async () => {
    const administrators = [randomUUID(), randomUUID()]
    const { orgId } = world.owner({ administrators })
    await world.ingest.publish(ingest.evt.usageReached, reached(orgId, 80), randomUUID())
    await world.ingest.publish(ingest.evt.usageReached, reached(orgId, 80), randomUUID())
    await world.ingest.publish(ingest.evt.usageReached, reached(orgId, 100), randomUUID())
    await expect.poll(() => mailsTo(administrators).length, within).toBe(4)
    const last = world.owner({ administrators: [randomUUID()] })
    await world.ingest.publish(ingest.evt.usageReached, reached(last.orgId, 80), randomUUID())
    await expect.poll(() => mailsTo(world.known.get(last.orgId)?.administrators ?? []).length, within).toBe(1)
    expect(
      mailsTo(administrators)
        .map(({ mail }) => mail.template)
        .toSorted(),
    ).toEqual(['plan_limit_near', 'plan_limit_near', 'plan_limit_reached', 'plan_limit_reached'])
  })

  test('is told later when nobody can say to whom', async () => {
    const { orgId } = world.owner({})
    await world.ingest.publish(ingest.evt.usageReached, reached(orgId, 80), randomUUID())
    const administrators = [randomUUID()]
    world.known.set(orgId, { administrators })
    await expect.poll(() => mailsTo(administrators).length, within).toBe(1)
  })

  test('in an event that nobody understands ends among the dead letters', async () => {
    const provision = await world.nats.raw('provision')
    const dead = async () => (await (await jetstreamManager(provision)).streams.info('DEAD')).state.messages
    const before = await dead()
    await world.ingest.publish(ingest.evt.usageReached, { month: 'never' } as never, randomUUID())
    await expect.poll(dead, within).toBe(before + 1)
    await provision.close()
  })
})

describe('an organisation that is deleted', () => {
  const remove = (org_id: string) =>
    world.projects.publish(projects.evt.organizationDeleted, { org_id }, randomUUID())
  const rowsOf = (orgId: string) =>
    world.rows<{ plan: string }>('select plan from billing.subscriptions where org_id = $1', [orgId])

  test('has no subscription any more; what it owed until then is invoiced, and invoices stay', async () => {
    at('2032-01-01T00:00:00.000Z')
    const [owner, other] = [world.owner(), world.owner()]
    await owner.call(subscribe, { plan: 'pro' })
    await other.call(subscribe, { plan: 'pro' })
    await expect.poll(() => world.entitlements.has(owner.orgId), within).toBe(true)
    at('2032-02-10T00:00:00.000Z')
    await expect.poll(async () => (await issued(owner)).length, within).toBe(1)
    await remove(owner.orgId)
    await expect.poll(() => rowsOf(owner.orgId), within).toEqual([])
    await remove(owner.orgId)
    await expect.poll(() => world.entitlements.has(owner.orgId), within).toBe(false)
    const kept = await world.rows<{ total: number; lines: { kind: string }[] }>(
      'select total, lines from billing.invoices where org_id = $1 order by period_start',
      [owner.orgId],
    )
    expect(kept.map((row) => row.total)).toEqual([2_900, 900]) // 9 of February’s 29 days.
    expect(kept[1]?.lines.map((line) => line.kind)).toEqual(['plan'])
    expect(await rowsOf(other.orgId)).toEqual([{ plan: 'pro' }])
    expect(world.entitlements.has(other.orgId)).toBe(true)
  })
})
