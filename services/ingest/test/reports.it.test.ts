import { randomUUID, randomUUIDv7 } from 'node:crypto'
import { jetstreamManager } from '@nats-io/jetstream'
import { Redis } from 'ioredis'
import type { AuditEvent } from '@mcpshield/contracts/audit'
import type { Input } from '@mcpshield/contracts/define'
import { ingest, type ReportedEvent } from '@mcpshield/contracts/ingest'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { reportId } from '../src/reports.ts'
import { makeEvent } from './events.ts'
import { eventually, keyOf, listAudits, personOf, setPlan, startStack, type Stack } from './stack.ts'

const stack = new AsyncDisposableStack()
let on: Stack
beforeAll(async () => {
  on = await startStack(stack)
})
afterAll(() => stack.disposeAsync())

type Place = { org: string; project: string }
const newPlace = (): Place => ({ org: randomUUID(), project: randomUUID() })

function makeReport(override: Partial<ReportedEvent> = {}): ReportedEvent {
  return {
    event_id: randomUUID(),
    type: 'policy_check',
    tool: 'github/create_issue',
    decision: 'deny',
    timestamp: new Date().toISOString(),
    rule: 'no-issues',
    ...override,
  }
}

const report = (place: Place, input: Input<typeof ingest.rpc.reportEvents>) =>
  on.gateway.call(ingest.rpc.reportEvents, input, keyOf(place.org, place.project))

/** A decision of ours, in the stream when this resolves. */
async function decide(place: Place, override: Partial<AuditEvent> = {}): Promise<AuditEvent> {
  const event = makeEvent({
    id: randomUUIDv7(),
    time: new Date().toISOString(),
    org_id: place.org,
    project_id: place.project,
    ...override,
  })
  await on.publisher.audit.record(event)
  return event
}

async function shown(place: Place, count: number) {
  const read = async () => (await listAudits(on.gateway, { limit: 200 }, place.org)).items
  return eventually(read, (items) => items.length >= count, 8_000)
}

/** What ClickHouse and Redis say that the organisation has used this month. */
async function used({ org }: Place) {
  const monthly = await on.gateway.call(ingest.rpc.getMonthlyUsage, { months: 1 }, personOf(org))
  return monthly.items[0]!.count
}
async function usedHot(place: Place): Promise<number> {
  const known = makeReport()
  await report(place, known)
  const again = await report(place, known)
  return again.usage.count - 1
}
const stored = (place: Place, count: number) =>
  eventually(
    () => used(place),
    (n) => n >= count,
    8_000,
  )

/** Waits until everything published so far is stored: a later decision of another organisation is. */
async function drained(): Promise<void> {
  const marker = newPlace()
  await decide(marker)
  expect(await shown(marker, 1)).toHaveLength(1)
}

