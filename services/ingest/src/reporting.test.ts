import { randomUUID, randomUUIDv7 } from 'node:crypto'
import type { AuditEvent } from '@mcpshield/contracts/audit'
import { AppError } from '@mcpshield/contracts/errors'
import type { ReportedEvent } from '@mcpshield/contracts/ingest'
import { PLANS } from '@mcpshield/contracts/plans'
import { describe, expect, test } from 'vitest'
import { ORG, PROJECT } from '../test/events.ts'
import { reportingService, warningOf, type ReportingDeps } from './reporting.ts'
import type { Counted } from './redis.ts'
import { reportId } from './reports.ts'

const now = new Date('2026-03-15T12:00:00Z')
const call = {
  caller: { kind: 'key', key_id: ORG, project_id: PROJECT, org_id: ORG, digest: 'd' },
  requestId: 'r',
} as const
const makeReport = (override: Partial<ReportedEvent> = {}): ReportedEvent => ({
  event_id: randomUUID(),
  type: 'api_call',
  tool: 't',
  timestamp: now.toISOString(),
  ...override,
})

/** Redis, the stream and ClickHouse as sets; each can be away. */
function world() {
  const marked = new Set<string>()
  const recorded: AuditEvent[] = []
  const asked: string[][] = []
  const away = { redis: false, stream: false, clickhouse: false }
  let held: PromiseWithResolvers<void> | undefined
  const unavailable = () => new AppError('UNAVAILABLE', 'away', { retry_after_ms: 1_000 })
  const deps: ReportingDeps = {
    audit: {
      record: async (event) => {
        await held?.promise
        if (away.stream) throw unavailable()
        recorded.push(event)
      },
    },
    counter: {
      read: async () => marked.size,
      count: async (_orgId, events) => {
        if (away.redis) throw unavailable()
        const counted = events.map(({ countsAs }): Counted => (marked.has(countsAs) ? 'known' : 'counted'))
        for (const { countsAs } of events) marked.add(countsAs)
        return { counted, total: marked.size }
      },
    },
    marks: {
      marked: async (_projectId, ids) => {
        if (away.redis) throw unavailable()
        return ids.map((id) => marked.has(id))
      },
      remember: async () => undefined,
    },
    countedBefore: async (_orgId, _projectId, ids) => {
      asked.push(ids)
      if (away.clickhouse) throw unavailable()
      return new Set()
    },
    limitsOf: () => PLANS.free.limits,
    now: () => now,
  }
  /** From now on the stream takes its time, until what is returned is called. */
  const hold = () => {
    held = Promise.withResolvers()
    return held.resolve
  }
  return { deps, marked, recorded, asked, away, hold }
}

describe('nothing is lost and nothing is forgotten', () => {
  test('when the stream does not acknowledge: UNAVAILABLE, and sent again it is recorded', async () => {
    const { deps, marked, recorded, away } = world()
    const { reportEvents } = reportingService(deps)
    const event = makeReport()
    away.stream = true
    await expect(reportEvents(event, call)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      details: { retry_after_ms: expect.any(Number) as number },
    })
    expect(marked.size).toBe(0)
    away.stream = false
    expect(await reportEvents(event, call)).toMatchObject({ accepted: 1, duplicates: 0 })
    expect(recorded).toHaveLength(1)
  })

  test('when Redis does not answer: UNAVAILABLE before anything is published', async () => {
    const { deps, recorded, away } = world()
    away.redis = true
    await expect(reportingService(deps).reportEvents(makeReport(), call)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    })
    expect(recorded).toEqual([])
  })

  test('when ClickHouse must be asked and does not answer: UNAVAILABLE, rather than counted twice', async () => {
    const { deps, recorded, away } = world()
    away.clickhouse = true
    const { reportEvents } = reportingService(deps)
    await expect(reportEvents(makeReport({ decision_id: randomUUID() }), call)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    })
    expect(recorded).toEqual([])
    expect(await reportEvents(makeReport(), call)).toMatchObject({ accepted: 1 })
  })

  test('when more comes than can be on its way: RATE_LIMITED, and accepted once there is room', async () => {
    const { deps, recorded, hold } = world()
    const release = hold()
    const { reportEvents } = reportingService({ ...deps, maxUnitsInFlight: 3_000 })
    const first = reportEvents({ events: [makeReport()] }, call)
    await new Promise(setImmediate)
    const refused = { events: [makeReport(), makeReport()] }
    await expect(reportEvents(refused, call)).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      details: { retry_after_ms: expect.any(Number) as number },
    })
    release()
    await first
    expect(recorded).toHaveLength(1)
    expect(await reportEvents(refused, call)).toMatchObject({ accepted: 2 })
  })
})

test('ClickHouse is asked only for what may be older than the marks', async () => {
  const { deps, asked } = world()
  const { reportEvents } = reportingService(deps)
  const madeAt = (ms: number) => {
    const hex = ms.toString(16).padStart(12, '0')
    return `${hex.slice(0, 8)}-${hex.slice(8)}-${randomUUIDv7().slice(14)}`
  }
  await reportEvents(makeReport({ decision_id: madeAt(now.getTime() - 10 * 60_000) }), call)
  await reportEvents(makeReport(), call)
  expect(asked).toEqual([])
  const old = madeAt(now.getTime() - 2 * 3_600_000)
  await reportEvents(makeReport({ decision_id: old }), call)
  const late = makeReport({ timestamp: new Date(now.getTime() - 8 * 86_400_000).toISOString() })
  await reportEvents(late, call)
  expect(asked).toEqual([[old], [reportId(PROJECT, late.event_id)]])
})

test.for([
  [{ count: 7_999, limit: 10_000 }, undefined],
  [{ count: 8_000, limit: 10_000 }, '8,000 of the 10,000'],
  [{ count: 9_999, limit: 10_000 }, '9,999 of the 10,000'],
  [{ count: 10_000, limit: 10_000 }, 'used up: 10,000'],
  [{ count: 1_000_000, limit: null }, undefined],
] as const)('of %j the warning is %j', ([usage, words]) => {
  const warning = warningOf({ month: '2026-03', ...usage })
  if (words === undefined) expect(warning).toBeUndefined()
  else expect(warning).toContain(words)
})
