import { describe, expect, test } from 'vitest'
import { firstPage, letGo, missingPage, pageAt, rowAt, withAgain, withNext, type Pages } from './pages.ts'

const PAGE = 10
const rowsOf = (page: number) => Array.from({ length: PAGE }, (_, at) => page * PAGE + at)
const read = (pages: number): Pages<number> => {
  let known = firstPage(rowsOf(0), 'after-0')
  for (let at = 1; at < pages; at++)
    known = withNext(known, rowsOf(at), at === pages - 1 ? null : `after-${at}`)
  return known
}

describe('the pages of a list', () => {
  test('have every row at its place', () => {
    const known = read(5)
    expect(known.count).toBe(50)
    expect(Array.from({ length: 50 }, (_, at) => rowAt(known, at))).toEqual(
      Array.from({ length: 50 }, (_, at) => at),
    )
    expect(rowAt(known, 50)).toBeUndefined()
    expect([0, 9, 10, 49, 99].map((at) => pageAt(known, at))).toEqual([0, 0, 1, 4, 4])
  })

  test('let go what is far from where one looks, but never the first', () => {
    const known = letGo(read(9), { first: 45, last: 55 }, 1)
    expect(known.pages.map(({ rows }) => rows !== null)).toEqual([
      true,
      false,
      false,
      true,
      true,
      true,
      true,
      false,
      false,
    ])
    expect(known.count).toBe(90)
    expect(rowAt(known, 20)).toBeUndefined()
  })

  test('are read again by the cursor that led to them', () => {
    const known = letGo(read(9), { first: 80, last: 85 }, 0)
    const at = missingPage(known, { first: 18, last: 25 })
    expect(at).toBe(1)
    expect(known.pages[1]?.cursor).toBe('after-0')
    const again = withAgain(known, 1, rowsOf(1))
    expect(rowAt(again, 15)).toBe(15)
    expect(missingPage(again, { first: 18, last: 25 })).toBe(2)
    expect(missingPage(again, { first: 10, last: 19 })).toBeUndefined()
  })

  test('do not shift when a page read again has other rows', () => {
    const known = letGo(read(3), { first: 0, last: 5 }, 0)
    const again = withAgain(known, 1, [...rowsOf(1), 999])
    expect(again.count).toBe(30)
    expect(rowAt(again, 20)).toBeUndefined()
    expect(rowAt(withAgain(known, 1, [10]), 11)).toBeUndefined()
  })

  test('are the same object when there is nothing to let go', () => {
    const known = read(3)
    expect(letGo(known, { first: 0, last: 29 }, 1)).toBe(known)
  })
})
