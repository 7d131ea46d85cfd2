// `mcpshield connect --undo [CLIENT…]`: clients as they were before `connect`, and without the keys that it made.
import { readFile } from 'node:fs/promises'
import { jsonText, WITHIN_MS } from '../answers.ts'
import { clientsNamed, CLIENTS } from '../clients/clients.ts'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { McpClient } from '../clients/client.ts'
import { digestOf, readConfig, removeMadeFolders, replaceConfig } from '../clients/config-file.ts'
import { CannotEdit, contentOf, entryAt, withEntry, withoutEntry } from '../clients/config-text.ts'
import {
  backupPath,
  forgetConnection,
  readConnection,
  type ConnectionRecord,
} from '../clients/connections.ts'
import { colorsFor } from '../diagnostics-text.ts'
import { printable } from '../printable.ts'
import { openRestApi } from '../rest-api.ts'
import { CommandError, DONE, NEGATIVE, write, type World } from '../world.ts'
import { keysPath } from './keys.ts'

type Undone = {
  client: string
  file: string
  /** `restored`: byte by byte. `removed`: the entry alone, since the file has other changes by now. */
  change: 'restored' | 'removed' | 'none' | 'failed'
  problem?: string
  key?: 'revoked' | 'stands'
  revoke?: string
}

export async function undoConnect(world: World, ids: string[], options: { json?: boolean }): Promise<number> {
  const clients = ids.length > 0 ? clientsNamed(ids) : [...CLIENTS]
  const done: Undone[] = []
  const undone: ConnectionRecord[] = []
  for (const client of clients) {
    const record = await readConnection(world, client.id)
    if (record !== undefined) {
      done.push(await undo(world, client, record))
      undone.push(record)
    } else if (ids.length > 0)
      throw new CommandError(`${client.id} was not connected by this command`, NEGATIVE)
  }
  // At the end, and the last first: one may be in another's.
  for (const { file, folder } of undone.toReversed())
    if (folder !== undefined) await removeMadeFolders(file, folder)
  if (done.length === 0) throw new CommandError('nothing was connected by this command', NEGATIVE)
  await write(world.stdout, options.json ? done.map(jsonText).join('') : undoneText(world, done))
  return done.some(({ change }) => change === 'failed') ? NEGATIVE : DONE
}

async function undo(world: World, client: McpClient, record: ConnectionRecord): Promise<Undone> {
  const told = { client: client.id, file: record.file }
  try {
    const change = await takeBack(world, client, record)
    const key = await revoke(world, record)
    await forgetConnection(world, client.id)
    return { ...told, change, ...key }
  } catch (error) {
    if (error instanceof CannotEdit) return { ...told, change: 'failed', problem: error.message }
    throw error
  }
}

async function takeBack(
  world: World,
  client: McpClient,
  record: ConnectionRecord,
): Promise<Undone['change']> {
  const now = await readConfig(record.file)
  const before = record.backup === null ? null : await readBackup(backupPath(world, client.id, record.backup))
  if (now === null) return 'none'
  if (record.exact && digestOf(now) === record.left) {
    await replaceConfig(record.file, now, before)
    return 'restored'
  }
  const text = now.toString('utf8')
  const previous =
    before === null ? undefined : entryAt(contentOf(client.format, before.toString('utf8')), record.path)
  const without =
    previous === undefined
      ? withoutEntry(client.format, text, record.path)
      : withEntry(client.format, text, record.path, previous as JsonObject)
  await replaceConfig(record.file, now, Buffer.from(without))
  return 'removed'
}

async function readBackup(path: string): Promise<Buffer> {
  return readFile(path).catch((error: Error) => {
    throw new CannotEdit(`the file as it was cannot be read: ${error.message}`)
  })
}

/** By the login of this machine; without it the key stands, and it is said how to end it. */
async function revoke(world: World, { key }: ConnectionRecord): Promise<Pick<Undone, 'key' | 'revoke'>> {
  if (key === null) return {}
  const command = `mcpshield keys revoke ${key.key_id} --project ${key.project_id} --api ${key.api}`
  try {
    const api = await openRestApi(world, { api: key.api })
    const path = `${keysPath(key.project_id)}/${encodeURIComponent(key.key_id)}`
    const { status } = await api.request('DELETE', path, undefined, WITHIN_MS)
    // 404: somebody did it, or the project is gone.
    return status === 204 || status === 404 ? { key: 'revoked' } : { key: 'stands', revoke: command }
  } catch (error) {
    if (error instanceof CommandError) return { key: 'stands', revoke: command }
    throw error
  }
}

const SAID = {
  restored: 'as it was before, byte by byte',
  removed: 'without the entry; the file was changed since, and the rest of it stays',
  none: 'the file is gone, and stays so',
  failed: '',
}

function undoneText(world: World, done: Undone[]): string {
  const colors = colorsFor(world, world.stdout)
  return done
    .map(({ client, file, change, problem, key, revoke: command }) => {
      const said = change === 'failed' ? colors.red(`failed: ${printable(problem ?? '')}`) : SAID[change]
      const about =
        key === undefined
          ? ''
          : key === 'revoked'
            ? '  Its key is revoked.\n'
            : `  ${colors.yellow('Its key still works')}: ${printable(command ?? '')}\n`
      return `${client}  ${printable(file)}: ${said}\n${about}`
    })
    .join('')
}
