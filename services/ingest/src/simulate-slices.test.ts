import { expect, test } from 'vitest'
import { sharedSlices } from './simulate-slices.ts'

/** Keeps the process busy for so long in all, in pieces that nobody notices. */
async function work(pause: () => Promise<void> | undefined, ms: number): Promise<void> {
  for (let done = 0; done < ms; done++) {
    const untilMs = performance.now() + 1
    while (performance.now() < untilMs);
    await pause()
  }
}

test('long work leaves turns to everything else, at most one slice between two of them however much work there is', async () => {
  const slices = sharedSlices()
  let turns = 0
  let done = false
  const tick = () => {
    turns++
    if (!done) setImmediate(tick)
  }
  setImmediate(tick)
  await Promise.all([1, 2, 3].map(() => work(slices().pause, 60)))
  done = true
  expect(turns).toBeGreaterThanOrEqual((3 * 60) / 7)
})

test('short work is not held up at all', () => {
  expect(sharedSlices()().pause()).toBeUndefined()
})
