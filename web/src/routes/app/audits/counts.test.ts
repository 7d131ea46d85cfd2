import { expect, test } from 'vitest'
import { spansOf } from './counts.ts'

const NOW_MS = Date.parse('2026-11-27T12:30:00Z')
const at = (time: string) => Date.parse(`2026-11-27T${time}Z`)
const items = [
  { key: '2026-11-27T10:00:00.000Z', count: 5 },
  { key: '2026-11-27T12:00:00.000Z', count: 7 },
]

test('counts are of their hours, the running one as far as it went', () => {
  expect(spansOf(items, 'hour', {}, NOW_MS)).toEqual([
    { fromMs: at('10:00:00'), toMs: at('11:00:00'), count: 5 },
    { fromMs: at('12:00:00'), toMs: at('12:30:00'), count: 7 },
  ])
})

test('counts are cut to the range that they were asked for', () => {
  const range = { from: '2026-11-27T10:45:00Z', to: '2026-11-27T12:10:00Z' }
  expect(spansOf(items, 'hour', range, NOW_MS)).toEqual([
    { fromMs: at('10:45:00'), toMs: at('11:00:00'), count: 5 },
    { fromMs: at('12:00:00'), toMs: at('12:10:00'), count: 7 },
  ])
  expect(spansOf([{ key: '2026-11-27T00:00:00.000Z', count: 1 }], 'day', range, NOW_MS)).toEqual([
    { fromMs: at('10:45:00'), toMs: at('12:10:00'), count: 1 },
  ])
})
