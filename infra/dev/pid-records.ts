// Which processes an installation started, written down so that they can be found after its owner was killed.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { processIdentity } from './identity.ts'

interface PidRecord {
  pid: number
  /** Of the process itself; see identity.ts. */
  identity: string
  /** Of the process that started it and answers for it. */
  owner: string
}

/** Notes a process started by this one. */
export function recordPid(dataDir: string, name: string, pid: number): void {
  const identity = processIdentity(pid)
  if (!identity) return // it is gone already
  mkdirSync(join(dataDir, 'run'), { recursive: true, mode: 0o700 })
  const record: PidRecord = { pid, identity, owner: processIdentity(process.pid) ?? '' }
  writeFileSync(fileOf(dataDir, name), JSON.stringify(record))
}

export function forgetPid(dataDir: string, name: string): void {
  rmSync(fileOf(dataDir, name), { force: true })
}

/**
 * Stops recorded processes whose owner is gone: politely, then by force. A process id that now means
 * another program is left alone. `ofOwner` limits this to what one (dead) owner started.
 */
export async function stopLeftovers(dataDir: string, ofOwner?: string): Promise<string[]> {
  const leftovers = readRecords(dataDir).filter(
    ({ record }) =>
      (ofOwner ? record.owner === ofOwner : true) &&
      processIdentity(Number(record.owner.split(':')[0])) !== record.owner,
  )
  await Promise.all(
    leftovers.map(async ({ name, record }) => {
      await stopRecorded(record)
      const now = readRecord(fileOf(dataDir, name))
      if (now?.identity === record.identity) forgetPid(dataDir, name)
    }),
  )
  return leftovers.map(({ name }) => name)
}

async function stopRecorded({ pid, identity }: PidRecord): Promise<void> {
  for (const [signal, waitMs] of [
    ['SIGTERM', 5000],
    ['SIGKILL', 5000],
  ] as const) {
    if (processIdentity(pid) !== identity) return
    signalGroup(pid, signal)
    for (const end = Date.now() + waitMs; Date.now() < end && processIdentity(pid) === identity;)
      await sleep(25)
  }
}

/** Signals a process and everything in the group it leads. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, signal)
      return
    } catch {
      // no such group: the process itself, then; no such process: nothing left to stop
    }
  }
}

function readRecords(dataDir: string): { name: string; record: PidRecord }[] {
  let files: string[]
  try {
    files = readdirSync(join(dataDir, 'run'))
  } catch {
    return []
  }
  return files.flatMap((file) => {
    const record = file.endsWith('.pid') ? readRecord(join(dataDir, 'run', file)) : undefined
    return record ? [{ name: file.slice(0, -'.pid'.length), record }] : []
  })
}

function readRecord(file: string): PidRecord | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as PidRecord
  } catch {
    return undefined // cut off by a crash, or removed meanwhile
  }
}

const fileOf = (dataDir: string, name: string) => join(dataDir, 'run', `${name}.pid`)
