import { describe, expect, test } from 'vitest'
import { oldestPage, pageBefore, type List, type Listed } from './oldest-page.server.ts'

const NOW_MS = Date.UTC(2026, 10, 27)
const ROWS = 200

/** A record whose calls were so long ago, listed as the API lists; counts what it is asked. */
function recordOf(agesMs: number[]) {
  const times = agesMs.map((ageMs) => NOW_MS - ageMs).sort((a, b) => b - a)
  let asked = 0
  const list: List = ({ limit, to, cursor }) => {
    asked++
    expect(limit).toBeLessThanOrEqual(ROWS)
    const after = cursor === undefined ? 0 : Number(cursor)
    const start = to === undefined ? after : Math.max(after, firstBefore(times, Date.parse(to)))
    const page = times.slice(start, start + limit)
    return Promise.resolve({
      items: page.map((ms, at) => ({ id: String(start + at), time: new Date(ms).toISOString() })),
      next_cursor: times.length > start + limit ? String(start + limit) : null,
      prev_cursor: cursor === undefined || page.length === 0 ? null : 'newer',
    } as unknown as Listed)
  }
  return { list, asked: () => asked, last: String(times.length - 1) }
}

/** The place of the newest that is older. */
function firstBefore(times: readonly number[], ms: number): number {
  let [low, high] = [0, times.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (times[middle]! < ms) high = middle
    else low = middle + 1
  }
  return low
}

const evenly = (count: number, stepMs: number) => Array.from({ length: count }, (_, at) => at * stepMs)

describe('the far end of the record', () => {
  test.for([
    ['evenly spread', evenly(100_000, 1_000)],
    ['in bursts', [...evenly(50_000, 1), ...evenly(50_000, 1).map((ms) => ms + 30 * 86_400_000)]],
    ['with one that is years older', [...evenly(5_000, 60_000), 9 * 365 * 86_400_000]],
    ['all of one moment', evenly(3_000, 0)],
    ['a few more than a page', evenly(ROWS + 1, 1_000)],
  ] as const)('is found in few questions: %s', async ([, ages]) => {
    const record = recordOf([...ages])
    const page = await oldestPage(record.list, ROWS)
    expect(page.items.at(-1)?.id).toBe(record.last)
    expect(page).toMatchObject({ next_cursor: null, prev_cursor: 'newer' })
    expect(record.asked()).toBeLessThan(70)
  })

  test('of a record of none or one is its top', async () => {
    expect((await oldestPage(recordOf([]).list, ROWS)).items).toEqual([])
    expect((await oldestPage(recordOf([5]).list, ROWS)).items).toHaveLength(1)
  })
})

describe('a moment of the record', () => {
  test('is reached with cursors in both directions, no row after it', async () => {
    const { list } = recordOf(evenly(10_000, 1_000))
    const page = await pageBefore(list, new Date(NOW_MS - 5_000_000).toISOString(), ROWS)
    expect(page.items[0]?.id).toBe('5002')
    expect(page).toMatchObject({ prev_cursor: 'newer', next_cursor: '5202' })
  })

  test('before all records is their end', async () => {
    const { list, last } = recordOf(evenly(1_000, 1_000))
    const page = await pageBefore(list, '2001-01-01T00:00:00Z', ROWS)
    expect(page.items.at(-1)?.id).toBe(last)
  })
})
