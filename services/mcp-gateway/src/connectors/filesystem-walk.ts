// From the root to what a path names, one name after the other and never through a link by the kernel's own doing.
// A link is read, resolved here, and gone on from only when the decision point allows what it leads to.
import type { Stats } from 'node:fs'
import { lstat, readlink } from 'node:fs/promises'
import { posix } from 'node:path'
import { AppError } from '@mcpshield/contracts/errors'
import type { Grant } from './connector.ts'
import { ChangedMeanwhile, notAFile } from './filesystem-errors.ts'
import { enter, openRoot, type Place, type Root, type Ways } from './filesystem-open.ts'

/** What a path leads to: a folder, or a name in one. The folders on the way stay open until it is disposed. */
export type Spot = AsyncDisposable & {
  root: Root
  /** From the root down to the folder that is meant, or that holds the name. */
  folders: [Place, ...Place[]]
  /** Null when a folder is meant. */
  entry: { name: string; stats: Stats | null } | null
  /** The path a policy knows it by: the root as it was written, and the real names below. */
  shown: string
}

const MAX_LINKS = 40
const MAX_DEPTH = 128
/** What these hold are not files of anybody's: processes, devices, the kernel's own state. */
const SYSTEM_FOLDERS = new Set(['proc', 'sys', 'dev'])

/** Finds what the decided path names. Nothing is opened yet but the folders on the way. */
export async function walk(rootPath: string, path: string, grant: Grant, ways?: Ways): Promise<Spot> {
  const rest = below(rootPath, path)
  if (rest === undefined) throw notBelow()
  const root = await openRoot(rootPath, ways)
  const rootNames = namesOf(root.place.real)
  const way: Way = { root, rootNames, grant, folders: [root.place], above: 0, links: 0 }
  try {
    const entry = await go(way, namesOf(rest))
    const shown = shownPath(root, posix.join(here(way).real, entry?.name ?? ''))
    // Whatever the way there was, the object itself must be allowed.
    if (shown !== path && !grant.alsoAllows({ paths: [shown] })) throw linkRefused()
    return { root, folders: way.folders, entry, shown, [Symbol.asyncDispose]: () => close(way) }
  } catch (error) {
    await close(way)
    throw error
  }
}

/** The path of an object as a policy knows it. */
export function shownPath(root: Root, real: string): string {
  return posix.join(root.shown, below(root.place.real, real) ?? '')
}

/** How far a walk has come. */
type Way = {
  root: Root
  rootNames: string[]
  grant: Grant
  folders: [Place, ...Place[]]
  /** How many names above the root a link has led, by name only: it may lead back down the same way. */
  above: number
  links: number
}

const here = ({ folders }: Way) => folders.at(-1) as Place

/** Goes along names, and along the names that links stand for. */
async function go(way: Way, names: string[]): Promise<Spot['entry']> {
  let pending = names
  for (;;) {
    const [name, ...after] = pending
    if (name === undefined) break
    pending = after
    if (name === '..') await up(way)
    else if (way.above > 0) downAbove(way, name)
    else {
      const { root } = way
      refuseSystem(posix.join(here(way).real, name))
      const stats = await look(root.ways.child(here(way), name))
      if (stats?.isSymbolicLink()) pending = await followLink(way, name, pending)
      else if (stats?.isDirectory()) {
        if (way.folders.length > MAX_DEPTH)
          throw new AppError('INVALID_ARGUMENT', 'The path is nested too deeply.')
        way.folders.push(await enter(root, here(way), name))
      } else if (pending.length === 0) return { name, stats }
      else throw new AppError('NOT_FOUND', 'A folder of this path does not exist.')
    }
  }
  if (way.above > 0) throw linkRefused()
  return null
}

async function up(way: Way): Promise<void> {
  if (way.folders.length > 1) await way.folders.pop()?.handle.close()
  else way.above = Math.min(way.above + 1, way.rootNames.length)
}

/** Above the root nothing is looked at: the only way is back to it, by its own names. */
function downAbove(way: Way, name: string): void {
  if (name !== way.rootNames[way.rootNames.length - way.above]) throw linkRefused()
  way.above--
}

/** What is left to go once a link is replaced by what it leads to, which must be allowed as a whole. */
async function followLink(way: Way, name: string, pending: string[]): Promise<string[]> {
  const { root, grant } = way
  if (++way.links > MAX_LINKS) throw new AppError('INVALID_ARGUMENT', 'The path goes through too many links.')
  const target = asBelowRoot(root, await readlink(root.ways.child(here(way), name)))
  const leadsTo = posix.resolve(here(way).real, target, ...pending)
  const inside = below(root.place.real, leadsTo)
  if (inside === undefined || !grant.alsoAllows({ paths: [shownPath(root, leadsTo)] })) throw linkRefused()
  if (target.startsWith('/')) {
    while (way.folders.length > 1) await up(way)
    way.above = way.rootNames.length
  }
  return [...namesOf(target), ...pending]
}

async function close({ folders }: Way): Promise<void> {
  for (const folder of folders.toReversed()) await folder.handle.close()
}

/** What stands under a name, links not followed; null when there is nothing. */
export async function look(path: string): Promise<Stats | null> {
  try {
    return await lstat(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return null
    throw code === 'ENOTDIR' || code === 'ELOOP' ? new ChangedMeanwhile() : error
  }
}

/** An absolute target that names the root as it was written means the root. */
function asBelowRoot(root: Root, target: string): string {
  const inside = target.startsWith('/') ? below(root.shown, posix.normalize(target)) : undefined
  return inside === undefined ? target : posix.join(root.place.real, inside)
}

function refuseSystem(real: string): void {
  if (SYSTEM_FOLDERS.has(namesOf(real)[0] ?? '')) throw notAFile()
}

/** The rest of a path below a folder, `` for the folder itself; undefined when it is not below. */
export function below(folder: string, path: string): string | undefined {
  if (path === folder) return ''
  const prefix = folder.endsWith('/') ? folder : `${folder}/`
  return path.startsWith(prefix) ? path.slice(prefix.length) : undefined
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.')
}

function notBelow(): AppError {
  return new AppError('PERMISSION_DENIED', 'The path is not below the root of this connection.')
}

/** Says nothing of where the link leads: what is not allowed is not shown either. */
function linkRefused(): AppError {
  return new AppError('PERMISSION_DENIED', 'A link on the way leads to something that is not allowed.')
}
