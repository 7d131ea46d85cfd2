// The one folder that holds everything a local installation keeps: databases, secrets, logs, fetched programs.
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { SetupError } from './setup-error.ts'

export interface DataDir extends Disposable {
  readonly path: string
  /** A 256-bit random value, made on first use and kept in a file only this user can read. */
  secret(name: string): string
}

/** Makes the folder where it is missing and takes it for this process alone, until disposed or dead. */
export function openDataDir(folder: string): DataDir {
  const path = resolve(folder)
  makeFolders(path)
  const lock = takeLock(path)
  return {
    path,
    secret: (name) => readOrMakeSecret(join(path, 'secrets', name)),
    [Symbol.dispose]: () => void (lock.isOpen && lock.close()),
  }
}

function makeFolders(path: string): void {
  try {
    // Others may pass through, never list: PostgreSQL runs as another user when this one is root.
    makeFolder(path, 0o711)
    for (const name of ['secrets', 'logs', 'run']) makeFolder(join(path, name), 0o700)
    const probe = join(path, 'run', `.writable-${process.pid}`)
    writeFileSync(probe, '')
    rmSync(probe)
    if (process.getuid?.() === 0) chmodSync(path, 0o711)
  } catch (error) {
    const takeOver = existsSync(path) ? ` — or take it over: sudo chown -R "$(id -u)" '${path}'` : ''
    throw new SetupError(
      `The data folder ${path} cannot be written (${reasonOf(error)}). ` +
        `Choose another: MCPSHIELD_DATA_DIR=~/.mcpshield npm start${takeOver}`,
      { cause: error },
    )
  }
}

// Not mkdir's own recursion, which never ends where a file system answers "no such file" to mkdir, as /proc does.
function makeFolder(path: string, mode: number): void {
  if (existsSync(path)) return
  makeFolder(dirname(path), 0o755)
  mkdirSync(path, { mode })
}

// An SQLite lock is the operating system's: it ends with the process, however that ended, so it can never be stale.
function takeLock(path: string): DatabaseSync {
  const ownerFile = join(path, 'run', 'owner')
  const lock = new DatabaseSync(join(path, 'run', 'lock.sqlite'))
  try {
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    if (!/locked|busy/i.test(String(error))) throw error
    const owner = readFileSync(ownerFile, { encoding: 'utf8', flag: 'a+' }).trim() || 'unknown'
    throw new SetupError(
      `Another MCPShield (process ${owner}) is using the data folder ${path}. ` +
        `Stop it (kill ${owner}), or give this one its own: MCPSHIELD_DATA_DIR=/another/folder npm start`,
    )
  }
  writeFileSync(ownerFile, `${process.pid}\n`)
  return lock
}

function readOrMakeSecret(file: string): string {
  const existing = readSecret(file)
  if (existing) return existing
  const draft = `${file}.tmp`
  writeFileSync(draft, randomBytes(32).toString('base64url'), { mode: 0o600 })
  renameSync(draft, file) // atomic: a kill in the middle leaves no half-written secret
  return readFileSync(file, 'utf8')
}

function readSecret(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8') || undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code
  const reasons: Record<string, string> = {
    EACCES: 'permission denied',
    EPERM: 'permission denied',
    EROFS: 'the file system is read-only',
    ENOSPC: 'the disk is full',
    ENOENT: 'nothing can be created there',
    ENOTDIR: 'a file is in the way',
    EEXIST: 'a file is in the way',
  }
  return (code && reasons[code]) ?? (error instanceof Error ? error.message : String(error))
}
