import { expect, test } from 'vitest'
import { momentOf, wallClock } from './moments.ts'

test.for([
  ['2026-11-27T10:00:00Z', 'Europe/Berlin', '2026-11-27T10:00:00.000Z'],
  ['2026-11-27T10:00:00.123+05:30', 'UTC', '2026-11-27T04:30:00.123Z'],
  ['2026-07-01T10:00', 'Europe/Berlin', '2026-07-01T08:00:00.000Z'],
  ['2026-01-01T10:00', 'Europe/Berlin', '2026-01-01T09:00:00.000Z'],
  ['2026-01-01', 'Asia/Kolkata', '2025-12-31T18:30:00.000Z'],
  ['2026-03-29T03:30', 'Europe/Berlin', '2026-03-29T01:30:00.000Z'],
  ['2026-02-31T10:00', 'UTC', undefined],
  ['2026-01-01T25:00', 'UTC', undefined],
  ['yesterday', 'UTC', undefined],
  ['2026-13-01T00:00:00Z', 'UTC', undefined],
  ['', 'UTC', undefined],
] as const)('%s in %s is %s', ([text, timeZone, moment]) => {
  expect(momentOf(text, timeZone)).toBe(moment)
})

test('a moment and the wall clock of a zone lead to each other', () => {
  expect(wallClock('2026-07-01T08:00:00.000Z', 'Europe/Berlin')).toBe('2026-07-01T10:00')
  expect(momentOf(wallClock('2026-11-27T08:15:00.000Z', 'America/New_York'), 'America/New_York')).toBe(
    '2026-11-27T08:15:00.000Z',
  )
})
