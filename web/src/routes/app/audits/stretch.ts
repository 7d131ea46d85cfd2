// The part of a long list that is held: pages in a row around where one looks, read by cursor in both directions. Where
// the part lies in the whole list is counted as far as one has read, and an estimate beyond that, set right at the ends.

export type Page<Row> = {
  rows: readonly Row[]
  /** Where the list goes on above and below; null at its ends. */
  newer: string | null
  older: string | null
}

export type Stretch<Row> = {
  /** One at least. */
  pages: readonly Page<Row>[]
  /** The place of the first row that is held. */
  start: number
  /** Places of the whole list. */
  places: number
  /** Whether `start` is counted. */
  isStartSure: boolean
  /** All rows of the list, once they are counted. */
  counted: number | undefined
}

/** A change, and by how many places every row that was held has moved. */
export type Moved<Row> = { stretch: Stretch<Row>; shift: number }

/** What a browser can scroll through: rows of 34 px, below the least that browsers bound an element's height to. */
export const MOST_PLACES = 400_000
/** Places that are kept free where it is not known how many rows there are. */
export const SPARE_PLACES = 100

/** Begins at the list's top, with what is known of the whole. */
export function fromTop<Row>(
  page: Page<Row>,
  { places, counted }: Pick<Stretch<Row>, 'places' | 'counted'> = { places: 0, counted: undefined },
): Stretch<Row> {
  return settled({ pages: [page], start: 0, places, isStartSure: true, counted }).stretch
}

/** Begins anywhere: the page's first row is thought to be at that place. */
export function fromPlace<Row>(page: Page<Row>, start: number, known: Stretch<Row>): Stretch<Row> {
  const { places, counted } = known
  const last = places - page.rows.length
  return settled({
    pages: [page],
    start: page.older === null ? last : Math.min(start, last - 1),
    places,
    isStartSure: false,
    counted,
  }).stretch
}

export function withOlder<Row>(known: Stretch<Row>, page: Page<Row>): Moved<Row> {
  if (page.rows.length > 0) return settled({ ...known, pages: [...known.pages, page] })
  return settled({ ...known, pages: known.pages.with(-1, { ...known.pages.at(-1)!, older: page.older }) })
}

export function withNewer<Row>(known: Stretch<Row>, page: Page<Row>): Moved<Row> {
  if (page.rows.length === 0)
    return settled({ ...known, pages: known.pages.with(0, { ...known.pages[0]!, newer: page.newer }) })
  return settled({ ...known, pages: [page, ...known.pages], start: known.start - page.rows.length })
}

/** Another estimate of the whole. */
export function withPlaces<Row>(known: Stretch<Row>, places: number): Stretch<Row> {
  return known.counted === undefined ? settled({ ...known, places }).stretch : known
}

/** Without pages that are further than so many rows from those that are looked at. */
export function letGo<Row>(known: Stretch<Row>, seen: Seen, marginRows: number): Stretch<Row> {
  let { start } = known
  const starts = known.pages.map(({ rows }) => {
    const at = start
    start += rows.length
    return at
  })
  const isNear = (at: number) =>
    starts[at]! + known.pages[at]!.rows.length > seen.first - marginRows &&
    starts[at]! < seen.last + marginRows
  const first = known.pages.findIndex((_, at) => isNear(at))
  const last = known.pages.findLastIndex((_, at) => isNear(at))
  if (first === -1 || (first === 0 && last === known.pages.length - 1)) return known
  return { ...known, pages: known.pages.slice(first, last + 1), start: starts[first]! }
}

export type Seen = { first: number; last: number }

/** `undefined` for a place that is not held. */
export function rowAt<Row>({ pages, start }: Stretch<Row>, place: number): Row | undefined {
  let at = place - start
  if (at < 0) return undefined
  for (const { rows } of pages) {
    if (at < rows.length) return rows[at]
    at -= rows.length
  }
  return undefined
}

/** Beyond the last row that is held. */
export function endOf<Row>({ pages, start }: Stretch<Row>): number {
  return pages.reduce((end, { rows }) => end + rows.length, start)
}

/** With each row as the function makes it. */
export function mapRows<Row>(known: Stretch<Row>, change: (row: Row) => Row): Stretch<Row> {
  return { ...known, pages: known.pages.map((page) => ({ ...page, rows: page.rows.map(change) })) }
}

/** Moved to where it can be: at the top when there is nothing above, off the top when there is, and so below. */
function settled<Row>(read: Stretch<Row>): Moved<Row> {
  const isTop = read.pages[0]!.newer === null
  const isBottom = read.pages.at(-1)!.older === null
  const shift = shiftOf(read, isTop, isBottom)
  const start = read.start + shift
  const end = endOf(read) + shift
  const isStartSure =
    isTop || (read.isStartSure ? shift === 0 : isBottom && end === read.counted && read.counted !== undefined)
  const counted = countOf(read, { isTop, isBottom, isStartSure, end, shift })
  const least = isBottom ? end : end + 1
  // What lies below moves with it, but for what moves up to make room there.
  const thought = shift < 0 && !isTop ? read.places : read.places + shift
  const places =
    counted ?? (isBottom ? end : Math.min(MOST_PLACES, thought < least ? least + SPARE_PLACES : thought))
  return { stretch: { ...read, start, places, isStartSure, counted }, shift }
}

function shiftOf<Row>(read: Stretch<Row>, isTop: boolean, isBottom: boolean): number {
  const { start, places, counted, isStartSure } = read
  const end = endOf(read)
  if (isTop) return -start
  // While it is not known where this is, the list does not get longer by it: there is room below until the end is read.
  const most = isStartSure ? MOST_PLACES : (counted ?? places)
  const toEnd = isBottom
    ? isStartSure || counted === undefined
      ? 0
      : counted - end
    : Math.min(0, most - 1 - end)
  return start + toEnd < 1 ? SPARE_PLACES - start : toEnd
}

/** What is known of the whole: counted here, or before; what came at the top since is added. */
function countOf<Row>(
  { counted, isStartSure: wasSure }: Stretch<Row>,
  now: { isTop: boolean; isBottom: boolean; isStartSure: boolean; end: number; shift: number },
): number | undefined {
  if (now.isBottom && now.isStartSure) return now.end
  if (counted === undefined) return undefined
  const total = now.isTop && wasSure ? counted + now.shift : counted
  return now.end < total ? total : undefined
}
