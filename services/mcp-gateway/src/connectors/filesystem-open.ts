// Opening, so that what was looked at is what is opened. On Linux a name is looked up in a folder that is held open
// (/proc/self/fd/N/name is openat() in all but name), and what was opened tells its own path. Elsewhere names are
// looked up by path, and every folder on the way is compared with the one held open, after the opening.
import { constants, type Stats } from 'node:fs'
import { lstat, open, readlink, realpath, statfs, type FileHandle } from 'node:fs/promises'
import { posix } from 'node:path'
import { ChangedMeanwhile, notAFile } from './filesystem-errors.ts'

/** An open folder and its real path. */
export type Place = { handle: FileHandle; real: string }

/** The folder of a connection: where it really is, and the path it was given by. */
export type Root = { place: Place; shown: string; ways: Ways }

/** How this system opens what it looked at, and nothing else. */
export type Ways = {
  /** With what a folder on the way is opened. */
  enterFlags: number
  /** The path by which a name in a folder is looked up. */
  child(folder: Place, name: string): string
  /** The path by which an open folder is read. */
  self(folder: Place): string
  /** Whether what is open stands at this path, below these folders. */
  stands(handle: FileHandle, real: string, folders: Place[]): Promise<boolean>
}

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants
/** Linux: a handle to a folder that needs no right to read it. Node has no name for it. */
const O_PATH = 0o10000000

export const BY_DESCRIPTOR: Ways = {
  enterFlags: O_PATH | O_DIRECTORY | O_NOFOLLOW,
  child: (folder, name) => `/proc/self/fd/${folder.handle.fd}/${name}`,
  self: (folder) => `/proc/self/fd/${folder.handle.fd}`,
  stands: async (handle, real) => (await readlink(`/proc/self/fd/${handle.fd}`)) === real,
}

const LOOKS_BY_NAME = 2

export const BY_NAME: Ways = {
  enterFlags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
  child: (folder, name) => posix.join(folder.real, name),
  self: (folder) => folder.real,
  async stands(handle, real, folders) {
    const onTheWay = async () => {
      for (const folder of folders) if (!(await isThere(folder.handle, folder.real))) return false
      return true
    }
    // The folders before and after: who swaps them would have to do it twice in that moment, and again.
    for (let look = 0; look < LOOKS_BY_NAME; look++)
      if (!(await onTheWay()) || !(await isThere(handle, real)) || !(await onTheWay())) return false
    return true
  },
}

export const WAYS = process.platform === 'linux' ? BY_DESCRIPTOR : BY_NAME

/** Opens a connection's root; links to it are its operator's own. */
export async function openRoot(shown: string, ways: Ways = WAYS): Promise<Root> {
  const real = await realpath(shown)
  const handle = await open(real, ways.enterFlags)
  if (await ways.stands(handle, real, [])) return { place: { handle, real }, shown, ways }
  await handle.close()
  throw new ChangedMeanwhile()
}

/** Opens a folder in a folder. A link in its place is not followed. */
export async function enter(root: Root, folder: Place, name: string): Promise<Place> {
  const real = posix.join(folder.real, name)
  const handle = await openNoLink(root.ways.child(folder, name), root.ways.enterFlags)
  return { handle, real }
}

/**
 * Opens a regular file that was looked at. Whatever else has taken its place is refused, and so is one that stands
 * at another path than the one that was allowed.
 */
export async function openFile(
  root: Root,
  folders: Place[],
  entry: { name: string; stats: Stats },
  flags: number,
): Promise<FileHandle> {
  if (!entry.stats.isFile()) throw notAFile()
  const folder = folders.at(-1) as Place
  const handle = await openNoLink(root.ways.child(folder, entry.name), flags | O_NONBLOCK)
  try {
    const stats = await handle.stat()
    if (!stats.isFile()) throw new ChangedMeanwhile()
    await confirm(root, folders, handle, posix.join(folder.real, entry.name))
    await refusePseudo(root, handle)
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** Throws unless what is open still stands where it was allowed. */
export async function confirm(root: Root, folders: Place[], handle: FileHandle, real: string): Promise<void> {
  if (!(await root.ways.stands(handle, real, folders))) throw new ChangedMeanwhile()
}

/** Opens with the flags given and never through a link. */
export async function openNoLink(path: string, flags: number, mode?: number): Promise<FileHandle> {
  try {
    return await open(path, flags | O_NOFOLLOW, mode)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // It was there, and was no link, when it was looked at.
    throw code === 'ELOOP' || code === 'ENOTDIR' || code === 'ENOENT' ? new ChangedMeanwhile() : error
  }
}

async function isThere(handle: FileHandle, path: string): Promise<boolean> {
  const [opened, there] = await Promise.all([handle.stat(), lstat(path).catch(() => undefined)])
  return there !== undefined && opened.dev === there.dev && opened.ino === there.ino
}

/** procfs, sysfs, debugfs, tracefs, cgroup, cgroup2, securityfs, configfs, devpts, bpf: no files, wherever mounted. */
const PSEUDO_FILE_SYSTEMS = new Set([
  0x9fa0, 0x62656572, 0x64626720, 0x74726163, 0x27e0eb, 0x63677270, 0x73636673, 0x62656570, 0x1cd1,
  0xcafe4a11,
])

async function refusePseudo(root: Root, handle: FileHandle): Promise<void> {
  if (root.ways !== BY_DESCRIPTOR) return
  const { type } = await statfs(`/proc/self/fd/${handle.fd}`)
  if (PSEUDO_FILE_SYSTEMS.has(type)) throw notAFile()
}

const ATTEMPTS = 4

/** Tries again what failed because something changed in between: files are replaced all the time. */
export async function steadily<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run()
    } catch (error) {
      if (!(error instanceof ChangedMeanwhile) || attempt === ATTEMPTS) throw error
    }
  }
}
