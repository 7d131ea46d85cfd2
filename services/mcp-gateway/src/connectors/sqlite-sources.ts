// Which table columns an output column shows. SQLite tells one of them; of a UNION it tells the column of one
// branch and is silent about the others, so its word alone counts only where there is one query over tables.
import type { DatabaseSync, StatementColumnMetadata } from 'node:sqlite'

/** Names of a database's tables and views in lower case, and what each is. */
export type Schema = Map<string, string>

/** What the authorizer saw of a statement. */
export type Trace = {
  queries: number
  reads: { table: string; column: string }[]
  refused: string | undefined
}

export type Sources = Record<string, string[] | 'unknown'>

export function readSchema(database: DatabaseSync): Schema {
  const rows = database.prepare('PRAGMA table_list').all() as { name: string; type: string }[]
  return new Map(rows.map(({ name, type }) => [name.toLowerCase(), type]))
}

/** Sources by output name; with more than one query, everything the statement reads is a source of each. */
export function sourcesOf(
  described: StatementColumnMetadata[],
  names: string[],
  schema: Schema,
  { queries, reads }: Trace,
): Sources {
  const isTable = (table: string) => schema.get(table.toLowerCase()) === 'table'
  const all = reads.map(({ table, column }) => `${table}.${column}`)
  // A virtual table's functions show columns that are not reported as read.
  const reported = reads.every(({ table }) => !/virtual|shadow/.test(schema.get(table.toLowerCase()) ?? ''))
  return Object.fromEntries(
    described.map(({ table, column }, index): [string, string[] | 'unknown'] => {
      const name = names[index] as string
      if (table === null || column === null) return [name, 'unknown']
      if (queries === 1 && isTable(table)) return [name, [`${table}.${column}`]]
      return [name, reported ? [...new Set([`${table}.${column}`, ...all])] : 'unknown']
    }),
  )
}
