import { randomUUID } from 'node:crypto'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { auth } from '@mcpshield/contracts/auth'
import { ingest } from '@mcpshield/contracts/ingest'
import { projects } from '@mcpshield/contracts/projects'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startSweep } from '../src/deletions.ts'
import {
  applyDeletion,
  applyRetention,
  appliedRetentions,
  noteRetention,
  recentDeletions,
  rememberDeletion,
  type Deletion,
} from '../src/maintenance.ts'
import { rowsOf } from '../src/rows.ts'
import { insertRows } from '../src/writing.ts'
import { makeEvent, outcomeOf } from './events.ts'
import { eventually, listAudits, personOf, setPlan, startStack, type Stack } from './stack.ts'

const DAY_MS = 86_400_000
const stack = new AsyncDisposableStack()
let on: Stack
beforeAll(async () => {
  on = await startStack(stack)
})
afterAll(() => stack.disposeAsync())

const listed = async (org: string) => (await listAudits(on.gateway, { limit: 200 }, org)).items

/** Rows as the intake writes them, received so many days ago under a plan of so many days. */
function store(events: ReturnType<typeof makeEvent>[], daysAgo: number, planDays = 30): Promise<void> {
  const receivedMs = Date.now() - daysAgo * DAY_MS
  return insertRows(on.store, rowsOf(events, { receivedMs, untilMs: receivedMs + planDays * DAY_MS }))
}

const retentionsOf = (org: string, table: string) =>
  on.store
    .select<{ days: number }>(
      `SELECT DISTINCT dateDiff('day', received_at, retain_until) AS days FROM ${on.store.database}.${table}
       WHERE org_id = {org:UUID} ORDER BY days`,
      { org },
    )
    .then((rows) => rows.map(({ days }) => days))

describe('how long the record is kept', () => {
  test('is what the plan says when it is received', async () => {
    const [free, pro, all] = [randomUUID(), randomUUID(), randomUUID()]
    await setPlan(on, pro, { audit_retention_days: 90 })
    await setPlan(on, all, { audit_retention_days: null })
    const settled = makeEvent({ org_id: pro })
    await eventually(
      async () => {
        await on.publisher.audit.record({ ...settled, id: randomUUID() })
        return retentionsOf(pro, 'audit_records')
      },
      (days) => days.includes(90),
      5_000,
    )
    for (const org_id of [free, all]) {
      const event = makeEvent({ org_id })
      await on.publisher.audit.record(event)
      await on.publisher.audit.record(outcomeOf(event))
    }
    const both = async (org: string) => [
      await retentionsOf(org, 'audit_records'),
      await retentionsOf(org, 'audit_results'),
    ]
    const has = (days: number[][]) => days.every((each) => each.length === 1)
    expect(await eventually(() => both(free), has, 5_000)).toEqual([[30], [30]])
    const years = await eventually(() => both(all), has, 5_000)
    expect(years.flat().every((days) => days > 20_000)).toBe(true)
  })

  test('changes with the plan: longer for what is there, and back', async () => {
    const org = randomUUID()
    const event = makeEvent({ org_id: org })
    await store([event, outcomeOf(event)], 1)
    await setPlan(on, org, { audit_retention_days: 90 })
    const reaches = (wanted: number) =>
      eventually(
        async () => [await retentionsOf(org, 'audit_records'), await retentionsOf(org, 'audit_results')],
        (days) => days.every((each) => each.length === 1 && each[0] === wanted),
        8_000,
      )
    expect(await reaches(90)).toEqual([[90], [90]])
    await setPlan(on, org, { audit_retention_days: 7 })
    expect(await reaches(7)).toEqual([[7], [7]])
    expect(await listed(org)).toHaveLength(1)
  })

  test('holds at once: what the plan does not show any more is not shown while it is still there', async () => {
    const org = randomUUID()
    const [young, old] = [makeEvent({ org_id: org }), makeEvent({ org_id: org })]
    await store([young], 5)
    await store([old], 10, 90)
    expect((await listed(org)).map(({ id }) => id).sort()).toEqual([young.id, old.id].sort())
    await setPlan(on, org, { audit_retention_days: 7 })
    const seen = await eventually(
      () => listed(org),
      (items) => items.length === 1,
      5_000,
    )
    expect(seen.map(({ id }) => id)).toEqual([young.id])
    await expect(on.gateway.call(ingest.rpc.getAudit, { id: old.id }, personOf(org))).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
    // Usage is of what happened, not of what can still be read.
    const { total } = await on.gateway.call(ingest.rpc.getUsageSummary, { days: 30 }, personOf(org))
    expect(total.count).toBe(2)
  })

  test('ends for the reader when the plan says so, whatever a row still says', async () => {
    const org_id = randomUUID()
    const [old, young] = [makeEvent({ org_id }), makeEvent({ org_id })]
    await store([old], 31, 90)
    await store([young], 29, 90)
    expect((await listed(org_id)).map(({ id }) => id)).toEqual([young.id])
  })

  test('is applied once: rows that have it already are not rewritten', async () => {
    const org = randomUUID()
    await store([makeEvent({ org_id: org })], 1)
    expect(await applyRetention(on.store, org, 365_000)).toBe(true)
    await eventually(
      () => retentionsOf(org, 'audit_records'),
      ([days]) => days! > 365,
      5_000,
    )
    expect(await applyRetention(on.store, org, 365_000)).toBe(false)
    await noteRetention(on.store, org, 90)
    await noteRetention(on.store, org, null)
    expect((await appliedRetentions(on.store)).get(org)).toBeNull()
  })
})

