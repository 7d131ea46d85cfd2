import { describe, expect, test } from 'vitest'
import { PLANS } from '@mcpshield/contracts/plans'
import type { SubscriptionRow } from './entities.ts'
import { changeOf, entitlementsOf, following, type Terms } from './terms.ts'

const terms = (text: string): Terms => {
  const [plan, period] = text.split(' ') as [Terms['plan'], Terms['period']]
  return { plan, period }
}
const row = (over: Partial<SubscriptionRow> = {}) =>
  ({
    org_id: 'o',
    plan: 'pro',
    period: 'monthly',
    status: 'active',
    anchor: new Date('2026-01-31T00:00:00Z'),
    current_period_start: new Date('2026-01-31T00:00:00Z'),
    current_period_end: new Date('2026-02-28T00:00:00Z'),
    next_plan: null,
    next_period: null,
    ...over,
  }) as SubscriptionRow

describe('a change of plan', () => {
  test.for([
    ['free monthly', 'free monthly', 'none'],
    ['free monthly', 'pro monthly', 'at_once'],
    ['free monthly', 'enterprise yearly', 'at_once'],
    ['pro monthly', 'pro monthly', 'none'],
    ['pro monthly', 'pro yearly', 'at_once'],
    ['pro yearly', 'pro yearly', 'none'],
    ['pro yearly', 'pro monthly', 'at_period_end'],
    ['pro yearly', 'enterprise monthly', 'at_once'],
    ['pro monthly', 'free monthly', 'at_period_end'],
    ['enterprise monthly', 'pro yearly', 'at_period_end'],
    ['enterprise yearly', 'free monthly', 'at_period_end'],
  ] as const)('from %s to %s: %s', ([now, wanted, change]) => {
    expect(changeOf(terms(now), terms(wanted))).toBe(change)
  })

  test('from nothing is one from Free', () => {
    expect(changeOf(undefined, terms('free monthly'))).toBe('none')
    expect(changeOf(undefined, terms('pro monthly'))).toBe('at_once')
  })
})

describe('what follows a period', () => {
  test('is the same again, counted from where it first began', () => {
    expect(following(row())).toMatchObject({
      plan: 'pro',
      period: 'monthly',
      start: new Date('2026-02-28T00:00:00Z'),
      end: new Date('2026-03-31T00:00:00Z'),
    })
  })

  test('is nothing when Free is to follow', () => {
    expect(following(row({ next_plan: 'free', next_period: 'monthly' }))).toBeUndefined()
  })

  test('is counted anew when it is paid otherwise', () => {
    const yearly = row({ plan: 'enterprise', next_plan: 'pro', next_period: 'yearly' })
    const start = new Date('2026-02-28T00:00:00Z')
    expect(following(yearly)).toEqual({
      plan: 'pro',
      period: 'yearly',
      anchor: start,
      start,
      end: new Date('2027-02-28T00:00:00Z'),
    })
  })
})

describe('what an organisation may use', () => {
  test.for([
    [null, 'free', PLANS.free.limits],
    [{ plan: 'pro', next_plan: null }, 'pro', PLANS.pro.limits],
    [{ plan: 'pro', next_plan: 'free' }, 'pro', { ...PLANS.pro.limits, max_projects: 1 }],
    [{ plan: 'enterprise', next_plan: 'pro' }, 'enterprise', PLANS.enterprise.limits],
    [
      { plan: 'enterprise', next_plan: 'free' },
      'enterprise',
      { ...PLANS.enterprise.limits, max_projects: 1 },
    ],
  ] as const)('%j: that of %s, with the projects of the smaller that follows', ([present, plan, limits]) => {
    expect(entitlementsOf('o', present)).toEqual({ org_id: 'o', plan, limits })
  })
})
