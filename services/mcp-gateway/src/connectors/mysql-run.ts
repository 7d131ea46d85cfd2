// Runs one statement through the prepared protocol, which takes no second one, and reads its rows until a cap.
import type { Connection, FieldPacket, PrepareStatementInfo, QueryError, ResultSetHeader } from 'mysql2'
import { AppError } from '@mcpshield/contracts/errors'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Grant, Table } from './connector.ts'
import { asMysqlError } from './mysql-errors.ts'
import { hangUp, streamOf } from './mysql-session.ts'
import { namedSources, sourcesOf } from './mysql-sources.ts'
import { toJson } from './mysql-values.ts'
import { uniqueNames } from './unique-names.ts'

/** How much of a result that was cut is read to its end, since a new session costs more. */
const WORTH_READING_BYTES = 256 * 1024

type Prepared = PrepareStatementInfo & { columns: FieldPacket[]; parameters: unknown[] }

export async function runStatement(connection: Connection, sql: string, grant: Grant): Promise<Table> {
  const prepared = await prepare(connection, sql).catch((error: unknown) => {
    throw asMysqlError(error, 'prepare', grant)
  })
  if (prepared.parameters.length > 0)
    throw new AppError('INVALID_ARGUMENT', 'The statement has placeholders; there are no values for them.')
  const { columns } = prepared
  const sources = grant.needsSources ? await sourcesOf(connection, sql, columns) : undefined
  const result = await execute(connection, prepared, grant).catch((error: unknown) => {
    throw asMysqlError(error, 'execute', grant)
  })
  if (result.header !== undefined) return changes(result.header, grant)
  const names = uniqueNames(result.fields.map((field) => field.name))
  const table: Table = { columns: names, rows: result.rows, cut: result.cut }
  if (sources !== undefined) table.sources = namedSources(sources, columns, result.fields, names)
  return table
}

function prepare(connection: Connection, sql: string): Promise<Prepared> {
  return new Promise((resolve, reject) => {
    connection.prepare(sql, (error, prepared) => {
      if (error) reject(error)
      else resolve(prepared as Prepared)
    })
  })
}

type Result = { fields: FieldPacket[]; rows: JsonObject[]; cut: boolean; header?: ResultSetHeader }

function execute(connection: Connection, prepared: Prepared, grant: Grant): Promise<Result> {
  return new Promise((resolve, reject) => {
    const result: Result = { fields: [], rows: [], cut: false }
    const take = rowTaker(result, grant)
    const unwatch = watchStream(connection, result, grant, {
      broke: () => fail(new Error('the connection broke')),
      enough: () => done(),
    })
    const done = () => {
      unwatch()
      resolve(result)
    }
    const fail = (error: Error) => {
      unwatch()
      reject(error)
    }
    const running = prepared.execute([])
    running.on('fields', (fields: FieldPacket[] | undefined) => {
      if (fields === undefined) return
      // A procedure may give several results: the first one is shown.
      if (result.fields.length === 0) result.fields = fields
      else result.cut = true
    })
    running.on('result', (row: unknown, index?: number) => {
      try {
        take(row, index ?? 0)
      } catch (error) {
        fail(error as Error)
        hangUp(connection)
      }
    })
    running.on('error', (error: QueryError) => fail(error))
    running.on('end', done)
  })
}

/** Tells of a connection that breaks, and ends one whose result was cut and is long. */
function watchStream(
  connection: Connection,
  result: Result,
  grant: Grant,
  tell: { broke: () => void; enough: () => void },
): () => void {
  const stream = streamOf(connection)
  let unreadBytes = 0
  const broke = () => tell.broke()
  const count = (chunk: Buffer) => {
    if (result.cut) unreadBytes += chunk.length
    // A change is waited for to its end: broken off, it would be undone.
    if (!grant.readOnly || unreadBytes < WORTH_READING_BYTES) return
    tell.enough()
    hangUp(connection)
  }
  stream.on('close', broke)
  stream.on('data', count)
  return () => {
    stream.off('close', broke)
    stream.off('data', count)
  }
}

/** Takes what the driver hands over, rows or the counts of a change, until a cap. */
function rowTaker(result: Result, grant: Grant): (row: unknown, index: number) => void {
  let names: string[] | undefined
  let bytes = 0
  return (row, index) => {
    if (!Array.isArray(row)) {
      if (result.fields.length === 0) result.header = row as ResultSetHeader
      return
    }
    if (result.cut || index > 0) return
    names ??= uniqueNames(result.fields.map((field) => field.name))
    const values = names.map((name, at) => {
      const field = result.fields[at] as FieldPacket
      return [name, toJson(row[at] ?? null, field, grant.redacts)] as const
    })
    const taken = Object.fromEntries(values)
    bytes += writtenLength(taken)
    if (result.rows.length === grant.maxRows || bytes > grant.maxBytes) result.cut = true
    else result.rows.push(taken)
  }
}

function writtenLength(row: JsonObject): number {
  try {
    return JSON.stringify(row).length
  } catch (cause) {
    throw new AppError('INVALID_ARGUMENT', 'A value of the result is nested too deeply.', { cause })
  }
}

/** What a statement without a result did. The last id is a value of some column that is not named. */
function changes({ affectedRows, insertId }: ResultSetHeader, grant: Grant): Table {
  const hasId = Number(insertId) !== 0
  const row: JsonObject = { affected_rows: affectedRows, ...(hasId ? { last_insert_id: insertId } : {}) }
  const table: Table = { columns: Object.keys(row), rows: [row], cut: false }
  if (grant.needsSources) table.sources = { affected_rows: [], last_insert_id: 'unknown' }
  return table
}
