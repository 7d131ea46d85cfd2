// What SQLite's authorizer lets a statement do: what was decided, and what needs no decision.
import { constants } from 'node:sqlite'
import type { SqliteJob } from './sqlite-job.ts'
import type { Schema } from './sqlite-sources.ts'

type Action = {
  action: number
  first: string | null
  second: string | null
  place: string | null
  accessor: string | null
}

/** Why an action of the statement is refused, or undefined. What is not listed here is refused. */
export function refusal(
  job: SqliteJob,
  schema: Schema,
  { action, first, second, place, accessor }: Action,
): string | undefined {
  switch (action) {
    case constants.SQLITE_SELECT:
    case constants.SQLITE_RECURSIVE:
      return undefined
    case constants.SQLITE_FUNCTION:
      return (second ?? '').toLowerCase() === 'load_extension' ? 'extensions are not loaded' : undefined
    case constants.SQLITE_READ:
      if (mayRead(job, schema, { table: (first ?? '').toLowerCase(), column: second, place, accessor }))
        return undefined
      return `reading ${first} was not part of what was decided`
    case constants.SQLITE_INSERT:
    case constants.SQLITE_UPDATE:
    case constants.SQLITE_DELETE: {
      const listed = !job.readOnly && isNamed(job.writes, first ?? '', place)
      return listed ? undefined : `changing ${first} was not part of what was decided`
    }
    case constants.SQLITE_PRAGMA:
      return mayAsk(job, (first ?? '').toLowerCase(), second)
        ? undefined
        : `the pragma ${first} was not part of what was decided`
    default:
      return 'the statement wants something that this connection does not do'
  }
}

type Read = { table: string; column: string | null; place: string | null; accessor: string | null }

function mayRead(job: SqliteJob, schema: Schema, { table, column, place, accessor }: Read): boolean {
  if (table === '' || isListed(job, table, place ?? 'main')) return true
  // Made by the statement itself: a common table expression of which no column is read, or JSON as a table.
  if (!schema.has(table) && (column === '' || JSON_TABLES.has(table))) return true
  // A view that was decided may read what it is made of; it was trusted as it was named.
  const view = accessor?.toLowerCase() ?? ''
  if (schema.get(view) === 'view' && isNamed(job.reads, view, 'main')) return true
  // A virtual table keeps what it holds in tables named after it.
  const owner = table.slice(0, table.lastIndexOf('_'))
  return schema.get(table) === 'shadow' && schema.get(owner) === 'virtual' && isListed(job, owner, 'main')
}

const JSON_TABLES = new Set(['json_each', 'json_tree'])

/** Questions about the database as a whole that name no table and no file. Full-text search asks the first. */
const ASKED_FREELY = new Set([
  ...[
    'data_version',
    'user_version',
    'schema_version',
    'application_id',
    'encoding',
    'page_size',
    'page_count',
  ],
  ...['freelist_count', 'compile_options', 'function_list', 'collation_list', 'module_list', 'pragma_list'],
])
const ASKED_OF_A_TABLE = new Set(['table_info', 'table_xinfo', 'index_list', 'foreign_key_list'])
const ASKED_WHEN_DECIDED = new Set([...ASKED_OF_A_TABLE, 'index_info', 'index_xinfo', 'table_list'])

/** Whether a pragma may be asked. With an argument most of them set what they are named after. */
function mayAsk(job: SqliteJob, pragma: string, argument: string | null): boolean {
  if (ASKED_FREELY.has(pragma)) return argument === null
  if (ASKED_WHEN_DECIDED.has(pragma) && isListed(job, `pragma_${pragma}`, 'main')) return true
  return ASKED_OF_A_TABLE.has(pragma) && argument !== null && isListed(job, argument, 'main')
}

export function isListed({ reads, writes }: SqliteJob, table: string, place: string): boolean {
  return isNamed(reads, table, place) || isNamed(writes, table, place)
}

/** Whether decided names have this one, with or without its schema. */
function isNamed(decided: string[], table: string, place: string | null): boolean {
  const name = table.toLowerCase()
  return decided.includes(name) || decided.includes(`${(place ?? 'main').toLowerCase()}.${name}`)
}
