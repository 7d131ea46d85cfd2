import { expect, test } from 'vitest'
import { floorOf, slopeOf, type Sample } from './slope.ts'

const saw = (perSecond: number): Sample[] =>
  Array.from({ length: 1_200 }, (_, seconds) => ({
    seconds,
    value: 100 + perSecond * seconds + (seconds % 17) * 3,
  }))

test('memory that swings and comes back does not grow', () => {
  expect(Math.abs(slopeOf(floorOf(saw(0), 60)))).toBeLessThan(0.001)
})

test('what is kept beneath the swinging is seen', () => {
  expect(slopeOf(floorOf(saw(0.05), 60))).toBeCloseTo(0.05, 2)
})

test('one odd sample changes little', () => {
  const samples = floorOf(saw(0), 60)
  samples[3] = { seconds: 200, value: 10_000 }
  expect(Math.abs(slopeOf(samples))).toBeLessThan(0.01)
})

test('too few samples have no slope', () => {
  expect(slopeOf([])).toBe(0)
  expect(slopeOf([{ seconds: 1, value: 1 }])).toBe(0)
})
