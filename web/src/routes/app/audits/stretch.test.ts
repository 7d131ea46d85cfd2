import { describe, expect, test } from 'vitest'
import {
  endOf,
  fromPlace,
  fromTop,
  letGo,
  MOST_PLACES,
  rowAt,
  SPARE_PLACES,
  withNewer,
  withOlder,
  withPlaces,
  type Page,
  type Stretch,
} from './stretch.ts'

const PAGE = 10

/** A list of numbers, newest first: its rows are their own places. Cursors are places. */
function listOf(length: number) {
  const page = (from: number, to: number): Page<number> => ({
    rows: Array.from({ length: Math.max(0, to - from) }, (_, at) => from + at),
    newer: from <= 0 ? null : String(from),
    older: to >= length ? null : String(to),
  })
  return {
    at: (place: number) => page(Math.max(0, place), Math.min(place + PAGE, length)),
    older: ({ pages }: Stretch<number>) => {
      const from = Number(pages.at(-1)!.older)
      return page(from, Math.min(from + PAGE, length))
    },
    newer: ({ pages }: Stretch<number>) => {
      const to = Number(pages[0]!.newer)
      return page(Math.max(0, to - PAGE), to)
    },
  }
}

const held = (stretch: Stretch<number>) => stretch.pages.flatMap(({ rows }) => rows)
const isLast = ({ pages }: Stretch<number>) => pages.at(-1)!.older === null
const isFirst = ({ pages }: Stretch<number>) => pages[0]!.newer === null

function readDown(stretch: Stretch<number>, list: ReturnType<typeof listOf>): Stretch<number> {
  let now = stretch
  while (!isLast(now)) now = withOlder(now, list.older(now)).stretch
  return now
}

describe('a stretch of a list', () => {
  test('that begins at the top has each row at its place, and is counted when its end is read', () => {
    const list = listOf(43)
    let stretch = fromTop(list.at(0))
    expect(stretch).toMatchObject({ start: 0, counted: undefined, places: PAGE + 1 + SPARE_PLACES })
    stretch = readDown(stretch, list)
    expect(held(stretch)).toEqual(Array.from({ length: 43 }, (_, at) => at))
    expect(stretch).toMatchObject({ places: 43, counted: 43 })
    for (const place of [0, 9, 10, 42]) expect(rowAt(stretch, place)).toBe(place)
    expect(rowAt(stretch, 43)).toBeUndefined()
    expect(rowAt(stretch, -1)).toBeUndefined()
  })

  test('lets go what is far from where one looks, and reads it again in its place', () => {
    const list = listOf(100)
    const whole = readDown(fromTop(list.at(0)), list)
    const part = letGo(whole, { first: 45, last: 55 }, 10)
    expect([part.start, endOf(part)]).toEqual([30, 70])
    expect(part).toMatchObject({ places: 100, counted: 100 })
    expect(rowAt(part, 29)).toBeUndefined()
    const { stretch, shift } = withNewer(part, list.newer(part))
    expect([rowAt(stretch, 29), shift]).toEqual([29, 0])
    expect(letGo(part, { first: 45, last: 55 }, 10)).toBe(part)
  })

  test('that begins at a place nobody has counted is set right at the ends, and says by how much', () => {
    const list = listOf(60)
    const thought = withPlaces(fromTop(list.at(0)), 100)
    // Rows 30 to 39 were thought to be at place 50.
    let now = fromPlace(list.at(30), 50, thought)
    expect(now).toMatchObject({ start: 50, places: 100 })
    let moved = 0
    while (!isFirst(now)) {
      const { stretch, shift } = withNewer(now, list.newer(now))
      now = stretch
      moved += shift
    }
    expect(moved).toBe(-20)
    expect(now).toMatchObject({ start: 0, isStartSure: true, places: 80 })
    now = readDown(now, list)
    expect(now).toMatchObject({ counted: 60, places: 60 })
    expect(held(now)).toEqual(Array.from({ length: 60 }, (_, at) => at))
  })

  test('thought to be nearer to the top than it is moves down while there are newer rows', () => {
    const list = listOf(60)
    const now = fromPlace(list.at(50), 4, withPlaces(fromTop(list.at(0)), 100))
    // The last rows are at the end, wherever they were thought to be.
    expect(now.start).toBe(90)
    const early = fromPlace(list.at(30), 4, withPlaces(fromTop(list.at(0)), 100))
    const { stretch, shift } = withNewer(early, list.newer(early))
    expect(shift).toBe(SPARE_PLACES - (4 - PAGE))
    expect(rowAt(stretch, stretch.start)).toBe(20)
  })

  test('keeps a total that was counted, wherever one jumps', () => {
    const list = listOf(60)
    const counted = readDown(fromTop(list.at(0)), list)
    const end = fromPlace(list.at(50), 0, counted)
    expect(end).toMatchObject({ start: 50, places: 60, counted: 60, isStartSure: true })
    let middle = fromPlace(list.at(20), 27, counted)
    expect(middle).toMatchObject({ start: 27, counted: 60, isStartSure: false })
    middle = readDown(middle, list)
    expect(middle).toMatchObject({ start: 20, counted: 60, isStartSure: true })
  })

  test('counts what came in at the top since', () => {
    const list = listOf(60)
    const counted = letGo(readDown(fromTop(list.at(0)), list), { first: 50, last: 59 }, 0)
    let now = counted
    while (now.start > PAGE) now = withNewer(now, list.newer(now)).stretch
    // Three more than were there.
    const page = { rows: [-3, -2, -1, ...list.at(0).rows], newer: null, older: '10' }
    const { stretch, shift } = withNewer(now, page)
    expect(shift).toBe(3)
    expect(stretch).toMatchObject({ start: 0, counted: 63, places: 63 })
  })

  test('is never longer than a browser can scroll through', () => {
    const list = listOf(10_000_000)
    const top = withPlaces(fromTop(list.at(0)), 10_000_000)
    expect(top.places).toBe(MOST_PLACES)
    const low = fromPlace(list.at(5_000_000), MOST_PLACES - PAGE - 1, top)
    const { stretch } = withOlder(low, list.older(low))
    expect(endOf(stretch)).toBeLessThan(MOST_PLACES)
    expect(stretch.places).toBe(MOST_PLACES)
  })

  test('ends where a page beyond it has nothing', () => {
    const list = listOf(20)
    const top = fromTop({ ...list.at(0), older: 'gone' })
    const { stretch } = withOlder(top, { rows: [], newer: null, older: null })
    expect(stretch).toMatchObject({ places: PAGE, counted: PAGE })
  })
})
