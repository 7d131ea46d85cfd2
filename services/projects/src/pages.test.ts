import { expect, test } from 'vitest'
import { fitting } from './pages.ts'

const rows = Array.from({ length: 200 }, (_, index) => index)
const busyFor = (ms: number) => {
  const untilMs = performance.now() + ms
  while (performance.now() < untilMs);
}

test('a page has every row that takes no time', () => {
  expect(fitting(rows, (row) => row)).toEqual(rows)
})

test('a page of rows that take long to be shown is shorter, and never empty', () => {
  const startedMs = performance.now()
  const shown = fitting(rows, (row) => (busyFor(100), row))
  expect(performance.now() - startedMs).toBeLessThan(2_500)
  expect(shown).toEqual(rows.slice(0, shown.length))
  expect(shown.length).toBeGreaterThan(1)
  expect(fitting(rows, (row) => (busyFor(1_100), row))).toEqual([0])
})

test('a page of rows that are too large is shorter, and never empty', () => {
  expect(fitting(rows, () => 'x'.repeat(1024 * 1024))).toHaveLength(1)
  expect(fitting(rows, () => 'x'.repeat(3 * 1024 * 1024))).toHaveLength(1)
})
