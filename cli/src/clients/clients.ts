// The clients that are known, and which of them are on this machine.
import { existsSync } from 'node:fs'
import type { Machine } from '../config.ts'
import type { McpClient } from './client.ts'
import { EDITORS } from './editors.ts'
import { TERMINALS } from './terminals.ts'

export const CLIENTS: readonly McpClient[] = [...TERMINALS, ...EDITORS]

export function installedClients(machine: Machine): McpClient[] {
  return CLIENTS.filter(({ signs }) => signs(machine).some((path) => existsSync(path)))
}

export function clientsNamed(ids: readonly string[]): McpClient[] {
  return CLIENTS.filter(({ id }) => ids.includes(id))
}

/** The file where the client's servers are, or will be. */
export function fileOf({ files }: McpClient, machine: Machine): string {
  const all = files(machine)
  return all.find((path) => existsSync(path)) ?? (all[0] as string)
}
