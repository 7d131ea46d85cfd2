import { expect, test } from 'vitest'
import { MAX_TRIES, pauseAfter, pauseOfServer } from './retries.ts'

const middle = () => 0.5

test('pauses grow from 5 seconds to 15 minutes', () => {
  const pauses = Array.from({ length: MAX_TRIES }, (_, at) => pauseAfter(at + 1, middle) / 1_000)
  expect(pauses).toEqual([5, 15, 45, 135, 405, 900, 900, 900])
})

test('those who failed together do not come again together', () => {
  expect(pauseAfter(1, () => 0)).toBe(4_000)
  expect(pauseAfter(1, () => 1)).toBe(6_000)
})

test('a server that is away is left alone, longer each time, and at once no more when it is back', () => {
  let nowMs = 0
  const pause = pauseOfServer(() => nowMs)
  const seen: number[] = []
  for (let at = 0; at < 7; at++) {
    pause.unreachable()
    pause.unreachable()
    seen.push(pause.remainingMs())
    nowMs += pause.remainingMs()
  }
  expect(seen).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
  pause.unreachable()
  pause.reached()
  expect(pause.remainingMs()).toBe(0)
  pause.unreachable()
  expect(pause.remainingMs()).toBe(1_000)
})
