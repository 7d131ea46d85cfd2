// One command at a time changes the login: a refresh token is good once, and used twice it ends the session.
import { randomBytes } from 'node:crypto'
import { link, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CommandError } from './world.ts'

const ASK_AGAIN_MS = 50
/** Longer than whoever holds it may take; a lock that is older was left behind by a command that was killed. */
const STALE_MS = 45_000
const PATIENCE_MS = 60_000
/** Time for others who took a stale lock at the same moment to have taken it. */
const SETTLE_MS = 200

/** Does the work while no other command does such. */
export async function locked<T>(path: string, work: () => Promise<T>): Promise<T> {
  const lock = `${path}.lock`
  const mark = `${path}.${randomBytes(6).toString('hex')}`
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await writeFile(mark, mark, { mode: 0o600, flag: 'wx' })
  try {
    await take(lock, mark)
    try {
      return await work()
    } finally {
      if ((await holderOf(lock)) === mark) await rm(lock, { force: true })
    }
  } finally {
    await rm(mark, { force: true })
  }
}

async function take(lock: string, mark: string): Promise<void> {
  const untilMs = performance.now() + PATIENCE_MS
  while (performance.now() < untilMs) {
    try {
      await link(mark, lock)
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw unusable(lock, error)
    }
    if (await isStale(lock)) {
      await replace(lock, mark)
      if ((await holderOf(lock)) === mark) return
    }
    await sleep(ASK_AGAIN_MS)
  }
  throw new CommandError(`another mcpshield command holds ${lock}; if there is none, remove it`)
}

/** Of several who do this at once the last one has it, and the others see that it is not theirs. */
async function replace(lock: string, mark: string): Promise<void> {
  const copy = `${mark}.copy`
  await writeFile(copy, mark, { mode: 0o600 })
  await rename(copy, lock)
  await sleep(SETTLE_MS)
}

async function isStale(lock: string): Promise<boolean> {
  const found = await stat(lock).catch(() => undefined)
  return found !== undefined && Date.now() - found.mtimeMs > STALE_MS
}

const holderOf = (lock: string) => readFile(lock, 'utf8').catch(() => undefined)

function unusable(lock: string, error: unknown): CommandError {
  return new CommandError(`${lock} cannot be made: ${(error as Error).message}`)
}
