import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { billing } from '@mcpshield/contracts/billing'
import type { RpcDef } from '@mcpshield/contracts/define'
import { PLANS } from '@mcpshield/contracts/plans'
import { connectDb, migrateDb } from '@mcpshield/db/connect'
import { database } from '../src/entities.ts'
import { startWorld, type World } from './world.ts'

const { subscribe, cancelSubscription, getSubscription, listInvoices, getEntitlements } = billing.rpc
const within = { timeout: 5_000, interval: 10 }
let world: World
beforeAll(async () => {
  world = await startWorld('2026-11-10T00:00:00.000Z')
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
})

const at = (time: string) => (world.clock.time = new Date(time))

describe('the schema', () => {
  test('the migrations lead to what the entities say, and are harmless when run again', async () => {
    expect(await migrateDb(database(world.schema.url))).toEqual([])
    await using db = await connectDb(database(world.schema.url))
    const difference = await db.orm.schema.getUpdateSchemaSQL({ wrap: false })
    // Row-level security is the database's own: entities do not know it.
    const lines = difference
      .split('\n')
      .filter((line) => line !== '' && !/row level security|drop policy "tenant"/.test(line))
    expect(lines).toEqual([])
  })
})

describe('who may ask', () => {
  test('anyone sees the plans; nobody but a member sees a subscription', async () => {
    const caller = { kind: 'anonymous', address: '192.0.2.1' } as const
    const { items } = await world.rest.call(billing.rpc.listPlans, {}, { caller })
    expect(items.map(({ code, price_monthly, currency }) => [code, price_monthly, currency])).toEqual([
      ['free', 0, 'USD'],
      ['pro', 2_900, 'USD'],
      ['enterprise', null, 'USD'],
    ])
    for (const def of [getSubscription, subscribe, cancelSubscription, listInvoices] as RpcDef[]) {
      const input = def === subscribe ? { plan: 'pro' } : {}
      await expect(
        world.rest.call(def as never, input as never, { caller }),
        def.subject,
      ).rejects.toMatchObject({
        code: 'UNAUTHENTICATED',
      })
    }
  })

  test.for(['viewer', 'editor'] as const)(
    'a %s sees the plan, and neither changes it nor sees what it costs',
    async (role) => {
      const member = world.owner().as(role)
      expect((await member.call(getSubscription, {})).plan.code).toBe('free')
      for (const [def, input] of [
        [subscribe, { plan: 'pro' }],
        [cancelSubscription, {}],
        [listInvoices, {}],
      ] as [RpcDef, object][]) {
        await expect(member.call(def, input as never), def.subject).rejects.toMatchObject({
          code: 'PERMISSION_DENIED',
        })
      }
      expect((await member.call(getSubscription, {})).plan.code).toBe('free')
    },
  )

  test('an admin changes the plan of their own organisation, and another does not feel it', async () => {
    const [owner, stranger] = [world.owner(), world.owner()]
    await owner.as('admin').call(subscribe, { plan: 'pro' })
    expect((await owner.as('viewer').call(getSubscription, {})).plan.code).toBe('pro')
    expect((await stranger.call(getSubscription, {})).plan.code).toBe('free')
    await expect(stranger.call(cancelSubscription, {})).rejects.toMatchObject({ code: 'CONFLICT' })
  })
})

describe('an organisation that never subscribed', () => {
  test('is Free since it was made, by the calendar month', async () => {
    const owner = world.owner()
    const { created_at, ...subscription } = await owner.call(getSubscription, {})
    expect(subscription).toEqual({
      plan: { ...PLANS.free, currency: 'USD' },
      status: 'active',
      period: 'monthly',
      current_period_start: '2026-11-01T00:00:00.000Z',
      current_period_end: '2026-12-01T00:00:00.000Z',
      next_plan: null,
      next_period: null,
      canceled_at: null,
    })
    // Its id was made by this test, by the real clock.
    expect(Math.abs(Date.parse(created_at) - Date.now())).toBeLessThan(60_000)
    expect(await owner.call(subscribe, { plan: 'free' })).toMatchObject({ plan: { code: 'free' } })
    await expect(owner.call(cancelSubscription, {})).rejects.toMatchObject({
      code: 'CONFLICT',
      details: { type: 'already_free' },
    })
  })
})

