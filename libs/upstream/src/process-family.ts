// What a server's process has started and that left its process group: nobody else would end it. Found by /proc, so on
// Linux alone: by who started whom, and by a mark in the environment, which those have whose parents are gone already.
import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'

/** The variable that marks a process and all that it starts. */
export const MARK = 'MCPSHIELD_UPSTREAM_PROCESS'

/** When a process started tells it from a later one with the same number. */
type Member = { pid: number; parent: number; startedAt: string; isMarked: boolean }

export type Family = {
  /** Goes into the environment of the process. */
  mark: string
  /** Takes note of who belongs to the process while it still runs. */
  look(pid: number): Promise<void>
  /** Ends all that are left, those that were noted and those that carry the mark. */
  end(): Promise<void>
}

export function processFamily(): Family {
  const mark = randomBytes(12).toString('hex')
  const noted = new Map<number, string>()
  return {
    mark,
    async look(pid) {
      for (const each of descendantsOf(pid, await members(mark))) noted.set(each.pid, each.startedAt)
    },
    async end() {
      for (const { pid, startedAt, isMarked } of await members(mark))
        if (isMarked || noted.get(pid) === startedAt) killed(pid)
    },
  }
}

function descendantsOf(pid: number, all: Member[]): Member[] {
  const family = new Set([pid])
  // Numbers start over at some time, so a child's may be the lower one.
  for (let before = 0; before < family.size;) {
    before = family.size
    for (const each of all) if (family.has(each.parent)) family.add(each.pid)
  }
  return all.filter((each) => each.pid !== pid && family.has(each.pid))
}

/** All processes that can be looked at. */
async function members(mark: string): Promise<Member[]> {
  if (process.platform !== 'linux') return []
  const names = await readdir('/proc').catch(() => [])
  const found = await Promise.all(
    names.filter((name) => /^\d+$/.test(name)).map((name) => member(name, mark)),
  )
  return found.filter((each) => each !== undefined)
}

async function member(pid: string, mark: string): Promise<Member | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1')
    // The name of the program stands in parentheses, and may have any in it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '')
    const isMarked = `\0${environment}`.includes(`\0${MARK}=${mark}\0`)
    return { pid: Number(pid), parent: Number(fields[1]), startedAt: fields[19] ?? '', isMarked }
  } catch {
    return undefined // It has ended meanwhile.
  }
}

function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended meanwhile.
  }
}