describe('a reported event', () => {
  test('is in the record of the key’s own organisation and project, as what it is', async () => {
    const place = newPlace()
    const event = makeReport({ metadata: { note: 'mail ada@example.com', n: 1 } })
    expect(await report(place, event)).toEqual({
      accepted: 1,
      duplicates: 0,
      usage: { month: new Date().toISOString().slice(0, 7), count: 1, limit: 10_000 },
    })
    const [record] = await shown(place, 1)
    expect(record).toMatchObject({
      id: reportId(place.project, event.event_id),
      kind: 'report',
      org_id: place.org,
      project_id: place.project,
      request_id: event.event_id,
      tool: event.tool,
      rule: 'no-issues',
      decision: 'deny',
      reason: 'A policy check, reported by the client.',
      arguments: { note: 'mail [redacted:email]', n: 1 },
    })
  })

  test('without a decision is shown without one, and counts', async () => {
    const place = newPlace()
    const { decision: _, rule: __, ...event } = makeReport({ type: 'api_call' })
    await report(place, event)
    const [record] = await shown(place, 1)
    expect(record).toMatchObject({ decision: null, rule: '', reason: 'An API call, reported by the client.' })
    expect((await listAudits(on.gateway, { decision: 'allow' }, place.org)).items).toEqual([])
    const { items } = await on.gateway.call(ingest.rpc.getMonthlyUsage, { months: 1 }, personOf(place.org))
    expect(items[0]).toMatchObject({ count: 1, allow: 0, deny: 0, ask: 0 })
  })

  test('that comes again is the same event: alone, in a batch, at the same time', async () => {
    const place = newPlace()
    const event = makeReport()
    expect(await report(place, event)).toMatchObject({ accepted: 1, duplicates: 0 })
    expect(await report(place, event)).toMatchObject({ accepted: 0, duplicates: 1, usage: { count: 1 } })
    const other = makeReport()
    expect(await report(place, { events: [event, other, other] })).toMatchObject({
      accepted: 1,
      duplicates: 2,
    })
    const third = makeReport()
    const answers = await Promise.all(Array.from({ length: 8 }, () => report(place, third)))
    expect(answers.map((each) => each.accepted).reduce((sum, n) => sum + n)).toBe(1)
    await drained()
    expect(await shown(place, 3)).toHaveLength(3)
    expect(await used(place)).toBe(3)
  })

  test('of another project is another event, whatever its id', async () => {
    const [mine, theirs] = [newPlace(), newPlace()]
    const event = makeReport()
    expect(await report(mine, event)).toMatchObject({ accepted: 1 })
    expect(await report(theirs, event)).toMatchObject({ accepted: 1, usage: { count: 1 } })
    expect((await shown(mine, 1))[0]!.id).not.toBe((await shown(theirs, 1))[0]!.id)
  })

  test.for([
    ['in the future', 6 * 60_000],
    ['from long ago', -91 * 86_400_000],
  ] as const)('%s is INVALID_ARGUMENT and says which', async ([, shiftMs]) => {
    const place = newPlace()
    const bad = makeReport({ timestamp: new Date(Date.now() + shiftMs).toISOString() })
    await expect(
      report(place, { events: [makeReport(), makeReport(), makeReport(), bad] }),
    ).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { errors: [{ path: 'events.3.timestamp' }] },
    })
    await expect(report(place, bad)).rejects.toMatchObject({ details: { errors: [{ path: 'timestamp' }] } })
    expect(await used(place)).toBe(0)
    const edge = new Date(Date.now() + (shiftMs > 0 ? 4 * 60_000 : -89 * 86_400_000)).toISOString()
    expect(await report(place, makeReport({ timestamp: edge }))).toMatchObject({ accepted: 1 })
  })

  test.for([
    { kind: 'user', user_id: randomUUID(), org_id: randomUUID(), role: 'owner', session_id: 's' },
    { kind: 'anonymous', address: '127.0.0.1' },
    { kind: 'service', name: 'mcp-gateway' },
  ] as const)('is not taken from $kind', async (caller) => {
    const asked = on.gateway.call(ingest.rpc.reportEvents, makeReport(), { caller })
    await expect(asked).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })

  test('from before the marks is found in ClickHouse', async () => {
    const place = newPlace()
    const event = makeReport({ timestamp: new Date(Date.now() - 20 * 86_400_000).toISOString() })
    expect(await report(place, event)).toMatchObject({ accepted: 1 })
    expect(await stored(place, 1)).toBe(1)
    await forgetMarks()
    expect(await report(place, event)).toMatchObject({ accepted: 0, duplicates: 1 })
  })
})

async function forgetMarks(): Promise<void> {
  const redis = new Redis(on.redisUrl)
  const marks = await redis.keys('i:*')
  if (marks.length > 0) await redis.del(marks)
  redis.disconnect()
}

