import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { calendarMonth, periodAt, within, type PeriodName } from './periods.ts'

const date = (text: string) => new Date(`${text}T12:00:00.000Z`)
const days = (anchor: string, period: PeriodName, time: string) => {
  const { start, end } = periodAt(date(anchor), period, date(time))
  return [start, end].map((each) => each.toISOString().slice(0, 10))
}

describe('a period', () => {
  test.for([
    ['2026-01-15', 'monthly', '2026-01-15', '2026-01-15', '2026-02-15'],
    ['2026-01-15', 'monthly', '2026-02-14', '2026-01-15', '2026-02-15'],
    ['2026-01-31', 'monthly', '2026-02-01', '2026-01-31', '2026-02-28'],
    ['2026-01-31', 'monthly', '2026-02-28', '2026-02-28', '2026-03-31'],
    ['2026-01-31', 'monthly', '2026-04-02', '2026-03-31', '2026-04-30'],
    ['2028-01-31', 'monthly', '2028-02-29', '2028-02-29', '2028-03-31'],
    ['2026-12-31', 'monthly', '2027-01-01', '2026-12-31', '2027-01-31'],
    ['2028-02-29', 'yearly', '2029-01-01', '2028-02-29', '2029-02-28'],
    ['2028-02-29', 'yearly', '2031-12-31', '2031-02-28', '2032-02-29'],
    ['2026-07-10', 'yearly', '2027-07-09', '2026-07-10', '2027-07-10'],
  ] as const)('from %s, %s, at %s: %s to %s', ([anchor, period, time, start, end]) => {
    expect(days(anchor, period, time)).toEqual([start, end])
  })

  test('keeps the time of day to the millisecond', () => {
    const { end } = periodAt(new Date('2026-01-31T23:59:59.999Z'), 'monthly', date('2026-02-10'))
    expect(end.toISOString()).toBe('2026-02-28T23:59:59.999Z')
  })

  test('contains its time, and the next one begins where it ends: no overlap, no gap', () => {
    const times = fc.date({ min: new Date('2000-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })
    const later = fc.integer({ min: 0, max: 20 * 366 * 86_400_000 })
    fc.assert(
      fc.property(times, later, fc.constantFrom('monthly', 'yearly'), (anchor, laterMs, period) => {
        const time = new Date(anchor.getTime() + laterMs)
        const { start, end } = periodAt(anchor, period, time)
        expect(start <= time && time < end).toBe(true)
        expect(periodAt(anchor, period, end).start).toEqual(end)
        expect(periodAt(anchor, period, new Date(end.getTime() - 1))).toEqual({ start, end })
        expect(periodAt(anchor, period, anchor).start).toEqual(anchor)
      }),
    )
  })
})

test('a calendar month is one of UTC, also at its first and last millisecond', () => {
  const december = { start: new Date('2026-12-01T00:00:00Z'), end: new Date('2027-01-01T00:00:00Z') }
  expect(calendarMonth(december.start)).toEqual(december)
  expect(calendarMonth(new Date(december.end.getTime() - 1))).toEqual(december)
  expect(calendarMonth(december.end)).not.toEqual(december)
})

test('a time outside a span is moved to its nearer bound, one inside stays', () => {
  const span = { start: date('2026-02-01'), end: date('2026-03-01') }
  expect(within(span, date('2026-01-01'))).toEqual(span.start)
  expect(within(span, date('2026-04-01'))).toEqual(span.end)
  expect(within(span, date('2026-02-10'))).toEqual(date('2026-02-10'))
})
