// The product that `mcpshield up` started on this machine: which process it is, and where it can be reached.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { member } from './rest-client.ts'
import { CommandError, type World } from './world.ts'

/** Of what `npm start` says when it is up. */
export type Ready = { api: string; mcp?: string; web?: string; decisions?: string }

export type UpRecord = {
  pid: number
  /** When the process began, by the system's word: process ids come again. */
  born: string
  folder: string
  log: string
  /** Null while it comes up. */
  ready: Ready | null
}

export function upFolder({ environment }: World): string {
  if (environment.stateFolder === undefined)
    throw new CommandError('there is no home folder to keep the log in: set HOME or XDG_STATE_HOME')
  return join(environment.stateFolder, 'mcpshield', 'up')
}

const pathOf = (world: World) => join(upFolder(world), 'running.json')

export async function readUpRecord(world: World): Promise<UpRecord | undefined> {
  if (world.environment.stateFolder === undefined) return undefined
  const text = await readFile(pathOf(world), 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  try {
    const read = JSON.parse(text) as UpRecord
    const isRecord =
      Number.isSafeInteger(read.pid) &&
      [read.born, read.folder, read.log].every((each) => typeof each === 'string')
    return isRecord ? { ...read, ready: readyOf(read.ready) } : undefined
  } catch {
    return undefined
  }
}

/** What is told of a product that is up; null of anything else. */
export function readyOf(value: unknown): Ready | null {
  const [api, ...others] = ['api', 'mcp', 'web', 'decisions'].map(
    (name) => [name, member(value, name)] as const,
  )
  if (api === undefined || typeof api[1] !== 'string') return null
  return { api: api[1], ...Object.fromEntries(others.filter(([, url]) => typeof url === 'string')) }
}

export async function writeUpRecord(world: World, record: UpRecord): Promise<void> {
  const path = pathOf(world)
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await writeFile(path, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 })
}

export async function removeUpRecord(world: World): Promise<void> {
  await rm(pathOf(world), { force: true })
}
