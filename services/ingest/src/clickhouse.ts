// Insert and select, nothing else. Names of tables carry the database, so that nothing depends on a session.
import { ClickHouseError, ClickHouseLogLevel, createClient } from '@clickhouse/client'
import { AppError } from '@mcpshield/contracts/errors'

export type ClickHouse = AsyncDisposable & {
  /** Checked to be a plain name: it is written into statements. */
  database: string
  /** Resolves when the rows are stored. */
  insert(table: string, rows: object[]): Promise<void>
  select<Row>(query: string, parameters: Record<string, unknown>): Promise<Row[]>
  /** A statement without an answer. */
  command(statement: string): Promise<void>
  /** Changes or deletes rows: accepted for good when it resolves, done soon after. */
  change(statement: string, parameters: Record<string, unknown>): Promise<void>
  ping(): Promise<void>
}

const DEFAULT_DATABASE = 'mcpshield'
/** Below the deadline of a call over the bus, so that the answer can say why. */
const SELECT_WITHIN_S = 12
const TIMEOUT_EXCEEDED = '159'

/** Does not connect before the first use. The database is the URL's path, `mcpshield` when it has none. */
export function connectClickhouse(address: string): ClickHouse {
  const url = new URL(address)
  const database = url.pathname.slice(1) || DEFAULT_DATABASE
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(database))
    throw new Error('CLICKHOUSE_URL: the database is to be of letters, digits and _')
  url.pathname = '/'
  const client = createClient({
    url: url.href,
    request_timeout: 30_000,
    application: 'mcpshield-ingest',
    // It would write rows it could not insert to the console, and with them arguments of calls.
    log: { level: ClickHouseLogLevel.OFF },
  })
  return {
    database,
    async insert(table, rows) {
      if (rows.length === 0) return
      try {
        await client.insert({
          table: `${database}.${table}`,
          values: rows,
          format: 'JSONEachRow',
          // A field that the table does not have yet is waited for, not dropped.
          clickhouse_settings: { input_format_skip_unknown_fields: 0 },
        })
      } catch (error) {
        throw new InsertError(error as Error)
      }
    },
    async select<Row>(query: string, parameters: Record<string, unknown>) {
      try {
        const answer = await client.query({
          query,
          query_params: parameters,
          format: 'JSONEachRow',
          clickhouse_settings: {
            max_execution_time: SELECT_WITHIN_S,
            output_format_json_quote_64bit_integers: 0,
          },
        })
        return await answer.json<Row>()
      } catch (cause) {
        throw unavailable(cause)
      }
    },
    async command(statement) {
      await client.command({ query: statement })
    },
    async change(statement, parameters) {
      await client.command({ query: statement, query_params: parameters })
    },
    async ping() {
      const answer = await client.ping()
      if (!answer.success) throw answer.error
    },
    async [Symbol.asyncDispose]() {
      await client.close()
    },
  }
}

function unavailable(cause: unknown): AppError {
  const tooLong = cause instanceof ClickHouseError && cause.code === TIMEOUT_EXCEEDED
  const message = tooLong
    ? 'The search took too long. Narrow it by time, project or tool.'
    : 'The audit record cannot be read at the moment. Nothing is lost meanwhile; try again.'
  return new AppError('UNAVAILABLE', message, { cause })
}

/**
 * Codes that speak of the data itself: sent again it would be refused again. Anything else (not there,
 * overloaded, no memory, not migrated) can pass. INCORRECT_DATA is not here: it is also said of a column that
 * a table not yet migrated does not have.
 */
const REFUSALS = new Set([
  '6', // CANNOT_PARSE_TEXT
  '25', // CANNOT_PARSE_ESCAPE_SEQUENCE
  '26', // CANNOT_PARSE_QUOTED_STRING
  '27', // CANNOT_PARSE_INPUT_ASSERTION_FAILED
  '38', // CANNOT_PARSE_DATE
  '41', // CANNOT_PARSE_DATETIME
  '53', // TYPE_MISMATCH
  '69', // ARGUMENT_OUT_OF_BOUND
  '72', // CANNOT_PARSE_NUMBER
  '131', // TOO_LARGE_STRING_SIZE
  '321', // VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
  '349', // CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
  '376', // CANNOT_PARSE_UUID
])

/** Why rows were not stored, without what ClickHouse quotes of them. */
export class InsertError extends Error {
  override readonly name = 'InsertError'
  /** For what is in the rows: they would be refused again. */
  readonly refused: boolean

  constructor(error: Error) {
    const answered = error instanceof ClickHouseError
    super(answered ? `ClickHouse refused: ${error.type ?? 'error'} (${error.code})` : error.message)
    this.refused = answered && REFUSALS.has(error.code)
  }
}

export function isRefusal(error: unknown): boolean {
  return error instanceof InsertError && error.refused
}
