// MySQL and MariaDB: one statement through the prepared protocol, in a READ ONLY transaction when the decision was
// for reading, on a session pinned to what the statement was judged by, with statement and lock timeouts, rows that
// stop at the caps, and a new login after every call.
import { AppError } from '@mcpshield/contracts/errors'
import type { Reach } from '@mcpshield/upstream/reach'
import { boundSocket } from '../reach.ts'
import type { ConnectionSpec, Grant, Statements, Table } from './connector.ts'
import { asMysqlError, stopped } from './mysql-errors.ts'
import { openPool } from './mysql-pool.ts'
import { runStatement } from './mysql-run.ts'
import { ask, hangUp, killSession, optionsOf, streamOf, type Session } from './mysql-session.ts'
import { whyNotReading } from './mysql-text.ts'
import { turns } from './turns.ts'

const MAX_SESSIONS = 8
/** What one statement may send beyond its byte cap before its connection is cut: one value may have a gigabyte. */
const MAX_EXCESS_BYTES = 16 * 1024 * 1024
/** The server stops a statement by itself; one that it leaves running this long after is ended from outside. */
const GRACE_MS = 250

/** `warn` is told once where the account of the connection has more rights than a policy can watch over. */
export function mysqlConnector(
  spec: ConnectionSpec,
  warn: (message: string) => void = () => {},
  reach?: Reach,
): Statements {
  const { host, port } = optionsOf(spec)
  const stream = reach && (() => boundSocket(reach).connect(Number(port), host ?? ''))
  const options = { ...optionsOf(spec), ...(stream === undefined ? {} : { stream }) }
  const pool = openPool(spec, options, warn)
  const take = turns(MAX_SESSIONS)

  const run = async (sql: string, grant: Grant): Promise<Table> => {
    const session = await pool.begin(grant)
    const watch = watchSession(session, grant, () => killSession(options, session))
    try {
      const startedMs = performance.now()
      const table = await runStatement(session.connection, sql, grant)
      // SLEEP and BENCHMARK answer when they are ended, as if they were done.
      if (performance.now() - startedMs >= grant.timeoutMs) throw stopped(grant)
      if (!streamOf(session.connection).destroyed) await ask(session.connection, 'COMMIT')
      return table
    } catch (error) {
      throw watch.why() ?? asMysqlError(error, 'execute', grant)
    } finally {
      await watch.end()
      await pool.end(session, watch.why() === undefined)
    }
  }
  return {
    async query(sql, grant) {
      const why = grant.readOnly ? whyNotReading(sql) : undefined
      if (why !== undefined)
        throw new AppError('PERMISSION_DENIED', `Not run: the statement was decided as reading, but ${why}.`)
      return take(grant, () => run(sql, grant))
    },
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  }
}

type Watch = { why(): AppError | undefined; end(): Promise<void> }

/**
 * Ends a session from outside when its statement takes too long, sends too much or its client went away. Such a
 * session is never used again: what was to end its statement could end the next one.
 */
function watchSession({ connection }: Session, grant: Grant, kill: () => Promise<void>): Watch {
  const stream = streamOf(connection)
  let bytes = 0
  let why: AppError | undefined
  let killing: Promise<void> | undefined
  const cut = (error: AppError) => {
    why ??= error
    killing ??= kill().finally(() => hangUp(connection))
  }
  const count = (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= grant.maxBytes + MAX_EXCESS_BYTES) return
    stream.pause()
    cut(tooWide())
  }
  const gone = () => cut(new AppError('UNAVAILABLE', 'The client went away.'))
  const timer = setTimeout(() => cut(stopped(grant)), grant.timeoutMs + GRACE_MS)
  stream.on('data', count)
  grant.signal.addEventListener('abort', gone, { once: true })
  if (grant.signal.aborted) gone()
  return {
    why: () => why,
    async end() {
      clearTimeout(timer)
      stream.off('data', count)
      grant.signal.removeEventListener('abort', gone)
      await killing
    },
  }
}

function tooWide(): AppError {
  return new AppError(
    'INVALID_ARGUMENT',
    'The result has values too large to be read; select fewer columns or parts of them.',
  )
}
