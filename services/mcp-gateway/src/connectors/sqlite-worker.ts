// Runs in a thread of a process of its own (sqlite-process.ts). Opens the file for one statement, lets SQLite's
// authorizer hold it to the tables that were decided, and closes it again.
import { constants, DatabaseSync, type StatementSync } from 'node:sqlite'
import { parentPort } from 'node:worker_threads'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'
import { readSchema, sourcesOf, type Schema, type Trace } from './sqlite-sources.ts'
import { uniqueNames } from './unique-names.ts'

export type SqliteJob = {
  path: string
  sql: string
  readOnly: boolean
  /** `table` or `schema.table`, lower case: what may be read, and what may be written. */
  reads: string[]
  writes: string[]
  maxRows: number
  maxBytes: number
  needsSources: boolean
}
export type SqliteDone =
  | {
      ok: true
      columns: string[]
      rows: JsonObject[]
      cut: boolean
      sources: Record<string, string[] | 'unknown'>
    }
  | { ok: false; error: string }

/** One value; how much memory there is altogether, sqlite-process.ts says. */
const MAX_VALUE_BYTES = 32 * 1024 * 1024

parentPort?.on('message', (job: SqliteJob) => parentPort?.postMessage(runJob(job)))

function runJob(job: SqliteJob): SqliteDone {
  let database: DatabaseSync | undefined
  try {
    database = openDatabase(job)
    const schema = readSchema(database)
    const trace: Trace = { queries: 0, reads: [], refused: undefined }
    database.setAuthorizer((action, first, second, place, accessor) => {
      if (action === constants.SQLITE_SELECT) trace.queries++
      if (action === constants.SQLITE_READ && second) trace.reads.push({ table: first ?? '', column: second })
      const why = refusal(job, schema, { action, first, second, place, accessor })
      trace.refused ??= why
      return why === undefined ? constants.SQLITE_OK : constants.SQLITE_DENY
    })
    const statement = prepare(database, job.sql, trace)
    return readRows(statement, job, schema, trace)
  } catch (error) {
    return { ok: false, error: `SQLite: ${(error as Error).message}` }
  } finally {
    database?.close()
  }
}

function openDatabase(job: SqliteJob): DatabaseSync {
  const database = new DatabaseSync(job.path, {
    readOnly: job.readOnly,
    allowExtension: false,
    enableDoubleQuotedStringLiterals: false,
    timeout: 1_000,
    limits: { length: MAX_VALUE_BYTES },
  })
  database.enableDefensive(true)
  database.exec('PRAGMA trusted_schema = OFF')
  // What is sorted counts as memory and is bounded with it, instead of filling the disk.
  database.exec('PRAGMA temp_store = MEMORY')
  if (job.readOnly) database.exec('PRAGMA query_only = ON')
  return database
}

/** What is wrong before a statement runs is wrong with its text, and may be told as it is. */
function prepare(database: DatabaseSync, sql: string, trace: Trace): StatementSync {
  try {
    return database.prepare(sql)
  } catch (error) {
    throw trace.refused === undefined ? error : new Error(trace.refused)
  }
}

type Action = {
  action: number
  first: string | null
  second: string | null
  place: string | null
  accessor: string | null
}

/** Why an action of the statement is refused, or undefined. What is not listed here is refused. */
function refusal(job: SqliteJob, schema: Schema, action: Action): string | undefined {
  const { first, second, place, accessor } = action
  const table = (first ?? '').toLowerCase()
  const listed = (names: string[]) =>
    names.includes(table) || names.includes(`${(place ?? 'main').toLowerCase()}.${table}`)
  switch (action.action) {
    case constants.SQLITE_SELECT:
    case constants.SQLITE_RECURSIVE:
      return undefined
    case constants.SQLITE_FUNCTION:
      return (second ?? '').toLowerCase() === 'load_extension' ? 'extensions are not loaded' : undefined
    case constants.SQLITE_READ:
      if (table === '' || listed(job.reads) || listed(job.writes)) return undefined
      // Made by the statement itself: a common table expression of which no column is read, or JSON as a table.
      if (!schema.has(table) && (second === '' || JSON_TABLES.has(table))) return undefined
      // A view that was decided may read what it is made of; it was trusted as it was named.
      if (schema.get(accessor?.toLowerCase() ?? '') === 'view' && job.reads.some(names(accessor)))
        return undefined
      return `reading ${first} was not part of what was decided`
    case constants.SQLITE_INSERT:
    case constants.SQLITE_UPDATE:
    case constants.SQLITE_DELETE:
      return !job.readOnly && listed(job.writes)
        ? undefined
        : `changing ${first} was not part of what was decided`
    default:
      return 'the statement wants something that this connection does not do'
  }
}

const JSON_TABLES = new Set(['json_each', 'json_tree'])

/** Whether a decided name is this one, with or without its schema. */
function names(name: string | null): (decided: string) => boolean {
  const wanted = (name ?? '').toLowerCase()
  return (decided) => decided === wanted || decided === `main.${wanted}`
}

function readRows(statement: StatementSync, job: SqliteJob, schema: Schema, trace: Trace): SqliteDone {
  statement.setReadBigInts(true)
  statement.setReturnArrays(true)
  const described = statement.columns()
  const columns = uniqueNames(described.map((column) => column.name))
  try {
    if (columns.length === 0) {
      const { changes } = statement.run()
      return {
        ok: true,
        columns: ['changes'],
        rows: [{ changes: Number(changes) }],
        cut: false,
        sources: { changes: [] },
      }
    }
    const sources = job.needsSources ? sourcesOf(described, columns, schema, trace) : {}
    return { ok: true, columns, sources, ...takeRows(statement, columns, job) }
  } catch (error) {
    // Now the message may quote what the statement has read; that of the code alone does not.
    const { errstr } = error as { errstr?: string }
    return { ok: false, error: `SQLite: ${errstr ?? 'the statement failed while it ran'}.` }
  }
}

function takeRows(
  statement: StatementSync,
  columns: string[],
  job: SqliteJob,
): { rows: JsonObject[]; cut: boolean } {
  const rows: JsonObject[] = []
  let bytes = 0
  for (const values of statement.iterate() as Iterable<unknown>) {
    const cells = values as unknown[]
    const row = Object.fromEntries(columns.map((name, index) => [name, toJson(cells[index])]))
    bytes += JSON.stringify(row).length
    if (rows.length === job.maxRows || bytes > job.maxBytes) return { rows, cut: true }
    rows.push(row)
  }
  return { rows, cut: false }
}

/** Integers beyond 2^53 and blobs become text: numbers never lose digits. */
function toJson(value: unknown): JsonValue {
  if (typeof value === 'bigint') {
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : value.toString()
  }
  if (value instanceof Uint8Array) return `base64:${Buffer.from(value).toString('base64')}`
  return value as JsonValue
}
