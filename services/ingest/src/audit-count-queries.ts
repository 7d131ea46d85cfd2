// Sums over the record, by name: what the filters of a list find, counted instead of listed.
import { matching, type AuditFilter, type Conditions } from './queries.ts'
import type { Scope } from './scope.ts'
import type { Counts } from './usage-queries.ts'

/** What records can be grouped by, as an expression over their columns. Times are those of the calls. */
const KEYS = {
  rule: 'rule',
  agent: "ifNull(agent, '')",
  tool: 'tool',
  decision: "if(decision = '', 'report', decision)",
  hour: "formatDateTime(toStartOfHour(time, 'UTC'), '%Y-%m-%dT%H:00:00.000Z', 'UTC')",
  day: "toString(toDate(time, 'UTC'))",
} as const
export type CountBy = keyof typeof KEYS

export type CountRow = Counts & { key: string; last: string; said: string }

const COUNTS = `count() AS count, countIf(decision = 'allow') AS allow, countIf(decision = 'deny') AS deny,
  countIf(decision = 'ask') AS ask`

/**
 * No column is named like one of the table: ClickHouse would take it for that in the conditions, too.
 * The largest first; times in order, of which the latest stay.
 */
export async function selectAuditCounts(
  scope: Scope,
  filter: AuditFilter,
  by: CountBy,
  limit: number,
): Promise<CountRow[]> {
  const { from, parameters } = counted(scope, filter)
  const byTime = by === 'hour' || by === 'day'
  const rows = await scope.select<CountRow>(
    `SELECT ${KEYS[by]} AS key, ${COUNTS}, toString(max(time)) AS last,
  ${by === 'rule' ? 'argMax(reason, time)' : "''"} AS said
  ${from}
  GROUP BY key ORDER BY ${byTime ? 'key DESC' : 'count DESC, key'} LIMIT {limit:UInt32}`,
    { ...parameters, limit },
  )
  return byTime ? rows.reverse() : rows
}

export async function selectAuditTotal(scope: Scope, filter: AuditFilter): Promise<Counts | undefined> {
  const { from, parameters } = counted(scope, filter)
  const [row] = await scope.select<Counts>(`SELECT ${COUNTS} ${from}`, parameters)
  return row
}

/** Calls, not administrative acts; a report of a decision that is there is that decision. */
function counted(scope: Scope, filter: AuditFilter): { from: string; parameters: Conditions['parameters'] } {
  const { conditions, parameters } = matching(filter)
  const found = [...conditions, "kind != 'admin'"].join('\n    AND ')
  const named = `SELECT project_id, assumeNotNull(decision_id) ${scope.records} AND decision_id IS NOT NULL
    AND ${found}`
  const repeated = `SELECT project_id, id ${scope.records} AND kind = 'decision' AND (project_id, id) IN (${named})`
  return {
    from: `${scope.recordsOnce} AND ${found}
    AND (decision_id IS NULL OR (project_id, assumeNotNull(decision_id)) NOT IN (${repeated}))`,
    parameters,
  }
}

/** A time of ClickHouse's (`2026-11-27 10:00:00.000`) as everybody else writes it. */
export function isoTime(time: string): string {
  return `${time.replace(' ', 'T')}Z`
}
