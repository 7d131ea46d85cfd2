// Runs in a worker thread, so that a long statement never holds up the gateway. Opens the file for one
// statement, lets SQLite's authorizer hold it to the tables that were decided, and closes it again.
import { constants, DatabaseSync, type StatementSync } from 'node:sqlite'
import { parentPort } from 'node:worker_threads'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'

export type SqliteJob = {
  path: string
  sql: string
  readOnly: boolean
  /** `table` or `schema.table`, lower case: what may be read, and what may be written. */
  reads: string[]
  writes: string[]
  maxRows: number
  maxBytes: number
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

parentPort?.on('message', (job: SqliteJob) => parentPort?.postMessage(runJob(job)))

function runJob(job: SqliteJob): SqliteDone {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(job.path, {
      readOnly: job.readOnly,
      allowExtension: false,
      enableDoubleQuotedStringLiterals: false,
      timeout: 1_000,
    })
    database.enableDefensive(true)
    database.exec('PRAGMA trusted_schema = OFF')
    if (job.readOnly) database.exec('PRAGMA query_only = ON')
    let refused: string | undefined
    database.setAuthorizer((action, first, second, schema, accessor) => {
      const why = refusal(job, { action, first, second, schema, accessor })
      refused ??= why
      return why === undefined ? constants.SQLITE_OK : constants.SQLITE_DENY
    })
    const statement = prepare(database, job.sql, () => refused)
    return readRows(statement, job)
  } catch (error) {
    return { ok: false, error: `SQLite: ${(error as Error).message}` }
  } finally {
    database?.close()
  }
}

function prepare(database: DatabaseSync, sql: string, refused: () => string | undefined): StatementSync {
  try {
    return database.prepare(sql)
  } catch (error) {
    throw refused() === undefined ? error : new Error(refused())
  }
}

type Action = {
  action: number
  first: string | null
  second: string | null
  schema: string | null
  accessor: string | null
}

/** Why an action of the statement is refused, or undefined. What is not listed here is refused. */
function refusal(job: SqliteJob, { action, first, second, schema, accessor }: Action): string | undefined {
  const table = (first ?? '').toLowerCase()
  const listed = (names: string[]) =>
    names.includes(table) || names.includes(`${(schema ?? 'main').toLowerCase()}.${table}`)
  switch (action) {
    case constants.SQLITE_SELECT:
    case constants.SQLITE_RECURSIVE:
      return undefined
    case constants.SQLITE_FUNCTION:
      return (second ?? '').toLowerCase() === 'load_extension' ? 'extensions are not loaded' : undefined
    case constants.SQLITE_READ:
      if (table === '' || listed(job.reads) || listed(job.writes)) return undefined
      // A view that was decided may read what it is made of; it was trusted as it was named.
      if (accessor !== null && job.reads.includes(accessor.toLowerCase())) return undefined
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

function readRows(statement: StatementSync, job: SqliteJob): SqliteDone {
  statement.setReadBigInts(true)
  const described = statement.columns()
  const columns = described.map((column) => column.name)
  const sources = Object.fromEntries(
    described.map((column): [string, string[] | 'unknown'] => [
      column.name,
      column.table === null || column.column === null ? 'unknown' : [`${column.table}.${column.column}`],
    ]),
  )
  const rows: JsonObject[] = []
  let bytes = 0
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
  for (const values of statement.iterate()) {
    const row = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, toJson(value)]))
    bytes += JSON.stringify(row).length
    if (rows.length === job.maxRows || bytes > job.maxBytes)
      return { ok: true, columns, rows, cut: true, sources }
    rows.push(row)
  }
  return { ok: true, columns, rows, cut: false, sources }
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
