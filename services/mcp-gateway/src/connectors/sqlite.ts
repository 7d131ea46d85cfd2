// SQLite: each statement in a worker thread that is ended when it takes too long.
import { Worker } from 'node:worker_threads'
import { AppError } from '@mcpshield/contracts/errors'
import { isUnknown, type Access } from '@mcpshield/policy/facts'
import type { ConnectionSpec, Connector, Grant, Table } from './connector.ts'
import type { SqliteDone, SqliteJob } from './sqlite-worker.ts'

const WORKER = new URL('./sqlite-worker.ts', import.meta.url)
const MAX_IDLE = 2

export function sqliteConnector(connection: ConnectionSpec): Connector {
  const path = connection.path
  if (path === null) throw new AppError('INVALID_ARGUMENT', `The connection ${connection.name} has no path.`)
  const idle: Worker[] = []
  return {
    async query(sql, grant) {
      const worker = idle.pop() ?? newWorker()
      const done = await runIn(worker, jobOf(path, sql, grant), grant)
      if (idle.length < MAX_IDLE) idle.push(worker)
      else void worker.terminate()
      if (!done.ok) throw new AppError('INVALID_ARGUMENT', done.error)
      const { columns, rows, cut, sources } = done
      return { columns, rows, cut, ...(grant.needsSources ? { sources } : {}) } satisfies Table
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(idle.map((worker) => worker.terminate()))
    },
  }
}

function newWorker(): Worker {
  const worker = new Worker(WORKER)
  worker.unref()
  return worker
}

/** Waits for the worker; one that is late, or whose client went away, is ended with its statement. */
function runIn(worker: Worker, job: SqliteJob, grant: Grant): Promise<SqliteDone> {
  return new Promise((resolve, reject) => {
    const end = (error: AppError) => {
      finish()
      void worker.terminate()
      reject(error)
    }
    const late = () =>
      end(new AppError('DEADLINE_EXCEEDED', `The statement was stopped after ${grant.timeoutMs} ms.`))
    const gone = () => end(new AppError('UNAVAILABLE', 'The client went away.'))
    const broke = (cause: Error) =>
      end(new AppError('UNAVAILABLE', 'The statement could not be run.', { cause }))
    const timer = setTimeout(late, grant.timeoutMs)
    const answered = (done: SqliteDone) => {
      finish()
      resolve(done)
    }
    const finish = () => {
      clearTimeout(timer)
      grant.signal.removeEventListener('abort', gone)
      worker.off('message', answered)
      worker.off('error', broke)
    }
    grant.signal.addEventListener('abort', gone, { once: true })
    worker.on('message', answered)
    worker.on('error', broke)
    worker.postMessage(job)
  })
}

function jobOf(path: string, sql: string, grant: Grant): SqliteJob {
  return {
    path,
    sql,
    readOnly: grant.readOnly,
    reads: names(grant.accesses.filter((access) => access.operation === 'read')),
    writes: names(grant.accesses.filter((access) => access.operation === 'write')),
    maxRows: grant.maxRows,
    maxBytes: grant.maxBytes,
  }
}

function names(accesses: Access[]): string[] {
  return accesses
    .map((access) => access.resource)
    .filter((resource): resource is string => resource !== null && !isUnknown(resource))
    .map((resource) => resource.toLowerCase())
}
