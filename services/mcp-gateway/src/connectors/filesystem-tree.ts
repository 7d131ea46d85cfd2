// What lies below a folder, folder by folder and in the order of names. Links are shown and never followed; an entry
// that the decision point would not allow is not there.
import type { Stats } from 'node:fs'
import { lstat, opendir } from 'node:fs/promises'
import { posix } from 'node:path'
import type { Grant } from './connector.ts'
import type { Clock } from './filesystem-clock.ts'
import { ChangedMeanwhile } from './filesystem-errors.ts'
import { confirm, enter, type Place } from './filesystem-open.ts'
import { shownPath, type Spot } from './filesystem-walk.ts'

export type Entry = {
  /** The path a policy knows it by. */
  shown: string
  name: string
  stats: Stats
  /** From the root to the folder it is in. */
  folders: Place[]
}

export type Tree = {
  entries(): AsyncGenerator<Entry>
  /** True once something was left out because there was too much of it. */
  readonly cut: boolean
}

const MAX_SCANNED = 50_000
/** More names than this of one folder are not even sorted. */
const MAX_NAMES = 20_000

export function tree(spot: Spot, depth: number, grant: Grant, clock: Clock): Tree {
  let left = MAX_SCANNED
  let cut = false

  async function* below(folders: Place[], levels: number): AsyncGenerator<Entry> {
    const { names, more } = await readNames(spot, folders)
    cut ||= more
    for (const name of names) {
      if (left-- <= 0 || clock.late()) {
        cut = true
        return
      }
      const entry = await look(spot, folders, name)
      if (entry === undefined || !grant.alsoAllows({ paths: [entry.shown] })) continue
      yield entry
      if (entry.stats.isDirectory() && levels > 1) yield* inside(folders, name, levels - 1)
    }
  }
  async function* inside(folders: Place[], name: string, levels: number): AsyncGenerator<Entry> {
    const folder = await enter(spot.root, folders.at(-1) as Place, name).catch(leftOut)
    if (folder === undefined) return
    try {
      yield* below([...folders, folder], levels)
    } catch (error) {
      leftOut(error)
    } finally {
      await folder.handle.close()
    }
  }
  return {
    entries: () => below(spot.folders, depth),
    get cut() {
      return cut
    },
  }
}

/** The names in a folder that still stands where it was allowed. */
async function readNames(spot: Spot, folders: Place[]): Promise<{ names: string[]; more: boolean }> {
  const folder = folders.at(-1) as Place
  const names: string[] = []
  let more = false
  for await (const { name } of await opendir(spot.root.ways.self(folder), { bufferSize: 256 })) {
    // A name that is not UTF-8 cannot be written in a policy, so no rule could speak of it.
    if (name.includes('\u{fffd}')) continue
    if (names.length === MAX_NAMES) {
      more = true
      break
    }
    names.push(name)
  }
  await confirm(spot.root, folders.slice(0, -1), folder.handle, folder.real)
  return { names: names.toSorted(), more }
}

async function look(spot: Spot, folders: Place[], name: string): Promise<Entry | undefined> {
  const folder = folders.at(-1) as Place
  const stats = await lstat(spot.root.ways.child(folder, name)).catch(() => undefined)
  if (stats === undefined) return undefined
  return { shown: shownPath(spot.root, posix.join(folder.real, name)), name, stats, folders }
}

/** A folder that went away, or that the gateway has no right to, hides what it holds and nothing else. */
export function leftOut(error: unknown): undefined {
  const { code } = error as NodeJS.ErrnoException
  if (error instanceof ChangedMeanwhile || code === 'EACCES' || code === 'EPERM' || code === 'ENOENT')
    return undefined
  throw error
}
