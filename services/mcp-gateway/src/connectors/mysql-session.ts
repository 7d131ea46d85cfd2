// A session on a MySQL or MariaDB server: how it is opened, pinned to what statements were judged by, and put back
// to how it began.
import mysql, { type Connection, type ConnectionOptions } from 'mysql2'
import type { Duplex } from 'node:stream'
import { AppError } from '@mcpshield/contracts/errors'
import { boundError } from '../reach.ts'
import type { ConnectionSpec, Grant } from './connector.ts'

export type Session = {
  connection: Connection
  isMariadb: boolean
  /** The server's number for this session, by which another can end it. */
  id: string
}

const CONNECT_TIMEOUT_MS = 5_000
const LOCK_TIMEOUT_SECONDS = 2
/** Strict about what is stored. Quotes and backslashes mean what they meant when the statement was judged. */
const SQL_MODE = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'

/** What the driver is told. Parameters of the URL that are not known here are refused, not passed on. */
export function optionsOf(spec: ConnectionSpec): ConnectionOptions {
  const url = URL.parse(spec.url ?? '')
  const wrong = (why: string) => new AppError('INVALID_ARGUMENT', `The connection ${spec.name} ${why}.`)
  if (url === null) throw wrong('has no URL')
  if (!/^(mysql|mariadb):$/.test(url.protocol)) throw wrong('needs a URL that begins with mysql://')
  const parameters = [...url.searchParams.keys()].filter((name) => !/^ssl(-mode)?$/.test(name))
  if (parameters.length > 0) throw wrong(`has a parameter in its URL that is not known: ${parameters[0]}`)
  const inUrl = decodeURIComponent(url.pathname.slice(1))
  const decided = spec.options.database
  if (inUrl !== '' && typeof decided === 'string' && decided !== inUrl)
    throw wrong('has another database in its URL than in its options')
  const database = inUrl === '' && typeof decided === 'string' ? decided : inUrl
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || 3306),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    ...(database === '' ? {} : { database }),
    ...sslOf(url.searchParams, wrong),
    ...HOW_TO_SPEAK,
  }
}

const HOW_TO_SPEAK: ConnectionOptions = {
  connectTimeout: CONNECT_TIMEOUT_MS,
  multipleStatements: false,
  // Never the gateway's files, never another reading of spaces, and changed rows rather than matched ones.
  flags: ['-LOCAL_FILES', '-IGNORE_SPACE', '-FOUND_ROWS', '-ODBC'],
  charset: 'utf8mb4',
  connectAttributes: { program_name: 'mcpshield' },
  rowsAsArray: true,
  disableEval: true,
  dateStrings: true,
  supportBigNumbers: true,
  jsonStrings: true,
  typeCast: (field, next) => (field.type === 'GEOMETRY' ? field.buffer() : next()),
  trace: false,
}

/** `ssl-mode` as MySQL's own programs have it; `ssl=true` checks the certificate and the host's name. */
function sslOf(parameters: URLSearchParams, wrong: (why: string) => AppError): ConnectionOptions {
  const plain = parameters.get('ssl')?.toLowerCase()
  const mode =
    parameters.get('ssl-mode')?.toLowerCase() ?? (plain === 'true' ? 'verify_identity' : 'disabled')
  if (plain !== undefined && !/^(true|false)$/.test(plain))
    throw wrong('has an ssl that is not true or false')
  if (mode === 'disabled') return {}
  if (mode === 'required') return { ssl: { rejectUnauthorized: false } }
  if (mode === 'verify_ca') return { ssl: { rejectUnauthorized: true, verifyIdentity: false } }
  if (mode === 'verify_identity') return { ssl: { rejectUnauthorized: true, verifyIdentity: true } }
  throw wrong('has an ssl-mode that is not disabled, required, verify_ca or verify_identity')
}

/** Opens a session; the error of one that does not open names neither its address nor its password. */
export async function openSession(spec: ConnectionSpec, options: ConnectionOptions): Promise<Session> {
  try {
    const connection = await connected(options)
    const [row] = await ask(connection, 'SELECT CONNECTION_ID(), VERSION()')
    return { connection, id: String(row?.[0]), isMariadb: /mariadb/i.test(String(row?.[1])) }
  } catch (cause) {
    const message = `The database behind the connection ${spec.name} cannot be reached.`
    throw boundError(cause) ?? new AppError('UNAVAILABLE', message, { cause })
  }
}

