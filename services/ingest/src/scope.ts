// What one organisation may read: the only way for a query to name a table. Each part is a `FROM … WHERE …` that
// a query narrows with AND, so that none can be written that forgets whose rows they are or how long they are kept.
import type { ClickHouse } from './clickhouse.ts'
import { isUpToDate } from './replication.ts'

export type Reader = Pick<ClickHouse, 'select' | 'database'>

export type Scope = {
  /** Decisions, reports and administrative acts that the plan still keeps. */
  readonly records: string
  /** The same, each once, also where it was written twice: for sums. What only pages through them skips the second itself. */
  readonly recordsOnce: string
  /** What came of them. */
  readonly results: string
  /** Events that count, one row each; of all time, as the record goes before its invoice does. */
  readonly usage: string
  /** The same for what decides something: no answer from a replica that is behind. */
  readonly usageUpToDate: string
  select<Row>(query: string, parameters: Record<string, unknown>): Promise<Row[]>
}

/** `retentionDays`: how far back the plan lets one read, at once and not only when rows have gone; null is no limit. */
export function scopeOf(reader: Reader, orgId: string, retentionDays: number | null): Scope {
  const mine = 'WHERE org_id = {org:UUID}'
  const recent =
    retentionDays === null ? '' : ' AND received_at > now64(3) - INTERVAL {retention_days:UInt32} DAY'
  const kept = `${mine} AND retain_until > now()${recent}`
  return {
    records: `FROM ${reader.database}.audit_records ${kept}`,
    recordsOnce: `FROM ${reader.database}.audit_records FINAL ${kept}`,
    results: `FROM ${reader.database}.audit_results ${kept}`,
    usage: `FROM ${reader.database}.usage_events FINAL ${mine}`,
    usageUpToDate: `FROM ${reader.database}.usage_events FINAL ${mine} AND ${isUpToDate(reader.database)}`,
    select: (query, parameters) =>
      reader.select(query, {
        ...parameters,
        org: orgId,
        ...(retentionDays === null ? {} : { retention_days: retentionDays }),
      }),
  }
}
