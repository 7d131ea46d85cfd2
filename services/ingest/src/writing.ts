// Storing rows of the intake.
import type { ClickHouse } from './clickhouse.ts'
import type { Rows } from './rows.ts'

/** Resolves when all of them are stored. May be done again: the same row is one after a merge, and to readers. */
export async function insertRows(store: Pick<ClickHouse, 'insert'>, rows: Rows): Promise<void> {
  await Promise.all([
    store.insert('audit_records', rows.decisions),
    store.insert('audit_results', rows.outcomes),
    store.insert('usage_events', rows.usage),
  ])
}
