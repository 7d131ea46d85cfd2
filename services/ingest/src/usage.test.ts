import type { Call } from '@mcpshield/bus/rpc'
import { PLANS } from '@mcpshield/contracts/plans'
import { describe, expect, test } from 'vitest'
import { ORG } from '../test/events.ts'
import { monthName, monthOf, monthSpan } from './months.ts'
import { NO_COUNTS } from './usage-queries.ts'
import { keysWithin, usageService } from './usage.ts'

const DAY_MS = 86_400_000
const at = Date.UTC

describe('times are without gaps and in order', () => {
  test.for([
    ['day', at(2026, 1, 27), at(2026, 2, 1, 5), ['2026-02-27', '2026-02-28', '2026-03-01']],
    ['week', at(2026, 1, 27), at(2026, 2, 9), ['2026-02-23', '2026-03-02']],
    ['week', at(2026, 1, 27), at(2026, 2, 9, 1), ['2026-02-23', '2026-03-02', '2026-03-09']],
    ['month', at(2025, 10, 30), at(2026, 1, 1, 1), ['2025-11', '2025-12', '2026-01', '2026-02']],
    ['month', at(2026, 0, 1), at(2026, 1, 1), ['2026-01']],
  ] as const)('by %s from %d to %d', ([by, fromMs, toMs, wanted]) => {
    expect(keysWithin({ fromMs, toMs }, by)).toEqual(wanted)
  })

  test('and other things are not times', () => {
    expect(keysWithin({ fromMs: 0, toMs: DAY_MS }, 'tool')).toBeUndefined()
  })
})

test('months begin and end with the UTC month', () => {
  const { fromMs, toMs } = monthSpan(monthOf(at(2026, 10, 30, 23, 59, 59, 999)))
  expect([fromMs, toMs]).toEqual([at(2026, 10, 1), at(2026, 11, 1)])
  expect(monthOf(toMs)).toBe(monthOf(fromMs) + 1)
  expect(monthName(monthOf(fromMs))).toBe('2026-11')
})

describe('usage', () => {
  const found = [{ key: '2026-02', count: 3, allow: 2, deny: 1, ask: 0 }]
  const service = usageService({
    usageOf: () => ({ total: async () => ({ ...NO_COUNTS, count: 3 }), by: async () => found }),
    limitsOf: () => PLANS.free.limits,
    now: () => new Date('2026-03-15T12:00:00Z'),
  })
  const call = (caller: Call['caller']): Call => ({ caller, requestId: 'r' })
  const person = call({ kind: 'user', user_id: ORG, org_id: ORG, role: 'viewer', session_id: 's' })

  test('by month is newest first, and has the running month where nothing has happened', async () => {
    const { items } = await service.getMonthlyUsage({ months: 3 }, person)
    expect(items).toEqual([
      { month: '2026-03', ...NO_COUNTS, limit: 10_000 },
      { month: '2026-02', count: 3, allow: 2, deny: 1, ask: 0, limit: 10_000 },
      { month: '2026-01', ...NO_COUNTS, limit: 10_000 },
    ])
  })

  test('is read by people of the organisation only, and counted for our services only', async () => {
    const span = { org_id: ORG, from: '2026-03-01T00:00:00Z', to: '2026-04-01T00:00:00Z' }
    const service_ = call({ kind: 'service', name: 'billing' })
    expect(await service.countEvents(span, service_)).toEqual({ count: 3 })
    await expect(service.countEvents(span, person)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' })
    await expect(service.getMonthlyUsage({ months: 1 }, service_)).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    })
    await expect(
      service.getUsageSummary({ days: 1, group_by: 'day' }, call({ kind: 'anonymous', address: 'a' })),
    ).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })
})
