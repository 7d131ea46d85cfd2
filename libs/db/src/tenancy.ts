// Organisations are kept apart by the database itself: row-level security lets a transaction see and write the
// rows of one organisation only, whatever its queries forgot to say. A transaction that names none sees nothing.
import type { EntityManager } from '@mikro-orm/postgresql'
import type { Db } from './connect.ts'

/** The transaction's organisation; EVERY for work that belongs to none, such as telling snapshots. */
const SETTING = 'mcpshield.org'
const EVERY = '*'

export type Tenancy = {
  /** One transaction that sees the organisation's rows, and no other's. */
  inOrganization<T>(orgId: string, work: (em: EntityManager) => Promise<T>): Promise<T>
  /** One transaction that sees all rows: for what the service does of its own accord, never for a person's request. */
  acrossOrganizations<T>(work: (em: EntityManager) => Promise<T>): Promise<T>
}

export function tenancy(db: Db): Tenancy {
  const within = <T>(scope: string, work: (em: EntityManager) => Promise<T>) =>
    db.fork().transactional(async (em) => {
      await em.execute('select set_config(?, ?, true)', [SETTING, scope])
      return work(em)
    })
  return {
    inOrganization(orgId, work) {
      if (orgId === EVERY) throw new Error('an organisation has an id')
      return within(orgId, work)
    },
    acrossOrganizations: (work) => within(EVERY, work),
  }
}

/** Statements for a migration: the table's rows belong to the organisation that `column` names. */
export function tenantTableSql(table: string, column = 'org_id'): string[] {
  const scope = `current_setting('${SETTING}', true)`
  return [
    `alter table ${table} enable row level security`,
    // The service's role owns the table: without this the owner would be let through.
    `alter table ${table} force row level security`,
    `create policy tenant on ${table} using (${scope} = '${EVERY}' or ${column}::text = ${scope})`,
  ]
}

/** First statement of a migration that reads or changes rows of such tables. */
export const SEE_ALL_ROWS_SQL = `select set_config('${SETTING}', '${EVERY}', true)`