function connected(options: ConnectionOptions): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const connection = mysql.createConnection({ ...options })
    // Whoever waits for an answer learns of a broken connection from that; nobody waits for an idle one.
    connection.on('error', (error: Error) => reject(error))
    connection.on('connect', () => resolve(connection))
  })
}

/** Ends a connection at once, whatever it is doing. */
export function hangUp(connection: Connection): void {
  streamOf(connection).destroy()
  connection.destroy()
}

/** The socket; with TLS it is another one after the handshake than before. */
export function streamOf(connection: Connection): Duplex {
  return (connection as unknown as { stream: Duplex }).stream
}

/** One of our own statements; the server has a moment for it. */
export function ask(connection: Connection, sql: string, values: string[] = []): Promise<unknown[][]> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      hangUp(connection)
      reject(new Error('the server does not answer'))
    }, CONNECT_TIMEOUT_MS)
    connection.query({ sql, values }, (error: Error | null, rows: unknown) => {
      clearTimeout(timer)
      if (error) reject(new Error(`MySQL error ${(error as { errno?: number }).errno ?? error.message}`))
      else resolve(Array.isArray(rows) ? (rows as unknown[][]) : [])
    })
  })
}

/** Settings that change what a text means, or how long it may take, and what they must read as afterwards. */
function settings({ isMariadb }: Session, timeoutMs: number): [name: string, value: string][] {
  return [
    ['sql_mode', `'${SQL_MODE}'`],
    ['character_set_client', 'utf8mb4'],
    ['character_set_connection', 'utf8mb4'],
    ['character_set_results', 'utf8mb4'],
    ['time_zone', "'+00:00'"],
    ['autocommit', '1'],
    ['completion_type', "'NO_CHAIN'"],
    ['sql_auto_is_null', '0'],
    ['lock_wait_timeout', String(LOCK_TIMEOUT_SECONDS)],
    ['innodb_lock_wait_timeout', String(LOCK_TIMEOUT_SECONDS)],
    isMariadb
      ? ['max_statement_time', (Math.ceil(timeoutMs) / 1_000).toFixed(6)]
      : ['max_execution_time', String(Math.ceil(timeoutMs))],
  ]
}

/** Pins a session for one call and reads back that it is pinned. */
export async function pinSession(
  session: Session,
  database: string | undefined,
  grant: Grant,
): Promise<void> {
  const wanted = settings(session, grant.timeoutMs)
  await ask(
    session.connection,
    `SET ${wanted.map(([name, value]) => `@@SESSION.${name} = ${value}`).join(', ')}`,
  )
  const [values = []] = await ask(
    session.connection,
    `SELECT ${wanted.map(([name]) => `@@SESSION.${name}`).join(', ')}, DATABASE()`,
  )
  const isPinned = wanted.every(([, value], index) => sameSetting(value, values[index]))
  const isThere = (values.at(-1) ?? '') === (database ?? '') || sameName(values.at(-1), database)
  if (!isPinned || !isThere) throw new Error('the session does not keep its settings')
  await ask(session.connection, `START TRANSACTION ${grant.readOnly ? 'READ ONLY' : 'READ WRITE'}`)
}

function sameSetting(wanted: string, value: unknown): boolean {
  const text = wanted.replaceAll("'", '')
  if (/^\d/.test(text)) return Number(text) === Number(value)
  return text.split(',').sort().join() === String(value).split(',').sort().join()
}

/** Servers on other systems keep the names of databases in lower case. */
function sameName(value: unknown, database: string | undefined): boolean {
  return typeof value === 'string' && value.toLowerCase() === database?.toLowerCase()
}

/**
 * Puts a session back to how it began, by logging in anew: what is not committed is undone; locks, temporary
 * tables, variables and the chosen database are gone. False when the session must be thrown away.
 */
export function resetSession({ connection }: Session): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), CONNECT_TIMEOUT_MS)
    connection.changeUser({}, (error) => {
      clearTimeout(timer)
      resolve(error === null)
    })
  })
}

/** Ends another session and its statement on the server; without an answer the server's own limit has to. */
export async function killSession(options: ConnectionOptions, { id }: Session): Promise<void> {
  const killer = await connected({ ...options, connectTimeout: KILL_TIMEOUT_MS }).catch(() => undefined)
  if (killer === undefined) return
  await ask(killer, `KILL CONNECTION ${BigInt(id)}`).catch(() => undefined)
  hangUp(killer)
}

const KILL_TIMEOUT_MS = 2_000
