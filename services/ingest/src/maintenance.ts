// Changing and deleting rows across the record: what the plan's retention and the deletion of projects,
// organisations and people ask for. Nothing here reads for anybody.
import type { ClickHouse } from './clickhouse.ts'
import { isUpToDate } from './replication.ts'
import { NO_PROJECT } from './rows.ts'

type Store = Pick<ClickHouse, 'select' | 'change' | 'insert' | 'database'>

const RECORD_TABLES = ['audit_records', 'audit_results'] as const

/** A condition over rows of a table, and what becomes of them. */
type Change = {
  table: 'audit_records' | 'audit_results' | 'usage_events'
  where: string
  /** `DELETE`, or `UPDATE …`. */
  action: string
  parameters: Record<string, unknown>
}

export type Deletion = {
  kind: 'project' | 'organization' | 'person'
  /** All zero of a person. */
  org_id: string
  subject_id: string
}

/** Gives an organisation's rows the retention of its plan. True when some had another. */
export async function applyRetention(store: Store, orgId: string, days: number | null): Promise<boolean> {
  const never = "toDateTime64('2100-01-01 00:00:00', 3, 'UTC')"
  const end = days === null ? never : `least(received_at + INTERVAL {days:UInt32} DAY, ${never})`
  const until = `toDateTime(${end}, 'UTC')`
  const changes = RECORD_TABLES.map((table): Change => {
    return {
      table,
      where: `org_id = {org:UUID} AND retain_until != ${until}`,
      action: `UPDATE retain_until = ${until}`,
      parameters: { org: orgId, ...(days === null ? {} : { days }) },
    }
  })
  return applyAll(store, changes)
}

/** Deletes what there is of it. True when there was something. */
export function applyDeletion(store: Store, deletion: Deletion): Promise<boolean> {
  return applyAll(store, changesOf(deletion))
}

function changesOf({ kind, org_id, subject_id }: Deletion): Change[] {
  const parameters = { org: org_id, subject: subject_id }
  switch (kind) {
    case 'organization':
      return [...RECORD_TABLES, 'usage_events' as const].map((table) => {
        return { table, where: 'org_id = {subject:UUID}', action: 'DELETE', parameters }
      })
    case 'project': {
      const where = 'org_id = {org:UUID} AND project_id = {subject:UUID}'
      return [
        // Who did what to the project stays: it is the organisation's own trail.
        { table: 'audit_records', where: `${where} AND kind != 'admin'`, action: 'DELETE', parameters },
        { table: 'audit_results', where, action: 'DELETE', parameters },
        // That something was used stays for the invoice, but not what.
        { table: 'usage_events', where: `${where} AND tool != ''`, action: "UPDATE tool = ''", parameters },
      ]
    }
    case 'person':
      return (['user_id', 'approved_by'] as const).map((column) => {
        const where = `${column} = {subject:UUID}`
        return { table: 'audit_records', where, action: `UPDATE ${column} = NULL`, parameters }
      })
  }
}

/** A change rewrites parts, so it is asked for only where there is something to change. */
async function applyAll(store: Store, changes: Change[]): Promise<boolean> {
  let changed = false
  for (const { table, where, action, parameters } of changes) {
    const name = `${store.database}.${table}`
    const found = await store.select(
      `SELECT 1 AS found FROM ${name} WHERE ${where} AND ${isUpToDate(store.database)} LIMIT 1`,
      parameters,
    )
    if (found.length === 0) continue
    await store.change(`ALTER TABLE ${name} ${action} WHERE ${where}`, parameters)
    changed = true
  }
  return changed
}

/** Remembers a deletion, for what comes late. */
export function rememberDeletion(store: Store, deletion: Deletion): Promise<void> {
  return store.insert('deletions', [deletion])
}

/** Those of the last day. */
export function recentDeletions(store: Store): Promise<Deletion[]> {
  return store.select<Deletion>(
    `SELECT DISTINCT kind, org_id, subject_id FROM ${store.database}.deletions
  WHERE deleted_at > now() - INTERVAL 1 DAY`,
    {},
  )
}

/** The retention that rows have been given, by organisation. */
export async function appliedRetentions(store: Store): Promise<Map<string, number | null>> {
  const rows = await store.select<{ org_id: string; days: number | null }>(
    `SELECT org_id, days FROM ${store.database}.applied_retentions FINAL
  WHERE ${isUpToDate(store.database)}`,
    {},
  )
  return new Map(rows.map(({ org_id, days }) => [org_id, days]))
}

export function noteRetention(store: Store, orgId: string, days: number | null): Promise<void> {
  return store.insert('applied_retentions', [{ org_id: orgId, days }])
}

/** In place of an organisation, of what belongs to none. */
export const NO_ORGANIZATION = NO_PROJECT
