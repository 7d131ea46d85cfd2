// The rows of the list: those read by cursor, and above them those that came in since.
import { untrack } from 'svelte'
import type { Fresh } from './live-rows.ts'
import { firstPage, letGo, missingPage, rowAt, withAgain, withNext, type Pages } from './pages.ts'
import { readRows, rowsNotIn, type AuditRow, type RowsPage } from './rows.ts'

/** The next page is asked for this long before its first row is in view. */
const READ_AHEAD_ROWS = 60
/** Pages that are held around those in view. */
const HELD_PAGES = 10
/** So many that came in since are kept above the list; then it is read anew. */
export const MAX_FRESH_ROWS = 2_000

type Seen = { first: number; last: number }

export class AuditRows {
  readonly #query: string
  #pages = $state.raw<Pages<AuditRow>>(firstPage([], null))
  #fresh = $state.raw<readonly AuditRow[]>([])
  /** Came in while one looked further down. */
  waiting = $state.raw<readonly AuditRow[]>([])
  isReading = $state(false)
  problem = $state<string>()
  #seen: Seen = { first: 0, last: 0 }

  constructor(first: RowsPage, query: string) {
    this.#pages = firstPage(first.rows, first.next)
    this.#query = query
  }

  get total(): number {
    return this.#fresh.length + this.#pages.count
  }

  /** Whether there are no rows beyond those counted. */
  get isWhole(): boolean {
    return this.#pages.next === null
  }

  /** `undefined` while it is not held. */
  at(index: number): AuditRow | undefined {
    const above = this.#fresh.length
    return index < above ? this.#fresh[index] : rowAt(this.#pages, index - above)
  }

  /** Reads what is in view and not held, and what comes into view next. To be called when either changes. */
  see(from: number, to: number): void {
    const above = this.#fresh.length
    const last = Math.min(to - above, this.#pages.count - 1)
    this.#seen = { first: Math.max(0, from - above), last: Math.max(0, last) }
    untrack(() => void this.#read())
  }

  tryAgain(): void {
    this.problem = undefined
    void this.#read()
  }

  async #read(): Promise<void> {
    if (this.isReading || this.problem !== undefined) return
    const missing = missingPage(this.#pages, this.#seen)
    const wantsNext = this.#pages.next !== null && this.#seen.last + READ_AHEAD_ROWS >= this.#pages.count
    if (missing === undefined && !wantsNext) return
    const cursor = missing === undefined ? this.#pages.next : this.#pages.pages[missing]!.cursor
    this.isReading = true
    try {
      const { rows, next } = await readRows(this.#query, cursor)
      const known =
        missing === undefined ? withNext(this.#pages, rows, next) : withAgain(this.#pages, missing, rows)
      this.#pages = letGo(known, this.#seen, HELD_PAGES)
    } catch (error) {
      this.problem = error instanceof Error ? error.message : 'The rows could not be read.'
    }
    this.isReading = false
  }

  /** Takes in what has happened. New rows wait until `showWaiting`. */
  take({ rows, changes }: Fresh): void {
    const changed = (row: AuditRow): AuditRow => {
      const change = changes.get(row.id)
      return change === undefined ? row : { ...row, ...change }
    }
    const news = rowsNotIn([this.#fresh, this.waiting, this.#pages.pages[0]?.rows ?? []], rows).map(changed)
    if (changes.size > 0) {
      this.#fresh = this.#fresh.map(changed)
      const pages = this.#pages.pages.map((page) =>
        page.rows === null ? page : { ...page, rows: page.rows.map(changed) },
      )
      this.#pages = { ...this.#pages, pages }
    }
    this.waiting = [...news, ...this.waiting.map(changed)].slice(0, MAX_FRESH_ROWS)
  }

  /** Brings rows that wait to the top and says how many; `undefined` when the list is to be read anew instead. */
  showWaiting(): number | undefined {
    const { length } = this.waiting
    if (this.#fresh.length + length >= MAX_FRESH_ROWS) return undefined
    if (length > 0) this.#fresh = [...this.waiting, ...this.#fresh]
    this.waiting = []
    return length
  }
}
