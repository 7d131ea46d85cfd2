// PostgreSQL: one statement through the extended protocol, in a READ ONLY transaction when the decision
// was for reading, with statement and lock timeouts, a pinned search path, a cursor that stops at the caps,
// and a connection that is reset after every call.
import type { Duplex } from 'node:stream'
import pg from 'pg'
import Cursor from 'pg-cursor'
import { AppError } from '@mcpshield/contracts/errors'
import { searchPathOf } from '@mcpshield/contracts/projects'
import { isUnknown, type JsonObject, type JsonValue } from '@mcpshield/policy/facts'
import type { Reach } from '@mcpshield/upstream/reach'
import { boundError, boundSocket } from '../reach.ts'
import type { ConnectionSpec, Grant, Statements, Table } from './connector.ts'
import { accountWarning } from './postgres-account.ts'
import { asQueryError, stopped, tooWide } from './postgres-errors.ts'
import { identifierList, sourcesOf } from './postgres-sources.ts'
import { parserOf } from './postgres-values.ts'
import { uniqueNames } from './unique-names.ts'

const POOL_SIZE = 8
const CHUNK_ROWS = 100
/** What one statement may send beyond its byte cap before its connection is cut: one value may have a gigabyte. */
const MAX_EXCESS_BYTES = 16 * 1024 * 1024
const LOCK_TIMEOUT_MS = 2_000
const CONNECT_TIMEOUT_MS = 5_000
/** The server stops a statement by itself; one that says nothing this long after is not waited for. */
const SILENCE_MS = 2_000

/** `warn` is told once what the account may do that no policy needs. */
export function postgresConnector(
  connection: ConnectionSpec,
  warn: (message: string) => void = () => undefined,
  reach?: Reach,
): Statements {
  if (connection.url === null)
    throw new AppError('INVALID_ARGUMENT', `The connection ${connection.name} has no URL.`)
  const pool = new pg.Pool({
    connectionString: connection.url,
    max: POOL_SIZE,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    ...(reach === undefined ? {} : { stream: () => boundSocket(reach) }),
    application_name: 'mcpshield',
    types: { getTypeParser: (oid: number) => parserOf(oid) },
  })
  pool.on('error', () => undefined) // An idle connection that broke is replaced by the next call.
  pool.on('connect', (client) => client.on('error', () => undefined)) // One in use tells its query.
  const searchPath = searchPathOf(connection.options)
  let account: Promise<unknown> | undefined
  return {
    async query(sql, grant) {
      if (grant.signal.aborted) throw new AppError('UNAVAILABLE', 'The client went away.')
      const client = await connect(pool, connection.name)
      // Asked before the first statement, on its connection; nobody has to wait for it.
      account ??= accountWarning(client, connection.name).then((message) => message && warn(message))
      const cancel = () => void cancelBackend(pool, client)
      grant.signal.addEventListener('abort', cancel, { once: true })
      const flow = limitFlow(pool, client, grant)
      let healthy = false
      try {
        await begin(client, searchPath, grant)
        const table = await runStatement(client, sql, searchPath, grant)
        await commit(client)
        await client.query('DISCARD ALL')
        healthy = !leavesTraces(grant)
        return table
      } catch (error) {
        const why = flow.why()
        healthy = why === undefined && !leavesTraces(grant) && (await reset(client))
        throw why ?? asQueryError(error, grant)
      } finally {
        flow.end()
        grant.signal.removeEventListener('abort', cancel)
        client.release(!healthy)
      }
    },
    async [Symbol.asyncDispose]() {
      await pool.end()
    },
  }
}

async function connect(pool: pg.Pool, name: string): Promise<pg.PoolClient> {
  try {
    return await pool.connect()
  } catch (cause) {
    const message = `The database behind the connection ${name} cannot be reached.`
    throw boundError(cause) ?? new AppError('UNAVAILABLE', message, { cause })
  }
}

/**
 * Cuts the connection when the server sends more than one statement may, since the driver would hold all of one
 * value, and when it is silent long after its own time limit.
 */
function limitFlow(
  pool: pg.Pool,
  client: pg.PoolClient,
  grant: Grant,
): { why(): AppError | undefined; end(): void } {
  const stream = streamOf(client)
  let bytes = 0
  let why: AppError | undefined
  const cut = (error: AppError) => {
    why ??= error
    stream.destroy()
  }
  const count = (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > grant.maxBytes + MAX_EXCESS_BYTES) cut(tooWide())
  }
  const timer = setTimeout(() => {
    void cancelBackend(pool, client)
    cut(stopped(grant))
  }, grant.timeoutMs + SILENCE_MS)
  stream.on('data', count)
  return {
    why: () => why,
    end() {
      clearTimeout(timer)
      stream.off('data', count)
    },
  }
}

function streamOf(client: pg.PoolClient): Duplex {
  return (client as unknown as { connection: { stream: Duplex } }).connection.stream
}

