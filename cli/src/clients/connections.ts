// What `connect` did to which client, so that it can be undone: the file as it was, byte by byte, and the key that was made.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CommandError, type World } from '../world.ts'
import { digestOf } from './config-file.ts'

export type ConnectionRecord = {
  file: string
  /** The members that lead to the entry. */
  path: string[]
  /** The file as it was before the first change, in the folder of this record; null when there was none. */
  backup: string | null
  /** The first folder that was made for the file; absent where all were there. */
  folder?: string
  /** SHA-256 of the file as it was left. */
  left: string
  /** Whether nobody else changed the file between our own changes: then the backup is all there is to put back. */
  exact: boolean
  /** Of the key that was made for the client; null when it was given. */
  key: { api: string; project_id: string; key_id: string } | null
}

function folderOf({ environment }: World, clientId: string): string {
  if (environment.stateFolder === undefined)
    throw new CommandError('there is no home folder to keep backups in: set HOME or XDG_STATE_HOME')
  return join(environment.stateFolder, 'mcpshield', 'connect', clientId)
}

const recordPath = (world: World, clientId: string) => join(folderOf(world, clientId), 'connection.json')

export async function readConnection(world: World, clientId: string): Promise<ConnectionRecord | undefined> {
  const path = recordPath(world, clientId)
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw new CommandError(`${path} cannot be read: ${error.message}`)
  })
  if (text === undefined) return undefined
  try {
    const record = JSON.parse(text) as ConnectionRecord
    if (typeof record.file === 'string' && Array.isArray(record.path) && typeof record.left === 'string')
      return record
  } catch {
    // Said below.
  }
  throw new CommandError(`${path} is not what connect wrote; the backups beside it are whole`)
}

/** Keeps the bytes of a file before it is changed; answers with the name of the copy. Every change has one. */
export async function keepBackup(world: World, clientId: string, bytes: Buffer): Promise<string> {
  const folder = folderOf(world, clientId)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const name = `${new Date().toISOString().replaceAll(':', '-')}-${digestOf(bytes).slice(0, 8)}.backup`
  await writeFile(join(folder, name), bytes, { mode: 0o600 })
  return name
}

export const backupPath = (world: World, clientId: string, name: string) =>
  join(folderOf(world, clientId), name)

export async function writeConnection(
  world: World,
  clientId: string,
  record: ConnectionRecord,
): Promise<void> {
  await mkdir(folderOf(world, clientId), { recursive: true, mode: 0o700 })
  await writeFile(recordPath(world, clientId), `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 })
}

/** The backups stay. */
export async function forgetConnection(world: World, clientId: string): Promise<void> {
  await rm(recordPath(world, clientId), { force: true })
}
