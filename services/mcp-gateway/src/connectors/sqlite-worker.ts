// Runs in a thread of a process of its own (sqlite-process.ts). Opens the file for one statement, lets SQLite's
// authorizer hold it to the tables that were decided, and closes it again.
import { constants, DatabaseSync, type StatementSync } from 'node:sqlite'
import { parentPort } from 'node:worker_threads'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'
import type { SqliteDone, SqliteJob } from './sqlite-job.ts'
import { columnsOf, mayMerge, openedTables } from './sqlite-opened.ts'
import { readSchema, sourcesOf, type Opened, type Schema, type Trace } from './sqlite-sources.ts'
import { isListed, refusal } from './sqlite-wall.ts'
import { uniqueNames } from './unique-names.ts'

/** One value; how much memory there is altogether, sqlite-process.ts says. */
const MAX_VALUE_BYTES = 32 * 1024 * 1024

parentPort?.on('message', (job: SqliteJob) => parentPort?.postMessage(runJob(job)))

function runJob(job: SqliteJob): SqliteDone {
  let database: DatabaseSync | undefined
  try {
    database = openDatabase(job)
    const schema = readSchema(database)
    const trace: Trace = { queries: 0, reads: [], told: new Set(), refused: undefined }
    /** While the statement is looked at by statements of our own. */
    let looking = false
    database.setAuthorizer((action, first, second, place, accessor) => {
      if (looking) return constants.SQLITE_OK
      if (action === constants.SQLITE_SELECT) trace.queries++
      if (action === constants.SQLITE_READ) noteRead(trace, first, second)
      const why = refusal(job, schema, { action, first, second, place, accessor })
      trace.refused ??= why
      return why === undefined ? constants.SQLITE_OK : constants.SQLITE_DENY
    })
    const statement = prepare(database, job.sql, trace)
    looking = true
    const opened = lookInto(database, job, trace)
    looking = false
    return readRows(statement, job, schema, trace, opened)
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

function noteRead(trace: Trace, table: string | null, column: string | null): void {
  trace.told.add((table ?? '').toLowerCase())
  if (table && column) trace.reads.push({ table, column })
}

/** What the statement opens. A table of which the authorizer was not told anything is refused here. */
function lookInto(database: DatabaseSync, job: SqliteJob, trace: Trace): Opened {
  const { sql, readOnly, needsSources } = job
  // A change may open more by its own rules, such as the tables of foreign keys.
  const tables = openedTables(database, sql)
  if (tables === undefined && readOnly) throw new Error('what the statement opens could not be told')
  const silent = (tables ?? []).find(
    (table) => !trace.told.has(table.toLowerCase()) && !isListed(job, table, 'main'),
  )
  if (readOnly && silent !== undefined) throw new Error(`reading ${silent} was not part of what was decided`)
  if (!needsSources) return { tables: [], columns: new Map(), merges: false, readOnly }
  const all = [...new Set([...(tables ?? []), ...trace.reads.map(({ table }) => table)])]
  return {
    tables: tables ?? all,
    columns: columnsOf(database, all),
    merges: mayMerge(database, sql, trace.told),
    readOnly,
  }
}

function readRows(
  statement: StatementSync,
  job: SqliteJob,
  schema: Schema,
  trace: Trace,
  opened: Opened,
): SqliteDone {
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
    const sources = job.needsSources ? sourcesOf(described, columns, schema, trace, opened) : {}
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