/** Closes a cursor. On a connection that broke, the driver alone would wait for ever. */
async function close(cursor: Cursor, client: pg.PoolClient): Promise<void> {
  const stream = streamOf(client)
  if (stream.closed) return
  await new Promise<void>((resolve) => {
    const done = () => {
      stream.off('close', done)
      resolve()
    }
    stream.once('close', done)
    cursor.close().then(done, done)
  })
}

/**
 * Begins the transaction and pins what a statement could be read differently by: where names are looked up, how
 * strings are written. It is read back, for a server or a role may have been set up to be different.
 */
async function begin(client: pg.PoolClient, searchPath: string[], grant: Grant): Promise<void> {
  const access = grant.readOnly ? 'READ ONLY' : 'READ WRITE'
  // One message of our own words; a statement of the agent is never sent this way.
  const results = (await client.query(`
    BEGIN ISOLATION LEVEL READ COMMITTED ${access};
    SET LOCAL statement_timeout = ${Math.ceil(grant.timeoutMs)};
    SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS};
    SET LOCAL search_path = ${identifierList(searchPath)};
    SET LOCAL standard_conforming_strings = on;
    SET LOCAL backslash_quote = safe_encoding;
    SET LOCAL transform_null_equals = off;
    SET LOCAL bytea_output = hex;
    SELECT pg_catalog.current_setting('standard_conforming_strings') AS strings,
      pg_catalog.current_setting('client_encoding') AS encoding,
      pg_catalog.current_setting('transaction_read_only') AS read_only`)) as unknown as pg.QueryResult<Pins>[]
  const pins = results.at(-1)?.rows[0]
  if (pins?.strings !== 'on' || pins.encoding !== 'UTF8' || (pins.read_only === 'on') !== grant.readOnly)
    throw new AppError(
      'UNAVAILABLE',
      'The database does not keep the settings that statements are judged by.',
    )
}

type Pins = { strings: string; encoding: string; read_only: string }

/** Reads rows in chunks until the end or a cap. pg-cursor always speaks the extended protocol. */
async function runStatement(
  client: pg.PoolClient,
  sql: string,
  searchPath: string[],
  grant: Grant,
): Promise<Table> {
  const cursor = client.query(new Cursor<JsonObject>(sql, [], { rowMode: 'array' } as object))
  const rows: JsonObject[] = []
  let columns: pg.FieldDef[] = []
  let names: string[] = []
  let bytes = 0
  let cut = false
  try {
    for (;;) {
      const chunk = await readChunk(cursor, Math.min(CHUNK_ROWS, grant.maxRows + 1 - rows.length))
      if (columns.length === 0) {
        // Only the first portion describes its columns.
        columns = chunk.fields
        names = uniqueNames(columns.map((field) => field.name))
      }
      for (const values of chunk.rows) {
        const row = Object.fromEntries(names.map((name, index) => [name, values[index] ?? null]))
        bytes += JSON.stringify(row).length
        if (rows.length === grant.maxRows || bytes > grant.maxBytes) cut = true
        else rows.push(row)
        if (cut) break
      }
      if (cut || chunk.rows.length === 0) break
    }
  } finally {
    await close(cursor, client)
  }
  const table: Table = { columns: names, rows, cut }
  if (grant.needsSources)
    table.sources = await sourcesOf(client, { sql, fields: columns, names, searchPath, grant })
  return table
}

function readChunk(cursor: Cursor, count: number): Promise<{ rows: JsonValue[][]; fields: pg.FieldDef[] }> {
  return new Promise((resolve, reject) => {
    cursor.read(
      count,
      (error: Error | undefined, rows: JsonValue[][], result: pg.QueryResult | undefined) => {
        if (error) reject(error)
        else resolve({ rows, fields: result?.fields ?? [] })
      },
    )
  })
}

/** A transaction that failed without anybody being told is not committed, and says so only by its tag. */
async function commit(client: pg.PoolClient): Promise<void> {
  const { command } = await client.query('COMMIT')
  if (command !== 'COMMIT') throw new AppError('UNAVAILABLE', 'The database did not keep the change.')
}

/** Leaves nothing of a failed call behind; false when the connection must be thrown away. */
async function reset(client: pg.PoolClient): Promise<boolean> {
  try {
    await client.query('ROLLBACK')
    await client.query('DISCARD ALL')
    return true
  } catch {
    return false
  }
}

/** What DISCARD ALL does not undo, such as a loaded library: such a connection is not used again. */
function leavesTraces({ accesses }: Grant): boolean {
  return accesses.some(({ operation }) => isUnknown(operation) || operation === 'admin')
}

/** Asks the server to stop the statement of a client that went away. */
async function cancelBackend(pool: pg.Pool, client: pg.PoolClient): Promise<void> {
  const { processID } = client as unknown as { processID: number | null }
  if (processID !== null) await pool.query('select pg_cancel_backend($1)', [processID]).catch(() => undefined)
}
