// What an HTTP request to ClickHouse asks for, as plain data. Pure.
import { timingSafeEqual } from 'node:crypto'

export interface ChRequest {
  /** The statement, data of an INSERT included. */
  statement: string
  /** Statements to run before it in the same session: database, settings, parameters. */
  prelude: string
  defaultFormat: string
  /** ClickHouse's own rule: what comes by GET must not change anything. */
  readOnly: boolean
  /** For the summary: lines of data sent with an INSERT. */
  rowsSent: number
}

export class BadRequest extends Error {
  readonly code: number
  constructor(code: number, name: string, message: string) {
    super(`Code: ${code}. DB::Exception: ${message}. (${name})`)
    this.code = code
  }
}

/** Parameters of the HTTP interface that are not settings of the engine. */
const NOT_SETTINGS = new Set([
  'query', 'query_id', 'database', 'default_format', 'user', 'password', 'quota_key', 'role', 'compress', 'decompress',
  'enable_http_compression', 'http_zlib_compression_level', 'wait_end_of_query', 'buffer_size', 'stacktrace',
  'session_timeout', 'session_check', 'send_progress_in_http_headers', 'http_headers_progress_interval_ms',
  'async_insert', 'wait_for_async_insert', 'async_insert_busy_timeout_ms', // an insert here is done when it is answered
]) // prettier-ignore

/** Reads a request whose body is already decoded. */
export function readRequest(
  method: string,
  parameters: URLSearchParams,
  headers: Headers,
  body: string,
): ChRequest {
  if (parameters.has('session_id')) {
    throw new BadRequest(
      48,
      'NOT_IMPLEMENTED',
      'This local ClickHouse keeps no HTTP sessions: send each request without session_id',
    )
  }
  const query = parameters.get('query') ?? ''
  const statement = query && body ? `${query}\n${body}` : query || body
  if (!statement.trim()) throw new BadRequest(62, 'SYNTAX_ERROR', 'Empty query')
  requireOneStatement(query || body)
  return {
    statement,
    prelude: preludeOf(parameters, headers),
    defaultFormat: parameters.get('default_format') ?? headers.get('x-clickhouse-format') ?? 'TabSeparated',
    readOnly: method === 'GET' && !['1', '2'].includes(parameters.get('readonly') ?? ''),
    rowsSent: isInsert(statement) ? countLines(body === statement ? '' : body) : 0,
  }
}

function preludeOf(parameters: URLSearchParams, headers: Headers): string {
  const database = parameters.get('database') ?? headers.get('x-clickhouse-database')
  const settings = [...parameters].filter(([name]) => !NOT_SETTINGS.has(name))
  // `readonly` closes the door for the other settings, so it goes last.
  settings.sort(([a], [b]) => Number(a === 'readonly') - Number(b === 'readonly'))
  const assignments = settings.map(([name, value]) => {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
      throw new BadRequest(115, 'UNKNOWN_SETTING', `Unknown setting '${name}'`)
    return `SET ${name} = ${literal(value)}`
  })
  return [...(database ? [`USE ${identifier(database)}`] : []), ...assignments].join('; ')
}

/** A string as a ClickHouse literal. */
export const literal = (text: string) => `'${text.replace(/[\\']/g, '\\$&').replaceAll('\0', '\\0')}'`

const identifier = (name: string) => `\`${name.replace(/[\\`]/g, '\\$&')}\``

export const isInsert = (statement: string) => /^\s*INSERT\b/i.test(withoutLeadingComments(statement))
// Formats without a frame or heading. The engine gives each piece of a stream a frame of its own, so a
// result in any other format is answered in one piece.
const LINE_FORMATS =
  /^(JSONEachRow|JSONStringsEachRow|JSONCompactEachRow|JSONCompactStringsEachRow|TabSeparated|TSV|TabSeparatedRaw|TSVRaw|CSV)$/i

/** What can be answered piece by piece. */
export function canStream({
  statement,
  defaultFormat,
}: Pick<ChRequest, 'statement' | 'defaultFormat'>): boolean {
  if (!/^[\s(]*(SELECT|WITH)\b/i.test(withoutLeadingComments(statement))) return false
  const format = /\bFORMAT\s+(\w+)\s*(?:SETTINGS\b[^']*)?;?\s*$/i.exec(statement)?.[1] ?? defaultFormat
  return LINE_FORMATS.test(format)
}

export const withoutLeadingComments = (sql: string) =>
  sql.replace(/^(\s+|--[^\n]*(\n|$)|\/\*[\s\S]*?\*\/)+/, '')

// The engine as a library runs several statements where the server refuses them, which would turn a mistake
// in quoting into an injection here and nowhere else.
function requireOneStatement(sql: string): void {
  const tail = tailAfterFirstStatement(sql)
  if (tail)
    throw new BadRequest(
      62,
      'SYNTAX_ERROR',
      `Syntax error (Multi-statements are not allowed): ${tail.slice(0, 60)}`,
    )
}

/** What follows the first `;` outside quotes, comments and the data of an INSERT. */
export function tailAfterFirstStatement(sql: string): string {
  const insert = isInsert(sql)
  const tokens =
    /'(?:[^'\\]|\\[\s\S]|'')*'|`(?:[^`\\]|\\[\s\S])*`|"(?:[^"\\]|\\[\s\S])*"|--[^\n]*|\/\*[\s\S]*?\*\/|\b(?:FORMAT\s+\w+|VALUES)\b|;/gi
  for (const { 0: token, index } of sql.matchAll(tokens)) {
    if (insert && /^(FORMAT|VALUES)/i.test(token)) return ''
    if (token === ';') return withoutLeadingComments(sql.slice(index + 1)).replace(/^[;\s]+/, '')
  }
  return ''
}

function countLines(data: string): number {
  let lines = 0
  for (const line of data.split('\n')) if (line.trim() !== '') lines++
  return lines
}

/** Whether the request carries the password, in any of the places ClickHouse takes it from. */
export function isAuthentic(
  headers: Headers,
  parameters: URLSearchParams,
  user: string,
  password: string,
): boolean {
  const [givenUser, givenPassword] = credentials(headers, parameters)
  return givenUser === user && equal(givenPassword, password)
}

function credentials(headers: Headers, parameters: URLSearchParams): [string, string] {
  const basic = /^Basic (.+)$/i.exec(headers.get('authorization') ?? '')?.[1]
  if (basic) {
    const text = Buffer.from(basic, 'base64').toString('utf8')
    const colon = text.indexOf(':')
    return [text.slice(0, colon), text.slice(colon + 1)]
  }
  const user = headers.get('x-clickhouse-user') ?? parameters.get('user') ?? 'default'
  return [user, headers.get('x-clickhouse-key') ?? parameters.get('password') ?? '']
}

function equal(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}
