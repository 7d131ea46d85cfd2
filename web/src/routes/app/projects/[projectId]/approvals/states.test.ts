import { expect, test } from 'vitest'
import { byExpiry, stateIn, timeLeft } from './states.ts'

const NOW_MS = Date.parse('2026-11-27T10:00:00Z')

test.for([
  [0, 'over'],
  [-5, 'over'],
  [1, '1 s'],
  [58.2, '59 s'],
  [60, '1 min 00 s'],
  [245, '4 min 05 s'],
  [3_600, '1 h 0 min'],
  [86_400 * 3, '3 days'],
] as const)('%d seconds before it ends there is left: %s', ([seconds, left]) => {
  expect(timeLeft(new Date(NOW_MS + seconds * 1_000).toISOString(), NOW_MS)).toBe(left)
})

test('a state that is none is no filter', () => {
  expect(stateIn('pending')).toBe('pending')
  expect(stateIn('constructor')).toBeUndefined()
  expect(stateIn(null)).toBeUndefined()
})

test('what ends first is first', () => {
  const times = ['2026-11-27T10:02:00Z', '2026-11-27T10:01:00Z'].map((expires_at) => ({ expires_at }))
  expect(times.toSorted(byExpiry)[0]).toBe(times[1])
})
