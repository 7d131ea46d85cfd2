import { expect, test } from 'vitest'
import { planKeys, signingKeyOf } from './key-plan.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const start = new Date('2026-01-01T00:00:00Z')
const after = (ms: number) => new Date(start.getTime() + ms)
const first = { kid: 'first', signs_from: start }
const second = { kid: 'second', signs_from: after(30 * DAY_MS) }

test('without a key one is made that signs at once', () => {
  expect(planKeys([], start, 30)).toEqual({ makeFrom: start, remove: [] })
})

test('the next key is made an hour before its time, and not earlier', () => {
  expect(planKeys([first], after(30 * DAY_MS - HOUR_MS - 1), 30)).toEqual({ remove: [] })
  expect(planKeys([first], after(30 * DAY_MS - HOUR_MS), 30)).toEqual({
    makeFrom: second.signs_from,
    remove: [],
  })
  expect(planKeys([second, first], after(30 * DAY_MS - HOUR_MS + 1), 30)).toEqual({ remove: [] })
})

test('a key that is long overdue is replaced an hour from now: nobody verifies with it before', () => {
  const now = after(90 * DAY_MS)
  expect(planKeys([first], now, 30).makeFrom).toEqual(new Date(now.getTime() + HOUR_MS))
})

test('the new key signs from its time on, the old one until then', () => {
  expect(signingKeyOf([second, first], new Date(second.signs_from.getTime() - 1))).toBe(first)
  expect(signingKeyOf([second, first], second.signs_from)).toBe(second)
  expect(signingKeyOf([], start)).toBeUndefined()
})

test('a key is kept while a token that it signed may be alive, and deleted then', () => {
  const over = second.signs_from.getTime() + 2 * HOUR_MS
  expect(planKeys([second, first], new Date(over - 1), 30).remove).toEqual([])
  expect(planKeys([second, first], new Date(over), 30).remove).toEqual(['first'])
  expect(planKeys([second], new Date(over), 30).remove).toEqual([])
})
