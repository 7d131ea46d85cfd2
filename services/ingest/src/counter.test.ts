import { randomUUID } from 'node:crypto'
import { PLANS } from '@mcpshield/contracts/plans'
import { createLog } from '@mcpshield/runtime/log'
import { describe, expect, test } from 'vitest'
import { makeEvent, ORG, PROJECT } from '../test/events.ts'
import { counter, type UsageReached } from './counter.ts'
import { monthOf } from './months.ts'
import type { Counted, Counting, Counts } from './redis.ts'
import { rowsOf } from './rows.ts'

const receivedMs = Date.UTC(2026, 2, 15)
const month = monthOf(receivedMs)
const keeping = { receivedMs, untilMs: receivedMs + 1 }

/** Redis as a map, for one organisation and month. */
function world(stored = 0) {
  const marks = new Map<string, Counting['as']>()
  const state = { count: undefined as number | undefined, told: 0, seeds: 0, stream: true }
  const heard: (UsageReached & { id: string })[] = []
  const answerTo = ({ countsAs, as }: Counting): Counted => {
    const known = marks.get(countsAs)
    if (known === 'decided') return 'decided'
    marks.set(countsAs, as)
    if (known === undefined) state.count! += 1
    return known === undefined ? 'counted' : 'known'
  }
  const counts = {
    count: async (_orgId: string, events: [Counting, ...Counting[]]) =>
      state.count === undefined ? { missing: month } : { counted: events.map(answerTo), total: state.count },
    begin: async (_orgId: string, _month: number, count: number) => void (state.count ??= count),
    read: async () => state.count,
    told: async () => state.told,
    setTold: async (_orgId: string, _month: number, percent: number) => void (state.told = percent),
  } as unknown as Counts
  const counted = counter({
    counts,
    limitsOf: () => ({ ...PLANS.free.limits, max_events_per_month: 10 }),
    storedCount: async () => {
      state.seeds++
      return stored
    },
    tell: async (reached, id) => {
      if (!state.stream) throw new Error('not acknowledged')
      heard.push({ ...reached, id })
    },
    log: createLog('test', { level: 'silent' }),
  })
  return { counted, state, heard }
}

const claims = (count: number) =>
  Array.from({ length: count }, () => ({
    projectId: PROJECT,
    countsAs: randomUUID(),
    month,
    as: 'claimed',
  })) as [Counting, ...Counting[]]

describe('counting', () => {
  test('begins with what ClickHouse has, once', async () => {
    const { counted, state } = world(4)
    expect(await counted.count(ORG, claims(2))).toEqual({ counted: ['counted', 'counted'], total: 6 })
    expect(await counted.read(ORG, month)).toBe(6)
    expect(state.seeds).toBe(1)
  })

  test('tells of 80 and of 100 percent once each, with an id that is always the same', async () => {
    const { counted, heard } = world(7)
    await counted.count(ORG, claims(0 + 1))
    await counted.count(ORG, claims(1))
    await counted.count(ORG, claims(3))
    await counted.count(ORG, claims(1))
    expect(heard.map(({ percent, count }) => [percent, count])).toEqual([
      [80, 8],
      [100, 12],
    ])
    const other = world(20)
    await other.counted.count(ORG, claims(1))
    expect(other.heard.map(({ percent, id }) => [percent, id])).toEqual([[100, heard[1]!.id]])
  })

  test('tells later what could not be told, and counts all the same', async () => {
    const { counted, state, heard } = world(9)
    state.stream = false
    expect((await counted.count(ORG, claims(1))).total).toBe(10)
    expect([heard, state.told]).toEqual([[], 0])
    state.stream = true
    await counted.count(ORG, claims(1))
    expect(heard).toMatchObject([{ percent: 100, count: 11 }])
  })
})

describe('of the rows of a batch', () => {
  const decision = makeEvent()
  const naming = (project_id = PROJECT) =>
    makeEvent({ kind: 'report', project_id, decision_id: decision.id, id: randomUUID() })

  test('a report of a decision that is there is left out, wherever it stands', async () => {
    const { counted, state } = world()
    const [before, plain] = [naming(), makeEvent({ kind: 'report' })]
    const rows = await counted.admit(rowsOf([decision, before, plain], keeping))
    expect(rows.decisions.map(({ id }) => id)).toEqual([decision.id, plain.id])
    expect(rows.usage).toHaveLength(2)
    const later = await counted.admit(rowsOf([naming()], keeping))
    expect([later.decisions, later.usage]).toEqual([[], []])
    expect(state.count).toBe(2)
  })

  test('administrative acts do not count, and the same batch again counts nothing', async () => {
    const { counted, state } = world()
    const rows = rowsOf([decision, makeEvent({ kind: 'admin' })], keeping)
    expect((await counted.admit(rows)).decisions).toHaveLength(2)
    expect((await counted.admit(rows)).decisions).toHaveLength(2)
    expect(state.count).toBe(1)
  })
})
