// The pages of a long list that were read so far. Rows far from where one looks are let go and read again by the cursor
// that led to them, so a list of any length holds few.

export type Pages<Row> = {
  pages: readonly { cursor: string | null; start: number; count: number; rows: readonly Row[] | null }[]
  /** Rows of all pages, held or not. */
  count: number
  /** Where the list goes on. */
  next: string | null
}

/** The first page stays: read again, it would be of another moment. */
const FIRST = 1

export function firstPage<Row>(rows: readonly Row[], next: string | null): Pages<Row> {
  return { pages: [{ cursor: null, start: 0, count: rows.length, rows }], count: rows.length, next }
}

/** With the page that `next` led to. */
export function withNext<Row>(known: Pages<Row>, rows: readonly Row[], next: string | null): Pages<Row> {
  const { pages, count } = known
  const page = { cursor: known.next, start: count, count: rows.length, rows }
  return { pages: [...pages, page], count: count + rows.length, next }
}

/** With a page's rows read again. What came or went meanwhile does not shift what lies below. */
export function withAgain<Row>(known: Pages<Row>, at: number, rows: readonly Row[]): Pages<Row> {
  return {
    ...known,
    pages: known.pages.map((page, each) =>
      each === at ? { ...page, rows: rows.slice(0, page.count) } : page,
    ),
  }
}

/** Without the rows of pages that are further than so many from those that are looked at. */
export function letGo<Row>(
  known: Pages<Row>,
  seen: { first: number; last: number },
  margin: number,
): Pages<Row> {
  const from = pageAt(known, seen.first) - margin
  const to = pageAt(known, seen.last) + margin
  const isFar = (at: number) => at >= FIRST && (at < from || at > to)
  if (!known.pages.some(({ rows }, at) => rows !== null && isFar(at))) return known
  return {
    ...known,
    pages: known.pages.map((page, at) => (isFar(at) ? { ...page, rows: null } : page)),
  }
}

/** The place of the page that has the row. */
export function pageAt<Row>({ pages }: Pages<Row>, index: number): number {
  let low = 0
  let high = pages.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (pages[middle]!.start <= index) low = middle
    else high = middle - 1
  }
  return low
}

/** `undefined` while its page is not held. */
export function rowAt<Row>(known: Pages<Row>, index: number): Row | undefined {
  const page = known.pages[pageAt(known, index)]
  return page?.rows?.[index - page.start]
}

/** The nearest page with rows in view that is not held. */
export function missingPage<Row>(
  known: Pages<Row>,
  seen: { first: number; last: number },
): number | undefined {
  for (let at = pageAt(known, seen.first); at <= pageAt(known, seen.last); at++)
    if (known.pages[at]?.rows === null) return at
  return undefined
}
