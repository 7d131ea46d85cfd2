// Writes a file: a new one, one in the place of another, or more at the end of one. Nobody ever sees half of a
// file that is replaced, and nothing is written through a link or into a file that has a second name elsewhere.
import { randomBytes } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { lstat, open, rename, unlink, type FileHandle } from 'node:fs/promises'
import { posix } from 'node:path'
import { AppError } from '@mcpshield/contracts/errors'
import type { Answer } from './connector.ts'
import type { Clock } from './filesystem-clock.ts'
import { notAFile } from './filesystem-errors.ts'
import { confirm, openFile, openNoLink, type Place } from './filesystem-open.ts'
import type { Spot } from './filesystem-walk.ts'
import type { ArgsOf } from './tools.ts'

const { O_WRONLY, O_CREAT, O_EXCL, O_APPEND } = constants
const MAX_WRITE_BYTES = 16 * 1024 * 1024
const NEW_FILE_MODE = 0o666
/** Rights to run as somebody else are not kept for a content that somebody else gave. */
const KEPT_MODE = 0o777

export async function writeFile(spot: Spot, args: ArgsOf<'filesystem.write'>, clock: Clock): Promise<Answer> {
  const content = contentOf(args.content)
  const { entry } = spot
  if (entry === null)
    throw new AppError('INVALID_ARGUMENT', 'This is a folder; give the path of a file in it.')
  const target: Target = { ...entry, spot, folder: spot.folders.at(-1) as Place }
  clock.check()
  const size = await WRITES[args.mode ?? 'create'](target, content, clock)
  return {
    data: {},
    about: { path: spot.shown, written_bytes: content.length, size_bytes: size },
    rows: null,
    cut: false,
  }
}

type Target = { spot: Spot; folder: Place; name: string; stats: Stats | null }

/** Each gives the size of the file afterwards. */
const WRITES = { create, replace, append } satisfies Record<
  string,
  (target: Target, content: Buffer, clock: Clock) => Promise<number>
>

function contentOf(content: string): Buffer {
  if (!content.isWellFormed())
    throw new AppError('INVALID_ARGUMENT', 'The content is not well-formed Unicode.')
  const bytes = Buffer.from(content)
  if (bytes.length > MAX_WRITE_BYTES)
    throw new AppError('INVALID_ARGUMENT', `The content has more than ${MAX_WRITE_BYTES} bytes.`)
  return bytes
}

async function create(target: Target, content: Buffer): Promise<number> {
  if (target.stats !== null)
    throw new AppError('CONFLICT', 'There is something at this path already; use the mode replace or append.')
  await using made = await newFile(target, target.name, NEW_FILE_MODE)
  await made.fill(content)
  return content.length
}

async function replace(target: Target, content: Buffer, clock: Clock): Promise<number> {
  const { spot, folder, name } = target
  const { ways } = spot.root
  await using before = await openWritable(target, O_WRONLY)
  const { mode, uid, gid } = await before.stat()
  const temporary = `.mcpshield-${randomBytes(9).toString('hex')}.tmp`
  await using made = await newFile(target, temporary, mode & KEPT_MODE)
  await made.fill(content, async (file) => {
    // Only root can give a file away; for others it is theirs, as every file they write.
    await file.chown(uid, gid).catch(() => undefined)
    await file.chmod(mode & KEPT_MODE)
    clock.check()
    await confirm(spot.root, spot.folders, before, posix.join(folder.real, name))
    await rename(ways.child(folder, temporary), ways.child(folder, name))
  })
  return content.length
}

async function append(target: Target, content: Buffer): Promise<number> {
  await using file = await openWritable(target, O_WRONLY | O_APPEND)
  await file.writeFile(content)
  await file.sync()
  return (await file.stat()).size
}

async function openWritable(target: Target, flags: number): Promise<FileHandle> {
  const { stats, name, spot } = target
  if (stats === null)
    throw new AppError('NOT_FOUND', 'There is no file at this path yet; use the mode create.')
  if (!stats.isFile()) throw notAFile()
  const file = await openFile(spot.root, spot.folders, { name, stats }, flags)
  if ((await file.stat()).nlink === 1) return file
  await file.close()
  throw new AppError('PERMISSION_DENIED', 'The file has a second name (a hard link) that may lie elsewhere.')
}

/** A file of ours from its making on: it is removed again unless it was filled. */
type NewFile = AsyncDisposable & {
  fill(content: Buffer, last?: (file: FileHandle) => Promise<void>): Promise<void>
}

async function newFile(target: Target, name: string, mode: number): Promise<NewFile> {
  const { spot, folder } = target
  const { root, folders } = spot
  const path = root.ways.child(folder, name)
  // Nothing is made in a folder that was moved away while it was held open.
  await confirm(root, folders.slice(0, -1), folder.handle, folder.real)
  const file = await openNoLink(path, O_WRONLY | O_CREAT | O_EXCL, mode)
  let filled = false
  return {
    async fill(content, last) {
      await confirm(root, folders, file, posix.join(folder.real, name))
      await file.writeFile(content)
      await file.sync()
      await last?.(file)
      filled = true
      await syncFolder(root.ways.self(folder))
    },
    async [Symbol.asyncDispose]() {
      const [ours, there] = await Promise.all([file.stat(), lstat(path).catch(() => undefined)])
      await file.close()
      // Whatever took its place meanwhile is somebody else's.
      if (!filled && ours.ino === there?.ino) await unlink(path).catch(() => undefined)
    },
  }
}

/** A new name is on the disk when its folder is. Not every file system can do it. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY).catch(() => undefined)
  await folder?.sync().catch(() => undefined)
  await folder?.close()
}