describe('a larger plan', () => {
  test('is there at once, told to whoever watches, and in the audit trail', async () => {
    const owner = world.owner()
    expect(await owner.call(subscribe, { plan: 'pro' })).toMatchObject({
      plan: { code: 'pro' },
      period: 'monthly',
      current_period_start: '2026-11-10T00:00:00.000Z',
      current_period_end: '2026-12-10T00:00:00.000Z',
      created_at: '2026-11-10T00:00:00.000Z',
    })
    const expected = { org_id: owner.orgId, plan: 'pro', limits: PLANS.pro.limits }
    await expect.poll(() => world.entitlements.get(owner.orgId), within).toEqual(expected)
    await expect
      .poll(() => world.audits.filter((event) => event.org_id === owner.orgId), within)
      .toEqual([
        expect.objectContaining({
          kind: 'admin',
          tool: 'billing.subscribe',
          user_id: owner.caller.user_id,
          arguments: { plan: 'pro', period: 'monthly' },
          reason: 'Changed the plan to Pro, monthly, at once.',
        }),
      ])
    // What was Free had no price.
    expect((await owner.call(listInvoices, {})).items.map((each) => each.status)).toEqual(['draft'])
  })

  test('ends the running period with an invoice for the part that has passed', async () => {
    at('2026-11-10T00:00:00.000Z')
    const owner = world.owner({ projects: 1, events: 12_345 })
    await owner.call(subscribe, { plan: 'pro' })
    at('2026-11-25T00:00:00.000Z')
    expect(await owner.call(subscribe, { plan: 'enterprise' })).toMatchObject({
      plan: { code: 'enterprise' },
      current_period_start: '2026-11-25T00:00:00.000Z',
      current_period_end: '2026-12-25T00:00:00.000Z',
      created_at: '2026-11-10T00:00:00.000Z',
    })
    const [draft, invoice] = (await owner.call(listInvoices, {})).items
    expect(invoice).toMatchObject({
      number: expect.stringMatching(/^MCPS-2026-\d{6}$/),
      status: 'issued',
      plan: 'pro',
      period_start: '2026-11-10T00:00:00.000Z',
      period_end: '2026-11-25T00:00:00.000Z',
      total: 1_450, // 15 of 30 days.
      issued_at: '2026-11-25T00:00:00.000Z',
      due_at: '2026-12-09T00:00:00.000Z',
    })
    expect(invoice?.lines.map((line) => line.description)).toEqual([
      'Pro, monthly; pro rata, 2026-11-10 to 2026-11-25 of 2026-11-10 to 2026-12-10',
      '12,345 events, 100,000 included',
    ])
    expect(draft).toMatchObject({ plan: 'enterprise', period_start: invoice?.period_end, total: 0 })
    expect(world.counted.get(owner.orgId)?.[0]).toEqual([invoice?.period_start, invoice?.period_end])
    at('2026-11-10T00:00:00.000Z')
  })

  test('is not begun while the events of the running period cannot be counted', async () => {
    const owner = world.owner({ projects: 1 })
    await owner.call(subscribe, { plan: 'pro' })
    await expect(owner.call(subscribe, { plan: 'enterprise' })).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(await owner.call(getSubscription, {})).toMatchObject({ plan: { code: 'pro' } })
  })

  test('and a year instead of a month are begun at once; without a period, it stays as it was', async () => {
    const owner = world.owner()
    await owner.call(subscribe, { plan: 'pro' })
    const yearly = { period: 'yearly', current_period_end: '2027-11-10T00:00:00.000Z', next_period: null }
    expect(await owner.call(subscribe, { plan: 'pro', period: 'yearly' })).toMatchObject(yearly)
    expect(await owner.call(subscribe, { plan: 'pro' })).toMatchObject(yearly)
    // A month instead of a year is less: it follows.
    expect(await owner.call(subscribe, { plan: 'pro', period: 'monthly' })).toMatchObject({
      ...yearly,
      next_plan: null,
      next_period: 'monthly',
    })
    expect(await owner.call(subscribe, { plan: 'pro' })).toMatchObject(yearly)
  })
})

