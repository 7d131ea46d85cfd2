import { expect, test } from 'vitest'
import { bytesInWords, durationInWords, rowTimes } from './wording.ts'

test('a moment is shown in the reader’s zone, to the millisecond or the minute, and in UTC', () => {
  expect(rowTimes('2026-11-27T09:05:01.007Z', 'Europe/Berlin')).toEqual({
    long: '27 Nov, 10:05:01.007',
    short: '27 Nov, 10:05',
    utc: '2026-11-27 09:05:01.007 UTC',
  })
})

test.for([
  [null, ''],
  [0.25, '0.3 ms'],
  [999.4, '999 ms'],
  [1_250, '1.3 s'],
  [90_000, '90 s'],
] as const)('%s ms are %s', ([ms, words]) => {
  expect(durationInWords(ms)).toBe(words)
})

test.for([
  [0, '0 B'],
  [1_536, '1.5 KiB'],
  [3 << 20, '3.0 MiB'],
] as const)('%d bytes are %s', ([bytes, words]) => {
  expect(bytesInWords(bytes)).toBe(words)
})
