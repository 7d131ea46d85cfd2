// The rows of the list: a stretch of them around where one looks, read by cursor and by moment, and above them those that
// came in since. Any length of list holds few rows.
import { untrack } from 'svelte'
import { Extent } from './extent.svelte.ts'
import { changedBy, FreshRows } from './fresh-rows.svelte.ts'
import type { Fresh } from './live-rows.ts'
import { isoOf } from './moments.ts'
import { readRows, RowsError, type AuditRow, type Place, type RowsPage } from './rows.ts'
import * as stretches from './stretch.ts'
import { endOf, type Moved, type Seen, type Stretch } from './stretch.ts'

/** The next page is asked for this long before its first row is in view. */
const READ_AHEAD_ROWS = 150
/** Rows that are held on either side of those in view. */
const HELD_ROWS = 1_000
/** A view this close to what is held is reached by reading on; beyond it is a jump. */
const NEAR_ROWS = 400
/** A scroll bar that is being dragged rests for so long before rows are read; at most so long is waited for that. */
const REST_MS = 80
const MOST_REST_MS = 320
/** What failed for a while is tried again by itself. */
const AGAIN_AFTER_MS = 5_000
type Target = 'top' | 'end' | { ms: number }
type Wanted = { target: Target } | 'newer' | 'older' | 'jump'

export class AuditRows {
  readonly #query: string
  readonly #onShift: (rows: number) => void
  readonly #extent: Extent
  readonly #fresh = new FreshRows()
  #stretch = $state.raw<Stretch<AuditRow>>(stretches.fromTop({ rows: [], newer: null, older: null }))
  isReading = $state(false)
  problem = $state<string>()
  #top: RowsPage
  #seen: Seen = { first: 0, last: 0 }
  #target: Target | undefined
  /** Tells who asked for the target. */
  #arrived: ((index: number) => void) | undefined
  #running: Promise<void> | undefined
  #again: ReturnType<typeof setTimeout> | undefined

  /** `onShift`: rows that are held have moved by that many places, and the view with them. */
  constructor(first: RowsPage, query: string, onShift: (rows: number) => void) {
    this.#top = first
    this.#query = query
    this.#onShift = onShift
    this.#extent = new Extent(query, first.rows[0])
    this.#stretch = stretches.fromTop(first)
  }

  get total(): number {
    return this.#fresh.rows.length + this.#stretch.places
  }

  /** How many came in while one looked further down. */
  get waiting(): number {
    return this.#fresh.waiting.length
  }

  /** Whether the total is that of all rows, and not what there are thought to be. */
  get isCounted(): boolean {
    return this.#stretch.counted !== undefined
  }

  /** Calls that there are; undefined where nobody has counted. */
  get calls(): number | undefined {
    const { calls } = this.#extent
    return this.isCounted ? this.total : calls === undefined ? undefined : calls + this.#fresh.rows.length
  }

  /** Rows from the top to the end of what is held. */
  get known(): number {
    return this.#fresh.rows.length + endOf(this.#stretch)
  }

  /** `undefined` while it is not held. */
  at(index: number): AuditRow | undefined {
    const above = this.#fresh.rows.length
    return index < above ? this.#fresh.rows[index] : stretches.rowAt(this.#stretch, index - above)
  }

  /** When the rows there are thought to be of. */
  momentAround(index: number): number | undefined {
    return this.#extent.momentAt(index - this.#fresh.rows.length, this.#stretch.places)
  }