describe('a smaller plan', () => {
  test('is refused with the numbers while there are more projects than it has', async () => {
    const owner = world.owner({ projects: 3, events: 0 })
    await owner.call(subscribe, { plan: 'pro' })
    const smaller = [() => owner.call(subscribe, { plan: 'free' }), () => owner.call(cancelSubscription, {})]
    for (const ask of smaller) {
      await expect(ask()).rejects.toMatchObject({
        code: 'CONFLICT',
        message: 'Free has 1 project; there are 3. Delete 2 first.',
        details: { type: 'too_many_projects' },
      })
    }
    expect(await owner.call(getSubscription, {})).toMatchObject({ status: 'active', next_plan: null })
    world.known.set(owner.orgId, { projects: 1, events: 0 })
    expect(await owner.call(subscribe, { plan: 'free' })).toMatchObject({ next_plan: 'free' })
  })

  test('is refused while nobody can say how many projects there are', async () => {
    const owner = world.owner({ events: 0 })
    await owner.call(subscribe, { plan: 'pro' })
    await expect(owner.call(cancelSubscription, {})).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(await owner.call(getSubscription, {})).toMatchObject({ status: 'active', next_plan: null })
  })

  test('limits projects as soon as it is chosen, and nothing else before its day', async () => {
    const owner = world.owner()
    await owner.call(subscribe, { plan: 'pro' })
    expect(await owner.call(cancelSubscription, {})).toMatchObject({
      plan: { code: 'pro' },
      status: 'canceled',
      next_plan: 'free',
      canceled_at: '2026-11-10T00:00:00.000Z',
      current_period_end: '2026-12-10T00:00:00.000Z',
    })
    await expect
      .poll(() => world.entitlements.get(owner.orgId), within)
      .toEqual({ org_id: owner.orgId, plan: 'pro', limits: { ...PLANS.pro.limits, max_projects: 1 } })
  })

  test('can be chosen again without effect, and taken back by the present plan', async () => {
    const owner = world.owner()
    await owner.call(subscribe, { plan: 'pro' })
    const canceled = await owner.call(cancelSubscription, {})
    expect(await owner.call(cancelSubscription, {})).toEqual(canceled)
    expect(await owner.call(subscribe, { plan: 'pro' })).toMatchObject({
      status: 'active',
      next_plan: null,
      canceled_at: null,
      current_period_end: canceled.current_period_end,
    })
    await expect
      .poll(
        () => world.audits.filter((event) => event.org_id === owner.orgId).map((each) => each.tool),
        within,
      )
      .toEqual(['billing.subscribe', 'billing.cancelSubscription', 'billing.subscribe'])
    await expect.poll(() => world.entitlements.get(owner.orgId)?.limits, within).toEqual(PLANS.pro.limits)
  })

  test('gives way to a larger one that is chosen before its day', async () => {
    const owner = world.owner()
    await owner.call(subscribe, { plan: 'pro' })
    await owner.call(cancelSubscription, {})
    expect(await owner.call(subscribe, { plan: 'enterprise' })).toMatchObject({
      plan: { code: 'enterprise' },
      status: 'active',
      next_plan: null,
    })
  })
})

describe('those who change the plan at once', () => {
  test('and want the same, all get it, once', async () => {
    for (const owner of [world.owner(), world.owner(), world.owner()]) {
      const all = await Promise.all(Array.from({ length: 12 }, () => owner.call(subscribe, { plan: 'pro' })))
      for (const each of all) expect(each).toEqual(all[0])
      await expect
        .poll(() => world.audits.filter((event) => event.org_id === owner.orgId).length, within)
        .toBe(1)
      expect((await owner.call(listInvoices, {})).items.length).toBe(1)
    }
  })

  test('and want different things, do not undo unseen what another did', async () => {
    const [asked, answer] = [Promise.withResolvers<void>(), Promise.withResolvers<number>()]
    const owner = world.owner({
      events: () => {
        asked.resolve()
        return answer.promise
      },
    })
    await owner.call(subscribe, { plan: 'pro' })
    at('2026-11-20T00:00:00.000Z')
    const first = owner.call(subscribe, { plan: 'enterprise' })
    const refused = expect(first).rejects.toMatchObject({
      code: 'CONFLICT',
      details: { type: 'changed_meanwhile' },
    })
    await asked.promise
    world.known.set(owner.orgId, { events: 0 })
    await owner.call(subscribe, { plan: 'pro', period: 'yearly' })
    answer.resolve(0)
    await refused
    expect(await owner.call(getSubscription, {})).toMatchObject({ plan: { code: 'pro' }, period: 'yearly' })
    expect((await owner.call(listInvoices, {})).items.length).toBe(2)
    at('2026-11-10T00:00:00.000Z')
  })
})

describe('the service’s own', () => {
  test('entitlements are Free for an organisation that nobody knows', async () => {
    await using own = await world.nats.connect('projects')
    const org_id = randomUUID()
    expect(await own.call(getEntitlements, { org_id })).toEqual({
      org_id,
      plan: 'free',
      limits: PLANS.free.limits,
    })
    // The gateway, which people reach, may not ask for another's.
    const asGateway = world.rest.call(getEntitlements as never, { org_id } as never, { timeoutMs: 300 })
    await expect(asGateway).rejects.toMatchObject({ code: expect.any(String) })
  })

  test('bucket is told anew when an instance starts', async () => {
    const owner = world.owner()
    await owner.call(subscribe, { plan: 'pro' })
    await expect.poll(() => world.entitlements.has(owner.orgId), within).toBe(true)
    await using other = await world.nats.connect('billing')
    await (await other.writer(billing.kv.entitlements)).remove(owner.orgId)
    await expect.poll(() => world.entitlements.has(owner.orgId), within).toBe(false)
    await using _third = await world.startInstance()
    await expect.poll(() => world.entitlements.get(owner.orgId)?.plan, within).toBe('pro')
  })

  test('health names what it depends on', async () => {
    expect(await world.rest.call(billing.rpc.checkHealth, {})).toEqual({
      ok: true,
      dependencies: { postgres: { ok: true }, nats: { ok: true } },
    })
  })
})
