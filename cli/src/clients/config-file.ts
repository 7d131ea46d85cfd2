// A client's configuration file: read as it is, written whole or not at all.
import { isUtf8 } from 'node:buffer'
import { createHash, randomBytes } from 'node:crypto'
import { chmod, mkdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { CannotEdit } from './config-text.ts'

const MAX_BYTES = 64 * 1024 * 1024
const OWNER_ONLY = 0o600
const READ_BY_OTHERS = 0o044

/** Null where there is no such file. */
export async function readConfig(path: string): Promise<Buffer | null> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw new CannotEdit(`it cannot be read: ${error.message}`)
  })
  if (bytes !== null && bytes.length > MAX_BYTES) throw new CannotEdit(`it is larger than ${MAX_BYTES} bytes`)
  if (bytes !== null && !isUtf8(bytes)) throw new CannotEdit('it is not UTF-8')
  return bytes
}

export const digestOf = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex')

/**
 * Writes the file, or takes it away for null, if it is still what it was when it was read: clients write theirs, too.
 * A link stays one, and what it leads to is written.
 */
export async function replaceConfig(
  path: string,
  before: Buffer | null,
  after: Buffer | null,
): Promise<void> {
  const target = await realpath(path).catch(() => path)
  if (after === null) {
    await requireSame(path, before)
    await rm(target, { force: true })
    return
  }
  const draft = `${target}.mcpshield-${randomBytes(6).toString('hex')}`
  try {
    await mkdir(dirname(target), { recursive: true })
    const mode = await stat(target).then(
      (found) => found.mode & 0o777,
      () => OWNER_ONLY,
    )
    await writeFile(draft, after, { mode, flag: 'wx' })
    await chmod(draft, mode)
    await requireSame(path, before)
    await rename(draft, target)
  } catch (error) {
    await rm(draft, { force: true })
    if (error instanceof CannotEdit) throw error
    throw new CannotEdit(`it cannot be written: ${(error as Error).message}`)
  }
}

async function requireSame(path: string, before: Buffer | null): Promise<void> {
  const now = await readConfig(path)
  const same = before === null || now === null ? before === now : before.equals(now)
  if (!same) throw new CannotEdit('it was changed meanwhile: try again')
}

/** Whether other accounts of this machine may read the file, and with it the key. */
export async function isReadByOthers(path: string, platform: string): Promise<boolean> {
  if (platform === 'win32') return false
  return stat(path).then(
    (found) => (found.mode & READ_BY_OTHERS) !== 0,
    () => false,
  )
}
