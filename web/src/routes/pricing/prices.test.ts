import { describe, expect, test } from 'vitest'
import { PLANS } from '@mcpshield/contracts/plans'
import { LIMIT_ROWS, money, priceInWords, yearlyInWords } from './prices.ts'

const priced = (code: keyof typeof PLANS) => ({ ...PLANS[code], currency: 'USD' })

describe('prices', () => {
  test('are minor units, with cents only where there are some', () => {
    expect([money(2_900, 'USD'), money(2_950, 'USD'), money(0, 'EUR')]).toEqual(['$29', '$29.50', '€0'])
  })

  test('by agreement are no number', () => {
    expect(priceInWords(priced('enterprise')).price).toBe('By agreement')
    expect(yearlyInWords(priced('enterprise'))).toBeUndefined()
    expect(yearlyInWords(priced('free'))).toBeUndefined()
    expect(yearlyInWords(priced('pro'))).toBe('or $348 a year')
  })
})

test('no limit is said, never shown as a number', () => {
  expect(LIMIT_ROWS.map(({ of }) => of(PLANS.enterprise.limits))).toEqual([
    'No limit',
    'No limit',
    'For good',
    'No limit',
  ])
  expect(LIMIT_ROWS.map(({ of }) => of(PLANS.free.limits))).toEqual(['10,000', '1', '30 days', '3'])
})