  /** Asks how many rows there are: the scroll bar is as long from then on. */
  async count(): Promise<void> {
    if (this.#stretch.counted !== undefined) return
    await this.#extent.count()
    const { calls } = this.#extent
    if (calls !== undefined) this.#stretch = stretches.withPlaces(this.#stretch, calls)
  }

  /** Reads what is in view and not held, and what comes into view next. To be called when either changes. */
  see(from: number, to: number): void {
    const above = this.#fresh.rows.length
    const within = (index: number) => Math.max(0, Math.min(index - above, this.#stretch.places - 1))
    this.#seen = { first: within(from), last: within(to) }
    untrack(() => void this.#work())
  }

  tryAgain(): void {
    clearTimeout(this.#again)
    this.problem = undefined
    untrack(() => void this.#work())
  }

  stop(): void {
    clearTimeout(this.#again)
  }

  /** Goes there, and returns the index to look at: at once, before anything is read around it. */
  to(target: Target): Promise<number> {
    const arrived = Promise.withResolvers<number>()
    this.#arrived?.(this.#fresh.rows.length + this.#seen.first)
    this.#arrived = arrived.resolve
    this.#target = target
    this.problem = undefined
    void this.#work()
    return arrived.promise
  }

  #work(): Promise<void> {
    this.#running ??= this.#readAll().finally(() => (this.#running = undefined))
    return this.#running
  }

  async #readAll(): Promise<void> {
    try {
      for (let wanted = this.#wanted(); wanted !== undefined; wanted = this.#wanted()) {
        this.isReading = true
        await this.#read(wanted)
      }
    } catch (error) {
      this.#arrive(this.#seen.first)
      this.problem = error instanceof Error ? error.message : 'The rows could not be read.'
      if (error instanceof RowsError && error.isPassing)
        this.#again = setTimeout(() => this.tryAgain(), AGAIN_AFTER_MS)
    }
    this.isReading = false
  }

  #wanted(): Wanted | undefined {
    if (this.problem !== undefined) return undefined
    if (this.#target !== undefined) return { target: this.#target }
    const { pages, start, places } = this.#stretch
    const end = endOf(this.#stretch)
    const { first, last } = this.#seen
    const isMoreAbove = pages[0]!.newer !== null
    const isMoreBelow = pages.at(-1)!.older !== null
    // The ends of the scroll bar are the ends of the list, however near they are thought to be.
    const isFarAbove = last < start && (first === 0 || last < start - NEAR_ROWS)
    const isFarBelow = first >= end && (last >= places - 1 || first > end + NEAR_ROWS)
    if ((isMoreAbove && isFarAbove) || (isMoreBelow && isFarBelow)) return 'jump'
    if (isMoreAbove && first < start) return 'newer'
    if (isMoreBelow && last + READ_AHEAD_ROWS >= end) return 'older'
    return isMoreAbove && first - READ_AHEAD_ROWS < start ? 'newer' : undefined
  }

  async #read(wanted: Wanted): Promise<void> {
    const { pages } = this.#stretch
    if (wanted === 'newer') {
      const page = this.#fresh.without(await this.#page({ cursor: pages[0]!.newer! }))
      if (page.newer === null) this.#top = page
      this.#take(stretches.withNewer(this.#stretch, page))
    } else if (wanted === 'older') {
      const page = await this.#page({ cursor: pages.at(-1)!.older! })
      this.#take(stretches.withOlder(this.#stretch, page))
    } else if (wanted === 'jump') await this.#jump()
    else await this.#go(wanted.target)
  }

  #page(place: Place): Promise<RowsPage> {
    return readRows(this.#query, place)
  }

  #take({ stretch, shift }: Moved<AuditRow>): void {
    this.#shift(shift)
    this.#stretch = stretches.letGo(stretch, this.#seen, HELD_ROWS)
  }

  #shift(rows: number): void {
    if (rows === 0) return
    this.#seen = { first: this.#seen.first + rows, last: this.#seen.last + rows }
    this.#onShift(rows)
  }

  /** To where the view is. What turns out to be elsewhere takes the view along. */
  async #jump(): Promise<void> {
    await this.#rest()
    if (this.#wanted() !== 'jump') return
    const { first } = this.#seen
    await this.#begin(first)
    const { start } = this.#stretch
    const end = endOf(this.#stretch)
    if (first < start - NEAR_ROWS) this.#shift(start - first)
    else if (first >= end + NEAR_ROWS) this.#shift(end - 1 - first)
  }

  async #rest(): Promise<void> {
    let before: number
    let restedMs = 0
    do {
      before = this.#seen.first
      await new Promise((resolve) => setTimeout(resolve, REST_MS))
      restedMs += REST_MS
    } while (this.#seen.first !== before && restedMs < MOST_REST_MS)
  }

  async #go(target: Target): Promise<void> {
    if (target === 'top') this.#beginWith(this.#top, 0)
    else if (target === 'end') await this.#begin(Number.POSITIVE_INFINITY)
    else await this.#beginAt(target.ms)
    const { start } = this.#stretch
    const place = target === 'end' ? this.#stretch.places - 1 : start
    // Until the list says what it shows: what it showed before is elsewhere.
    this.#seen = { first: place, last: place }
    this.#arrive(place)
  }

  #arrive(place: number): void {
    this.#target = undefined
    this.#arrived?.(place === 0 ? 0 : this.#fresh.rows.length + place)
    this.#arrived = undefined
  }

  async #begin(place: number): Promise<void> {
    if (place < NEAR_ROWS) return this.#beginWith(this.#top, 0)
    const last = await this.#extent.last()
    const { places } = this.#stretch
    const ms = this.#extent.momentAt(place, places)
    if (place + last.rows.length >= places || ms === undefined) this.#beginWith(last, places)
    else this.#beginWith(await this.#page({ before: isoOf(ms) }), place)
  }

  async #beginAt(ms: number): Promise<void> {
    await this.#extent.last()
    const page = await this.#page({ before: isoOf(ms) })
    this.#beginWith(page, this.#extent.placeAt(ms, this.#stretch.places))
  }

  #beginWith(page: RowsPage, place: number): void {
    const isTop = page === this.#top || page.rows.length === 0
    this.#stretch = isTop
      ? stretches.fromTop(this.#top, this.#stretch)
      : stretches.fromPlace(page, place, this.#stretch)
  }

  /** Takes in what has happened. New rows wait until `showWaiting`. */
  take(fresh: Fresh): void {
    this.#fresh.take(fresh, this.#top)
    if (fresh.changes.size === 0) return
    const change = changedBy(fresh.changes)
    this.#stretch = stretches.mapRows(this.#stretch, change)
    this.#top = { ...this.#top, rows: this.#top.rows.map(change) }
  }

  /** How many came to the top; `undefined` when the list is to be read anew. */
  showWaiting(): number | undefined {
    return this.#fresh.show()
  }
}
