import { describe, expect, test } from 'vitest'
import { PLANS, type PlanCode } from '@mcpshield/contracts/plans'
import { changeOf, lossesOf, money, priceOf, wordFor, type Period, type Subscription } from './changes.ts'

const now = (plan: PlanCode, period: Period, more: Partial<Subscription> = {}) =>
  ({
    plan: { ...PLANS[plan], currency: 'USD' },
    period,
    next_plan: null,
    next_period: null,
    ...more,
  }) as Subscription

describe('a change', () => {
  test.for([
    ['free', 'monthly', 'free', 'yearly', 'none'],
    ['free', 'monthly', 'pro', 'monthly', 'at_once'],
    ['pro', 'monthly', 'pro', 'monthly', 'none'],
    ['pro', 'monthly', 'pro', 'yearly', 'at_once'],
    ['pro', 'yearly', 'pro', 'monthly', 'at_period_end'],
    ['pro', 'yearly', 'enterprise', 'monthly', 'at_once'],
    ['pro', 'monthly', 'free', 'monthly', 'at_period_end'],
    ['enterprise', 'yearly', 'pro', 'yearly', 'at_period_end'],
  ] as const)('from %s %s to %s %s is %4$s', ([plan, period, wanted, by, change]) => {
    expect(changeOf(now(plan, period), wanted, by)).toBe(change)
  })

  test('to what is there takes back what was to follow, and what follows already is no change', () => {
    const canceled = now('pro', 'monthly', { next_plan: 'free' })
    expect(changeOf(canceled, 'pro', 'monthly')).toBe('keep')
    expect(changeOf(canceled, 'free', 'monthly')).toBe('follows')
    expect(changeOf(canceled, 'enterprise', 'monthly')).toBe('at_once')
    const shorter = now('pro', 'yearly', { next_period: 'monthly' })
    expect(changeOf(shorter, 'pro', 'monthly')).toBe('follows')
    expect(changeOf(shorter, 'pro', 'yearly')).toBe('keep')
  })

  test('has a word on its button', () => {
    const pro = now('pro', 'monthly')
    expect(wordFor(pro, PLANS.enterprise, 'monthly')).toBe('Upgrade to Enterprise')
    expect(wordFor(pro, PLANS.free, 'monthly')).toBe('Downgrade to Free')
    expect(wordFor(pro, PLANS.pro, 'yearly')).toBe('Pay by the year')
    expect(wordFor(pro, PLANS.pro, 'monthly')).toBe('Your plan')
  })
})

test('who goes down is told what is less, and who goes up nothing', () => {
  expect(lossesOf(PLANS.pro.limits, PLANS.free.limits)).toHaveLength(4)
  expect(lossesOf(PLANS.enterprise.limits, PLANS.pro.limits)).toHaveLength(3)
  expect(lossesOf(PLANS.free.limits, PLANS.enterprise.limits)).toEqual([])
  expect(lossesOf(PLANS.pro.limits, PLANS.pro.limits)).toEqual([])
})

test('amounts are minor units', () => {
  expect(money(2_900, 'USD')).toBe('$29')
  expect(money(1_234, 'USD')).toBe('$12.34')
  expect(priceOf({ ...PLANS.pro, currency: 'USD' }, 'yearly')).toBe('$348 a year')
  expect(priceOf({ ...PLANS.enterprise, currency: 'USD' }, 'monthly')).toBe('By agreement')
})
