import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import type { Call } from '@mcpshield/bus/rpc'
import type { Caller } from '@mcpshield/contracts/caller'
import { describe, expect, test } from 'vitest'
import { makeEvent, ORG, OTHER_ORG, outcomeOf } from '../test/events.ts'
import { auditsService, type RecordsOf } from './audits.ts'
import type { Position } from './cursor.ts'
import { namedKey } from './queries.ts'
import { rowsOf, timeMsOf, type DecisionRow } from './rows.ts'
import { healthOf } from '@mcpshield/runtime/health'

function callBy(caller: Caller): Call {
  return { caller, requestId: 'r' }
}
const person = (org_id = ORG) =>
  callBy({ kind: 'user', user_id: randomUUID(), org_id, role: 'viewer', session_id: 's' })

/** The tables as a list: rows in key order, those of one key beside each other. */
function recordsOf(events: ReturnType<typeof makeEvent>[]): RecordsOf {
  const { decisions, outcomes } = rowsOf(events, { receivedMs: 0, untilMs: 0 })
  const key = (row: { time: string; id: string }) => `${row.time} ${row.id}`
  const sorted = decisions.toSorted((a, b) => (key(a) < key(b) ? -1 : 1))
  const beyond = (row: DecisionRow, position: Position | { direction: 'older' }) => {
    if (!('id' in position)) return true
    const at = `${new Date(position.timeMs).toISOString().replace('T', ' ').slice(0, -1)} ${position.id}`
    return position.direction === 'older' ? key(row) < at : key(row) > at
  }
  return (orgId) => ({
    async decisions(_filter, position, limit) {
      const rows = sorted.filter((row) => row.org_id === orgId && beyond(row, position))
      return (position.direction === 'older' ? rows.toReversed() : rows).slice(0, limit)
    },
    decision: async (id) => sorted.find((row) => row.org_id === orgId && row.id === id),
    outcomes: async () => new Map(outcomes.filter((row) => row.org_id === orgId).map((row) => [row.id, row])),
    named: async (reports) =>
      new Set(
        reports
          .filter(({ project_id, decision_id }) =>
            decisions.some(
              (row) => row.kind === 'decision' && row.project_id === project_id && row.id === decision_id,
            ),
          )
          .map(({ project_id, decision_id }) => namedKey(project_id, decision_id)),
      ),
  })
}

const serviceOf = (events: ReturnType<typeof makeEvent>[]) => auditsService(recordsOf(events))

describe('listAudits', () => {
  test('pages forward and back over every row exactly once, in order, whatever was stored twice', async () => {
    const times = fc.constantFrom(
      '2026-03-01T12:00:00.000Z',
      '2026-03-01T12:00:00.001Z',
      '2026-03-02T00:00:00.000Z',
    )
    const stored = fc.array(fc.tuple(times, fc.integer({ min: 1, max: 3 })), { maxLength: 25 })
    await fc.assert(
      fc.asyncProperty(stored, fc.integer({ min: 1, max: 7 }), async (specs, limit) => {
        const events = specs.map(([time]) => makeEvent({ time }))
        const twice = events.flatMap((event, at) => Array.from({ length: specs[at]![1] }, () => event))
        const service = serviceOf(twice)
        const wanted = events
          .map((event) => `${event.time} ${event.id}`)
          .sort()
          .reverse()
        const pages: string[][] = []
        let page = await service.listAudits({ limit }, person())
        expect(page.prev_cursor).toBeNull()
        const keys = () => page.items.map((item) => `${item.time} ${item.id}`)
        pages.push(keys())
        while (page.next_cursor !== null) {
          page = await service.listAudits({ limit, cursor: page.next_cursor }, person())
          pages.push(keys())
        }
        expect(pages.flat()).toEqual(wanted)
        const back = [keys()]
        while (page.prev_cursor !== null) {
          page = await service.listAudits({ limit, cursor: page.prev_cursor }, person())
          back.unshift(keys())
        }
        expect(back.flat()).toEqual(wanted)
      }),
      { numRuns: 100 },
    )
  })

  test('shows a decision with its outcome, and an outcome without a decision not at all', async () => {
    const decision = makeEvent()
    const service = serviceOf([decision, outcomeOf(decision), outcomeOf(makeEvent())])
    const page = await service.listAudits({ limit: 10 }, person())
    expect(page.items).toHaveLength(1)
    expect(page.items[0]).toMatchObject({
      id: decision.id,
      outcome: 'ok',
      rows: 3,
      arguments: decision.arguments,
    })
  })

  test('ends a page early rather than outgrow a message of the bus', async () => {
    const events = Array.from({ length: 6 }, () => makeEvent({ arguments: { text: 'x'.repeat(1_500_000) } }))
    const page = await serviceOf(events).listAudits({ limit: 6 }, person())
    expect(page.items).toHaveLength(2)
    expect(page.next_cursor).not.toBeNull()
  })
})

describe('the record is read', () => {
  const mine = makeEvent()

  test('by a person of the organisation', async () => {
    expect(await serviceOf([mine]).getAudit({ id: mine.id }, person())).toMatchObject({ id: mine.id })
  })

  test('not by a person of another: there is nothing', async () => {
    const service = serviceOf([mine])
    await expect(service.getAudit({ id: mine.id }, person(OTHER_ORG))).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
    expect((await service.listAudits({ limit: 10 }, person(OTHER_ORG))).items).toEqual([])
  })

  test.for([
    { kind: 'anonymous', address: '127.0.0.1' },
    { kind: 'service', name: 'mcp-gateway' },
    { kind: 'key', key_id: ORG, project_id: ORG, org_id: ORG, digest: 'd' },
  ] satisfies Caller[])('not by $kind', async (caller) => {
    const service = serviceOf([mine])
    await expect(service.getAudit({ id: mine.id }, callBy(caller))).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    })
    await expect(service.listAudits({ limit: 1 }, callBy(caller))).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    })
  })
})

test('health names the dependency that does not answer', async () => {
  const checks = { clickhouse: () => Promise.reject(new Error('connection refused')), nats: async () => 1 }
  expect(await healthOf(checks)).toEqual({
    ok: false,
    dependencies: { clickhouse: { ok: false, detail: 'connection refused' }, nats: { ok: true } },
  })
})

test('a row keeps the millisecond of its event', () => {
  const { decisions } = rowsOf([makeEvent({ time: '2026-03-01T12:00:00.007Z' })], {
    receivedMs: 0,
    untilMs: 0,
  })
  expect(timeMsOf(decisions[0]!)).toBe(Date.parse('2026-03-01T12:00:00.007Z'))
})
