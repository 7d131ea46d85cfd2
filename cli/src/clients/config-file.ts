// A client's configuration file: read as it is, written whole or not at all.
import { isUtf8 } from 'node:buffer'
import { createHash, randomBytes } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import {
  access,
  chmod,
  chown,
  mkdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
  writeFile,
} from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { CannotEdit } from './config-text.ts'

const MAX_BYTES = 64 * 1024 * 1024
const OWNER_ONLY = 0o600
const READ_BY_OTHERS = 0o044
const ANYBODY_WRITES = 0o222

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
 * A link stays one, and what it leads to is written. Answers with the first folder that had to be made.
 */
export async function replaceConfig(
  path: string,
  before: Buffer | null,
  after: Buffer | null,
): Promise<string | undefined> {
  const target = await targetOf(path)
  const found = await stat(target).catch(() => undefined)
  await requireWritable(target, found)
  if (after === null) {
    await requireSame(path, before)
    await rm(target, { force: true })
    return undefined
  }
  const draft = `${target}.mcpshield-${randomBytes(6).toString('hex')}`
  try {
    const made = await mkdir(dirname(target), { recursive: true })
    const mode = found === undefined ? OWNER_ONLY : found.mode & 0o777
    await writeFile(draft, after, { mode, flag: 'wx' })
    // An administrator may do it for somebody else, whose file it stays.
    if (found !== undefined && found.uid !== process.getuid?.()) await chown(draft, found.uid, found.gid)
    await chmod(draft, mode)
    await requireSame(path, before)
    await rename(draft, target)
    return made
  } catch (error) {
    await rm(draft, { force: true })
    if (error instanceof CannotEdit) throw error
    throw new CannotEdit(`it cannot be written: ${(error as Error).message}`)
  }
}

/** Takes away the folders from `first` down to that of the file, as far as there is nothing in them. */
export async function removeMadeFolders(path: string, first: string): Promise<void> {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const isGone = await rmdir(folder).then(
      () => true,
      () => false,
    )
    if (!isGone || folder === first || folder === dirname(folder)) return
  }
}

const MAX_LINKS = 16

/** What a link leads to, also where nothing is there yet. */
async function targetOf(path: string): Promise<string> {
  let target = path
  for (let links = 0; links < MAX_LINKS; links++) {
    const link = await readlink(target).catch(() => undefined)
    if (link === undefined) return realpath(target).catch(() => target)
    target = resolve(dirname(target), link)
  }
  throw new CannotEdit('its links lead nowhere')
}

/** Renaming would get around what its owner, or a program that makes it, has closed. */
async function requireWritable(path: string, found: Stats | undefined): Promise<void> {
  if (found === undefined) return
  const isClosed = (found.mode & ANYBODY_WRITES) === 0
  if (
    isClosed ||
    (await access(path, constants.W_OK).then(
      () => false,
      () => true,
    ))
  )
    throw new CannotEdit('it is read-only: let it be written, or put the entry in where it is made')
}

/** Before anything is made for it. */
export async function requireChangeable(path: string): Promise<void> {
  const target = await targetOf(path)
  await requireWritable(target, await stat(target).catch(() => undefined))
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
