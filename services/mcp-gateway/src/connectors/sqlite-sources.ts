// Which table columns an output column shows. SQLite tells one of them; of a UNION it tells the column of one
// branch and is silent about the others, so its word alone counts only where there is one query over tables. All
// else is taken to be made of everything the statement reads.
import type { DatabaseSync, StatementColumnMetadata } from 'node:sqlite'

/** Names of a database's tables and views in lower case, and what each is. */
export type Schema = Map<string, string>

/** What the authorizer saw of a statement. */
export type Trace = {
  queries: number
  reads: { table: string; column: string }[]
  /** Tables it was told of, in lower case: those of which no column is read, too. */
  told: Set<string>
  refused: string | undefined
}

/** What else an answer about sources needs to know of the statement and the tables it opens. */
export type Opened = {
  tables: string[]
  /** Columns of these tables, by table name in lower case. */
  columns: Map<string, { name: string; generated: boolean }[]>
  /** A join by equal names: SQLite does not say that it reads the columns it makes one of. */
  merges: boolean
  readOnly: boolean
}

/** Each source as `[table, column]`. */
export type Sources = Record<string, string[][] | 'unknown'>

export function readSchema(database: DatabaseSync): Schema {
  const rows = database.prepare('PRAGMA table_list').all() as { name: string; type: string }[]
  return new Map(rows.map(({ name, type }) => [name.toLowerCase(), type]))
}

/** Sources by output name. */
export function sourcesOf(
  described: StatementColumnMetadata[],
  names: string[],
  schema: Schema,
  { queries, reads }: Trace,
  opened: Opened,
): Sources {
  const typeOf = (table: string) => schema.get(table.toLowerCase()) ?? ''
  const merged = opened.merges
    ? opened.tables.flatMap((table) =>
        (opened.columns.get(table.toLowerCase()) ?? []).map(({ name }) => ({ table, column: name })),
      )
    : []
  const all = [...reads, ...merged].flatMap((read) => madeOf(read, opened))
  // A virtual table's functions show columns that are not reported as read; statistics hold samples of any column.
  const reported = [...reads, ...merged].every(
    ({ table }) => !/virtual|shadow/.test(typeOf(table)) && !/^sqlite_stat/i.test(table),
  )
  return Object.fromEntries(
    described.map(({ table, column }, index): [string, string[][] | 'unknown'] => {
      const name = names[index] as string
      if (!reported) return [name, 'unknown']
      const own = table === null || column === null ? [] : madeOf({ table, column }, opened)
      // What a change returns may have been put there by the change itself, from another column.
      const asItStands = queries === 1 && opened.readOnly && table !== null && typeOf(table) === 'table'
      return [name, asItStands && own.length > 0 ? own : unique([...own, ...all])]
    }),
  )
}

/** A column, and for one that is computed from others of its table, all of these. */
function madeOf({ table, column }: { table: string; column: string }, { columns }: Opened): string[][] {
  const known = columns.get(table.toLowerCase()) ?? []
  const computed = known.some(
    ({ name, generated }) => generated && name.toLowerCase() === column.toLowerCase(),
  )
  return [column, ...(computed ? known.map(({ name }) => name) : [])].map((name) => [table, name])
}

function unique(paths: string[][]): string[][] {
  return [...new Map(paths.map((path) => [JSON.stringify(path), path])).values()]
}
