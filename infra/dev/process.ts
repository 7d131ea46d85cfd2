// Starts a program, waits until it answers, keeps its output in a file, restarts it when it dies, stops it for good.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { processIdentity } from './identity.ts'
import { forgetPid, recordPid, signalGroup } from './pid-records.ts'
import { SetupError } from './setup-error.ts'

export interface Launch {
  command: string
  args: readonly string[]
  /** The whole environment of the child; this process's own where not given. */
  env?: NodeJS.ProcessEnv
  cwd?: string
  uid?: number
  gid?: number
  /** Opens a channel to a Node child; it should exit when the channel closes. */
  ipc?: boolean
}

export interface ProcessSpec {
  /** Also the name of its log and pid files. */
  name: string
  dataDir: string
  /** Asked before every start, restarts included. */
  launch: () => Launch | Promise<Launch>
  /** Resolves once the program does its work. Called again until `readyTimeoutMs` when it throws. */
  ready: (child: ChildProcess) => Promise<void>
  readyTimeoutMs?: number
  stopSignal?: NodeJS.Signals
  /** After this the program is killed. */
  stopTimeoutMs?: number
  progress: (line: string) => void
}

export interface Supervised extends AsyncDisposable {
  readonly pid: number | undefined
}

const MAX_BACKOFF_MS = 10_000
/** One that lived this long was healthy: its next restart is at once. */
const HEALTHY_MS = 30_000
const LOG_LIMIT_BYTES = 10_000_000

/** Runs a program until disposed. The first start must succeed; after that, a death means a restart with growing pauses. */
export async function supervise(spec: ProcessSpec): Promise<Supervised> {
  const stopping = new AbortController()
  let current = await startOnce(spec)
  const loop = keepAlive()

  async function keepAlive(): Promise<void> {
    let backoffMs = 100
    for (;;) {
      const startedAt = Date.now()
      const ended = await current.exited
      if (stopping.signal.aborted) return
      if (Date.now() - startedAt > HEALTHY_MS) backoffMs = 100
      spec.progress(`${spec.name} stopped (${ended}); starting it again`)
      for (;;) {
        await sleep(backoffMs, undefined, { signal: stopping.signal }).catch(() => undefined)
        if (stopping.signal.aborted) return
        backoffMs = Math.min(backoffMs * 2, MAX_BACKOFF_MS)
        try {
          current = await startOnce(spec, stopping.signal)
          break
        } catch (error) {
          if (stopping.signal.aborted) return
          spec.progress(
            `${spec.name} did not come back: ${error instanceof Error ? error.message : String(error)}`,
          )
        }
      }
    }
  }

  return {
    get pid() {
      return current.child.pid
    },
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await stop(spec, current)
      await loop
    },
  }
}

/** For `ready` of a Node child with a channel: it says so itself. */
export async function saysReady(child: ChildProcess): Promise<void> {
  for (;;) {
    const [message] = (await once(child, 'message')) as [unknown]
    if (message === 'ready') return
  }
}

interface Running {
  child: ChildProcess
  /** How it ended, in words. */
  exited: Promise<string>
}

async function startOnce(spec: ProcessSpec, cancel?: AbortSignal): Promise<Running> {
  const launch = await spec.launch()
  const logFile = join(spec.dataDir, 'logs', `${spec.name}.log`)
  const running = spawnLogged(spec, launch, logFile)
  let ended: string | undefined
  void running.exited.then((how) => (ended = how))
  const given = AbortSignal.any([
    AbortSignal.timeout(spec.readyTimeoutMs ?? 30_000),
    ...(cancel ? [cancel] : []),
  ])
  const late = once(given, 'abort').catch(() => undefined)
  for (;;) {
    let lastError: unknown
    try {
      await Promise.race([spec.ready(running.child), running.exited, late])
    } catch (error) {
      lastError = error
    }
    if (ended !== undefined) throw new StartError(spec.name, ended, logFile)
    if (given.aborted) {
      await stop(spec, running)
      throw new StartError(
        spec.name,
        `not ready in time${lastError instanceof Error ? `: ${lastError.message}` : ''}`,
        logFile,
      )
    }
    if (lastError === undefined) return running
    await Promise.race([sleep(30), running.exited])
  }
}

/** A program that ended, or stayed silent, before it was ready. */
export class StartError extends SetupError {
  override name = 'StartError'
  constructor(program: string, how: string, logFile: string) {
    super(`${program} did not start (${how}). The end of ${logFile}:\n${tail(logFile)}`)
  }
}

function spawnLogged(spec: ProcessSpec, launch: Launch, logFile: string): Running {
  rotate(logFile)
  const log = openSync(logFile, 'a', 0o600)
  const child = spawn(launch.command, launch.args, {
    stdio: launch.ipc ? ['ignore', log, log, 'ipc'] : ['ignore', log, log],
    // A group of its own: Ctrl-C in the terminal reaches only the owner, who stops the rest in order.
    detached: true,
    env: launch.env ?? process.env,
    ...(launch.cwd !== undefined && { cwd: launch.cwd }),
    ...(launch.uid !== undefined && { uid: launch.uid }),
    ...(launch.gid !== undefined && { gid: launch.gid }),
  })
  closeSync(log)
  if (child.pid !== undefined) recordPid(spec.dataDir, spec.name, child.pid)
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(signal ? `signal ${signal}` : `exit code ${code}`))
  }).then((how) => {
    forgetPid(spec.dataDir, spec.name)
    return how
  })
  return { child, exited }
}

async function stop(spec: ProcessSpec, { child, exited }: Running): Promise<void> {
  const { pid } = child
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  signalGroup(pid, spec.stopSignal ?? 'SIGTERM')
  const done = new AbortController()
  const timeout = sleep(spec.stopTimeoutMs ?? 10_000, 'late', { signal: done.signal }).catch(
    () => 'cancelled',
  )
  if ((await Promise.race([exited, timeout])) === 'late') signalGroup(pid, 'SIGKILL')
  done.abort()
  await exited
}

function rotate(logFile: string): void {
  try {
    if (statSync(logFile).size > LOG_LIMIT_BYTES) renameSync(logFile, `${logFile}.1`)
  } catch {
    // no log yet
  }
}

function tail(logFile: string, lines = 12): string {
  try {
    return readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
  } catch {
    return '(no log)'
  }
}

/** Starts the process that stops everything of this data folder when this one is gone; see reaper.ts. */
export function startReaper(dataDir: string): AsyncDisposable {
  const owner = processIdentity(process.pid) ?? ''
  let closing = false
  let child: ChildProcess
  let exited: Promise<void>
  const start = () => {
    child = spawn(process.execPath, [join(import.meta.dirname, 'reaper.ts'), dataDir, owner], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
      env: {},
    })
    child.stdin?.on('error', () => {})
    child.unref()
    ;(child.stdin as { unref?: () => void } | null)?.unref?.()
    exited = new Promise((resolve) => {
      child.once('error', () => resolve())
      child.once('exit', () => {
        resolve()
        if (!closing) setTimeout(start, 200).unref()
      })
    })
  }
  start()
  return {
    async [Symbol.asyncDispose]() {
      closing = true
      child.ref() // its end is awaited
      child.kill('SIGKILL')
      await exited
    },
  }
}