describe('one decision is one event, also when it is reported', () => {
  test('after it was stored', async () => {
    const place = newPlace()
    const decision = await decide(place)
    expect(await shown(place, 1)).toHaveLength(1)
    const answer = await report(place, makeReport({ decision_id: decision.id }))
    expect(answer).toMatchObject({ accepted: 0, duplicates: 1, usage: { count: 1 } })
    expect(await used(place)).toBe(1)
  })

  test('after it was stored so long ago that only ClickHouse knows it', async () => {
    const place = newPlace()
    const old = `0190${randomUUIDv7().slice(4)}`
    await decide(place, { id: old })
    expect(await shown(place, 1)).toHaveLength(1)
    await forgetMarks()
    expect(await report(place, makeReport({ decision_id: old }))).toMatchObject({ duplicates: 1 })
    expect(await used(place)).toBe(1)
  })

  test('before it was stored, and again and again', async () => {
    const place = newPlace()
    const decisions = await Promise.all(Array.from({ length: 20 }, () => decide(place)))
    const reports = decisions.flatMap(({ id }) => [
      makeReport({ decision_id: id }),
      makeReport({ decision_id: id.toUpperCase() }),
    ])
    const answer = await report(place, { events: reports })
    expect(answer.accepted + answer.duplicates).toBe(40)
    await drained()
    const items = await shown(place, 20)
    expect(items.map(({ id }) => id).sort()).toEqual(decisions.map(({ id }) => id).sort())
    expect(items.every(({ kind }) => kind === 'decision')).toBe(true)
    expect(await used(place)).toBe(20)
    expect(await usedHot(place)).toBe(20)
  })

  test('before the decision is in the stream: its record stands, the report’s goes', async () => {
    const place = newPlace()
    const id = randomUUIDv7()
    const event = makeReport({ decision_id: id, decision: 'allow' })
    expect(await report(place, event)).toMatchObject({ accepted: 1 })
    const [early] = await shown(place, 1)
    expect(early).toMatchObject({ kind: 'report', decision_id: id })
    await decide(place, { id, decision: 'deny' })
    await eventually(
      () => shown(place, 1),
      ([first]) => first?.id === id,
      8_000,
    )
    expect((await shown(place, 1)).map((item) => [item.id, item.kind])).toEqual([[id, 'decision']])
    await expect(
      on.gateway.call(ingest.rpc.getAudit, { id: early!.id }, personOf(place.org)),
    ).rejects.toMatchObject({ code: 'NOT_FOUND' })
    const { items } = await on.gateway.call(ingest.rpc.getMonthlyUsage, { months: 1 }, personOf(place.org))
    expect(items[0]).toMatchObject({ count: 1, allow: 0, deny: 1 })
    expect(await usedHot(place)).toBe(1)
  })

  test('and a decision that nobody made is one event, recorded as the report it is', async () => {
    const place = newPlace()
    const forged = randomUUID()
    expect(await report(place, makeReport({ decision_id: forged }))).toMatchObject({ accepted: 1 })
    expect(await report(place, makeReport({ decision_id: forged }))).toMatchObject({ accepted: 0 })
    const items = await shown(place, 1)
    expect(items).toMatchObject([{ kind: 'report', decision_id: forged }])
    expect(items[0]!.id).not.toBe(forged)
    expect(await used(place)).toBe(1)
  })

  test('and a decision of another project is not touched by a report that names it', async () => {
    const [theirs, mine] = [newPlace(), newPlace()]
    const decision = await decide(theirs)
    expect(await shown(theirs, 1)).toHaveLength(1)
    const answer = await report(mine, makeReport({ decision_id: decision.id, decision: 'deny' }))
    expect(answer).toMatchObject({ accepted: 1, usage: { count: 1 } })
    expect(await shown(mine, 1)).toMatchObject([{ kind: 'report' }])
    expect(await shown(theirs, 1)).toMatchObject([{ id: decision.id, kind: 'decision', decision: 'allow' }])
    expect([await used(mine), await used(theirs)]).toEqual([1, 1])
    // Also where it is reported first, in another project of the same organisation.
    const sibling = { org: theirs.org, project: randomUUID() }
    const id = randomUUIDv7()
    await report(sibling, makeReport({ decision_id: id }))
    await decide(theirs, { id })
    await drained()
    expect((await shown(theirs, 3)).filter((item) => item.id === id)).toHaveLength(1)
    expect(await used(theirs)).toBe(3)
    expect(await usedHot(theirs)).toBe(3)
  })
})

describe('what was used', () => {
  test('is told with a warning from 80 percent on, and billing hears of 80 and of 100 once', async () => {
    const place = newPlace()
    await setPlan(on, place.org, { max_events_per_month: 10 })
    const batch = (count: number) => ({ events: Array.from({ length: count }, () => makeReport()) })
    await eventually(
      async () => (await report(place, makeReport())).usage.limit,
      (limit) => limit === 10,
      5_000,
    )
    const sofar = await usedHot(place).then((count) => count + 1)
    expect(await report(place, batch(7 - sofar))).not.toHaveProperty('warning')
    const near = await report(place, makeReport())
    expect(near.warning).toContain('8 of the 10 events')
    await report(place, batch(1))
    const over = await report(place, batch(3))
    expect(over).toMatchObject({ accepted: 3, usage: { count: 12, limit: 10 } })
    expect(over.warning).toContain('used up: 12 so far')
    await drained()
    expect(await reachedOf(place)).toEqual([
      { percent: 80, count: 8 },
      { percent: 100, count: 12 },
    ])
  })

  test('is the same in Redis and in ClickHouse, also when Redis has forgotten', async () => {
    const place = newPlace()
    await Promise.all(Array.from({ length: 30 }, () => decide(place)))
    await report(place, { events: Array.from({ length: 30 }, () => makeReport()) })
    await decide(place, { kind: 'admin' })
    await drained()
    expect(await used(place)).toBe(60)
    expect(await usedHot(place)).toBe(60)
    await drained()
    const redis = new Redis(on.redisUrl)
    await redis.del(`ingest:usage:${place.org}`)
    redis.disconnect()
    expect(await usedHot(place)).toBe(61)
  })
})

async function reachedOf({ org }: Place): Promise<{ percent: number; count: number }[]> {
  const connection = await on.bus.raw('provision')
  const manager = await jetstreamManager(connection)
  const { state } = await manager.streams.info('EVENTS')
  const found: { org_id: string; percent: number; count: number }[] = []
  for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
    const message = await manager.streams.getMessage('EVENTS', { seq })
    if (message?.subject === ingest.evt.usageReached.subject) found.push(message.json())
  }
  await connection.close()
  return found.filter((each) => each.org_id === org).map(({ percent, count }) => ({ percent, count }))
}
