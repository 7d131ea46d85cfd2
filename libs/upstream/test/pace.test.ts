import { expect, test } from 'vitest'
import { openPace } from '../src/pace.ts'

test('work that is seldom never waits, and work without end waits nine tenths of the time', () => {
  let nowMs = 0
  const seldom = openPace(() => nowMs)
  for (let count = 0; count < 1_000; count++, nowMs += 100) expect(seldom.worked(9)).toBe(0)

  nowMs = 0
  const endless = openPace(() => nowMs)
  let workedMs = 0
  while (nowMs < 100_000) {
    nowMs += 10
    workedMs += 10
    nowMs += endless.worked(10)
  }
  expect(workedMs / nowMs).toBeGreaterThan(0.09)
  expect(workedMs / nowMs).toBeLessThan(0.12)
})
