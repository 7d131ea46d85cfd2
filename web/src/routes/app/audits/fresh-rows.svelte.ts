// Rows that came in since the list was read: above it, or waiting to be shown there.
import type { Fresh } from './live-rows.ts'
import { rowsNotIn, type AuditRow, type RowsPage } from './rows.ts'

/** So many that came in since are kept above the list; then it is read anew. */
export const MAX_FRESH_ROWS = 2_000

export class FreshRows {
  rows = $state.raw<readonly AuditRow[]>([])
  /** Came in while one looked further down. */
  waiting = $state.raw<readonly AuditRow[]>([])

  /** New rows wait until `show`. `top`: the first page of what was read. */
  take({ rows, changes }: Fresh, top: RowsPage): void {
    const change = changedBy(changes)
    // What is older than the first page belongs further down, and is read there.
    const since = top.older === null ? '' : (top.rows.at(-1)?.time ?? '')
    const news = rowsNotIn([this.rows, this.waiting, top.rows], rows).filter(({ time }) => time >= since)
    if (changes.size > 0) this.rows = this.rows.map(change)
    this.waiting = [...news.map(change), ...this.waiting.map(change)].slice(0, MAX_FRESH_ROWS)
  }

  /** Brings rows that wait to the top and says how many; `undefined` when the list is to be read anew instead. */
  show(): number | undefined {
    const { length } = this.waiting
    if (this.rows.length + length >= MAX_FRESH_ROWS) return undefined
    if (length > 0) this.rows = [...this.waiting, ...this.rows]
    this.waiting = []
    return length
  }

  /** A page without what is above the list already. */
  without(page: RowsPage): RowsPage {
    const above = [this.rows, this.waiting]
    return above.every(({ length }) => length === 0) ? page : { ...page, rows: rowsNotIn(above, page.rows) }
  }
}

/** What came of a call, where that is known by now. */
export function changedBy(changes: Fresh['changes']): (row: AuditRow) => AuditRow {
  return (row) => {
    const change = changes.get(row.id)
    return change === undefined ? row : { ...row, ...change }
  }
}
