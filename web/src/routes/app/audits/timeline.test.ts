import { describe, expect, test } from 'vitest'
import { momentAt, placeAt, timelineOf } from './timeline.ts'

const hour = (number: number, count: number) => ({
  fromMs: number * 1_000,
  toMs: (number + 1) * 1_000,
  count,
})

describe('a list by time', () => {
  test('has the moment of each place, by how many rows each hour has', () => {
    const timeline = timelineOf([hour(0, 100), hour(1, 0), hour(2, 300)], 2_999, 0)
    expect(momentAt(timeline, 0, 400)).toBe(3_000)
    expect(momentAt(timeline, 150, 400)).toBe(2_500)
    expect(momentAt(timeline, 350, 400)).toBe(500)
    expect(momentAt(timeline, 400, 400)).toBe(0)
    // Places are fewer than rows where there are more than can be scrolled through.
    expect(momentAt(timeline, 15, 40)).toBe(2_500)
    for (const place of [0, 10, 150, 350, 400])
      expect(placeAt(timeline, momentAt(timeline, place, 400)!, 400)).toBe(place)
    expect(placeAt(timeline, 9_999, 400)).toBe(0)
    expect(placeAt(timeline, -1, 400)).toBe(400)
  })

  test('has nothing before its oldest record and after its newest', () => {
    expect(timelineOf([hour(0, 100), hour(2, 300)], 2_499, 900)).toEqual([
      { fromMs: 2_000, toMs: 2_500, count: 300 },
      { fromMs: 900, toMs: 1_000, count: 100 },
    ])
  })

  test('without rows has no moment', () => {
    expect(timelineOf([], 5, 5)).toEqual([])
    expect(momentAt([], 0, 0)).toBeUndefined()
    expect(placeAt([], 5, 100)).toBe(0)
  })
})