describe('deletion', () => {
  const publish = async (
    name: 'projectDeleted' | 'organizationDeleted',
    payload: { org_id: string; project_id: string },
  ) => {
    await using other = await on.bus.connect('projects')
    if (name === 'projectDeleted') await other.publish(projects.evt.projectDeleted, payload, randomUUID())
    else await other.publish(projects.evt.organizationDeleted, { org_id: payload.org_id }, randomUUID())
  }

  test('of a project takes its record, and leaves the others and the trail of who did what', async () => {
    const [org_id, project_id, sibling] = [randomUUID(), randomUUID(), randomUUID()]
    const gone = makeEvent({ org_id, project_id, tool: 'secret.tool' })
    const admin = makeEvent({ org_id, project_id, kind: 'admin', tool: 'projects.deleteProject' })
    const other = makeEvent({ org_id, project_id: sibling })
    await store([gone, outcomeOf(gone), admin, other], 0)
    await publish('projectDeleted', { org_id, project_id })
    const left = await eventually(
      () => listed(org_id),
      (items) => items.length === 2,
      8_000,
    )
    expect(left.map(({ id }) => id).sort()).toEqual([admin.id, other.id].sort())
    const usage = await eventually(
      () => on.gateway.call(ingest.rpc.getUsageSummary, { days: 1, group_by: 'tool' }, personOf(org_id)),
      ({ items }) => items.every(({ key }) => key !== 'secret.tool'),
      8_000,
    )
    expect(usage.total.count).toBe(2)
    expect(usage.items.map(({ key }) => key).sort()).toEqual(['', 'postgres.query'])
    const results = `SELECT count() AS n FROM ${on.store.database}.audit_results WHERE org_id = {org_id:UUID}`
    expect(
      await eventually(
        () => on.store.select<{ n: number }>(results, { org_id }),
        ([row]) => row!.n === 0,
        5_000,
      ),
    ).toEqual([{ n: 0 }])
  })

  test('of an organisation takes everything of it, counts too, and of no other', async () => {
    const [org_id, other] = [randomUUID(), randomUUID()]
    await store([makeEvent({ org_id }), makeEvent({ org_id, kind: 'admin', project_id: null })], 0)
    await store([makeEvent({ org_id: other })], 0)
    const redis = new Redis(on.redisUrl)
    await redis.hset(`ingest:usage:${org_id}`, '1', '1')
    await publish('organizationDeleted', { org_id, project_id: org_id })
    expect(
      await eventually(
        () => listed(org_id),
        (items) => items.length === 0,
        8_000,
      ),
    ).toEqual([])
    await expect.poll(() => redis.exists(`ingest:usage:${org_id}`)).toBe(0)
    redis.disconnect()
    await expect
      .poll(async () => {
        const asked = on.gateway.call(ingest.rpc.getUsageSummary, { days: 1 }, personOf(org_id))
        return (await asked).total.count
      })
      .toBe(0)
    expect(await listed(other)).toHaveLength(1)
  })

  test('of a person takes their name off what they did', async () => {
    const [org_id, user_id] = [randomUUID(), randomUUID()]
    const mine = makeEvent({ org_id, kind: 'admin', user_id })
    const approved = makeEvent({ org_id, approved_by: user_id })
    const others = makeEvent({ org_id, kind: 'admin', user_id: org_id })
    await store([mine, approved, others], 0)
    await using people = await on.bus.connect('auth')
    await people.publish(auth.evt.userDeleted, { user_id, email: 'ada@example.com' }, randomUUID())
    const items = await eventually(
      () => listed(org_id),
      (all) => !JSON.stringify(all).includes(user_id),
      8_000,
    )
    const byId = new Map(items.map((item) => [item.id, item]))
    expect(byId.get(mine.id)?.user_id).toBeNull()
    expect(byId.get(approved.id)?.approved_by).toBeNull()
    expect(byId.get(others.id)?.user_id).toBe(org_id)
  })

  test('also takes what is written later, for a day', async () => {
    const [org_id, project_id] = [randomUUID(), randomUUID()]
    const deletion: Deletion = { kind: 'project', org_id, subject_id: project_id }
    await rememberDeletion(on.store, deletion)
    await store([makeEvent({ org_id, project_id })], 0)
    expect(await listed(org_id)).toHaveLength(1)
    await using _sweep = startSweep({
      apply: (each) => applyDeletion(on.store, each),
      remember: async () => undefined,
      recent: () => recentDeletions(on.store),
      forgetCounts: async () => undefined,
      log: console as never,
      sweepEveryMs: 50,
    })
    expect(
      await eventually(
        () => listed(org_id),
        (items) => items.length === 0,
        8_000,
      ),
    ).toEqual([])
    const yesterday = { ...deletion, subject_id: randomUUID(), deleted_at: Date.now() / 1_000 - 86_500 }
    await on.store.insert('deletions', [{ ...yesterday, deleted_at: Math.floor(yesterday.deleted_at) }])
    const recent = await recentDeletions(on.store)
    expect(recent).toContainEqual(deletion)
    expect(recent.map(({ subject_id }) => subject_id)).not.toContain(yesterday.subject_id)
  })

  test('that cannot be read goes to the dead letters, and other events of projects are no concern', async () => {
    const connection = await on.bus.raw('provision')
    // Who replays dead letters may send any event.
    const replayer = await on.bus.raw('mailer')
    await jetstream(replayer).publish('evt.projects.projectDeleted', '{"org_id":1}')
    await jetstream(replayer).publish('evt.projects.somethingElse', '{}')
    await replayer.close()
    const manager = await jetstreamManager(connection)
    const dead = await eventually(
      () => manager.streams.getMessage('DEAD', { last_by_subj: 'dead.evt.projects.projectDeleted' }),
      (message) => message !== null,
      5_000,
    )
    expect(dead?.string()).toBe('{"org_id":1}')
    await expect
      .poll(async () => (await manager.consumers.info('EVENTS', 'ingest-projects')).num_ack_pending)
      .toBe(0)
    await connection.close()
  })
})
