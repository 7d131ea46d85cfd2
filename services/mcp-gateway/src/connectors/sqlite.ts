// SQLite: each statement in a process of its own kind, which is killed when it takes too long.
import { fork, type ChildProcess } from 'node:child_process'
import { AppError } from '@mcpshield/contracts/errors'
import { isUnknown, type Access } from '@mcpshield/policy/facts'
import type { ConnectionSpec, Grant, Statements, Table } from './connector.ts'
import type { SqliteDone, SqliteJob } from './sqlite-job.ts'
import { turns } from './turns.ts'

const PROGRAM = new URL('./sqlite-process.ts', import.meta.url)
const MAX_IDLE = 2
/** Each may take as much memory as SQLite is given, and a processor. */
const MAX_RUNNING = 4

export function sqliteConnector(connection: ConnectionSpec): Statements {
  const path = connection.path
  if (path === null) throw new AppError('INVALID_ARGUMENT', `The connection ${connection.name} has no path.`)
  const idle: ChildProcess[] = []
  const running = new Set<ChildProcess>()
  const take = turns(MAX_RUNNING)
  let closed = false

  const run = async (job: SqliteJob, grant: Grant): Promise<SqliteDone> => {
    const child = idle.pop() ?? newProcess()
    running.add(child)
    try {
      const done = await runIn(child, job, grant)
      if (idle.length < MAX_IDLE && !closed && child.connected) idle.push(child)
      else child.kill('SIGKILL')
      return done
    } finally {
      running.delete(child)
    }
  }
  return {
    async query(sql, grant) {
      const done = await take(grant, () => run(jobOf(path, sql, grant), grant))
      if (!done.ok) throw new AppError('INVALID_ARGUMENT', done.error)
      const { columns, rows, cut, sources } = done
      return { columns, rows, cut, ...(grant.needsSources ? { sources } : {}) } satisfies Table
    },
    async [Symbol.asyncDispose]() {
      closed = true
      for (const child of [...idle, ...running]) child.kill('SIGKILL')
    },
  }
}

function newProcess(): ChildProcess {
  const child = fork(PROGRAM, [], {
    serialization: 'advanced',
    // Nothing of the gateway's environment, which has its secrets.
    env: {},
    execArgv: ['--max-old-space-size=256'],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  child.on('error', () => undefined) // Whoever waits for its answer learns it by `exit`.
  child.unref()
  child.channel?.unref()
  return child
}

/** Waits for the process; one that is late, or whose client went away, is killed with its statement. */
function runIn(child: ChildProcess, job: SqliteJob, grant: Grant): Promise<SqliteDone> {
  return new Promise((resolve, reject) => {
    const finish = () => {
      clearTimeout(timer)
      grant.signal.removeEventListener('abort', gone)
      child.off('message', answered)
      child.off('exit', broke)
      child.off('error', broke)
    }
    const end = (error: AppError) => {
      finish()
      child.kill('SIGKILL')
      reject(error)
    }
    const late = () =>
      end(new AppError('DEADLINE_EXCEEDED', `The statement was stopped after ${grant.timeoutMs} ms.`))
    const gone = () => end(new AppError('UNAVAILABLE', 'The client went away.'))
    const broke = () =>
      end(new AppError('UNAVAILABLE', 'The statement could not be run: it may need too much memory.'))
    const answered = (done: unknown) => {
      finish()
      resolve(done as SqliteDone)
    }
    const timer = setTimeout(late, grant.timeoutMs)
    if (grant.signal.aborted) return gone()
    grant.signal.addEventListener('abort', gone, { once: true })
    child.on('message', answered)
    child.on('exit', broke)
    child.on('error', broke)
    child.send(job, (error) => (error === null ? undefined : broke()))
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
    needsSources: grant.needsSources,
  }
}

function names(accesses: Access[]): string[] {
  return accesses
    .map((access) => access.resource)
    .filter((resource): resource is string => resource !== null && !isUnknown(resource))
    .map((resource) => resource.toLowerCase())
}
