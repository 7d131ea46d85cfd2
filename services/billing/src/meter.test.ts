import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PLANS, PLAN_CODES } from '@mcpshield/contracts/plans'
import { linesOf, proRata, totalOf, type Metered } from './meter.ts'

const date = (text: string) => new Date(`${text}T00:00:00.000Z`)
const november = { start: date('2026-11-01'), end: date('2026-12-01') }
const whole = (metered: Partial<Metered>): Metered => ({
  plan: 'pro',
  period: 'monthly',
  whole: november,
  until: november.end,
  usage: 12_345,
  ...metered,
})

describe('the lines of an invoice', () => {
  test('are the plan at its price and the usage at none', () => {
    expect(linesOf(whole({}))).toEqual([
      { kind: 'plan', description: 'Pro, monthly', quantity: 1, unit_amount: 2_900, amount: 2_900 },
      {
        kind: 'usage',
        description: '12,345 events, 100,000 included',
        quantity: 12_345,
        unit_amount: 0,
        amount: 0,
      },
    ])
  })

  test('say what part of a period was cut off, and ask for that part', () => {
    const [plan] = linesOf(whole({ until: date('2026-11-16') }))
    expect(plan).toMatchObject({
      description: 'Pro, monthly; pro rata, 2026-11-01 to 2026-11-16 of 2026-11-01 to 2026-12-01',
      amount: 1_450,
    })
  })

  test.for([
    [whole({ plan: 'free', usage: 1 }), 'Free', '1 event, 10,000 included'],
    [whole({ plan: 'free', until: date('2026-11-02'), usage: 0 }), 'Free', '0 events, 10,000 included'],
    [whole({ period: 'yearly' }), 'Pro, yearly', '12,345 events, 100,000 a month included'],
    [
      whole({ plan: 'enterprise', period: 'yearly' }),
      'Enterprise, yearly: price by agreement, invoiced separately',
      '12,345 events, any number included',
    ],
  ] as const)('name the plan and what it includes: %#', ([metered, plan, usage]) => {
    expect(linesOf(metered).map((line) => line.description)).toEqual([plan, usage])
  })

  test('have none of usage when nobody can count it any more', () => {
    expect(linesOf(whole({ usage: null })).map((line) => line.kind)).toEqual(['plan'])
  })

  test('add up to the total, are never negative, and never more than the price', () => {
    const metered = fc.record({
      plan: fc.constantFrom(...PLAN_CODES),
      period: fc.constantFrom('monthly', 'yearly'),
      whole: fc.constant(november),
      until: fc
        .integer({ min: 1, max: november.end.getTime() - november.start.getTime() })
        .map((ms) => new Date(november.start.getTime() + ms)),
      usage: fc.option(fc.nat()),
    })
    fc.assert(
      fc.property(metered, (each) => {
        const lines = linesOf(each)
        expect(lines.every((line) => line.amount === line.quantity * line.unit_amount)).toBe(true)
        expect(lines.every((line) => Number.isSafeInteger(line.amount) && line.amount >= 0)).toBe(true)
        expect(totalOf(lines)).toBe(lines.reduce((sum, line) => sum + line.amount, 0))
        const { price_monthly, price_yearly } = PLANS[each.plan]
        expect(totalOf(lines)).toBeLessThanOrEqual(
          (each.period === 'yearly' ? price_yearly : price_monthly) ?? 0,
        )
      }),
    )
  })
})

describe('pro rata', () => {
  const span = (startMs: number, endMs: number) => ({ start: new Date(startMs), end: new Date(endMs) })

  test.for([
    [100, 4, 2, 50],
    [1, 2, 1, 1], // Half is rounded up.
    [1, 1_000, 499, 0],
    [10, 4, 1, 3],
    [34_800, 31_622_400_000, 31_622_399_999, 34_800],
  ] as const)('of %i, %i ms of which %i have passed: %i', ([price, wholeMs, passedMs, amount]) => {
    expect(proRata(price, span(0, wholeMs), span(0, passedMs))).toBe(amount)
  })

  test('of all parts of a period adds up to its price, wherever it was cut', () => {
    const price = fc.integer({ min: 0, max: 2 ** 31 - 1 })
    const cuts = fc.array(fc.integer({ min: 0, max: 31_622_400_000 }), { maxLength: 12 })
    fc.assert(
      fc.property(price, cuts, (whole, times) => {
        const bounds = [0, ...times.toSorted((a, b) => a - b), 31_622_400_000]
        const parts = bounds.slice(1).map((end, index) => span(bounds[index] ?? 0, end))
        const amounts = parts.map((part) => proRata(whole, span(0, 31_622_400_000), part))
        expect(amounts.every((amount) => amount >= 0)).toBe(true)
        expect(amounts.reduce((sum, amount) => sum + amount, 0)).toBe(whole)
      }),
    )
  })
})
