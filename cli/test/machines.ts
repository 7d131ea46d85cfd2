// Homes of users of three systems, in a folder, with every client that is known.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import type { McpClient } from '../src/clients/client.ts'
import type { Machine } from '../src/config.ts'

export const PLATFORMS = ['linux', 'darwin', 'win32'] as const

export type FixtureMachine = Machine & { home: string; at(path: string): string } & Disposable

/** An empty home. `at`: a path as its user would write it. */
export function machineOf(
  platform: Machine['platform'],
  variables: Record<string, string> = {},
): FixtureMachine {
  const home = mkdtempSync(join(tmpdir(), `mcpshield-home-${platform}-`))
  const own = platform === 'win32' ? { APPDATA: join(home, 'AppData', 'Roaming') } : {}
  return {
    platform,
    home,
    variables: { ...own, ...variables },
    at: (path) => relative(home, path).replaceAll('\\', '/'),
    [Symbol.dispose]: () => rmSync(home, { recursive: true, force: true }),
  }
}

/** Settings that a person wrote, with comments, and with what no program of ours knows. */
export const SETTINGS = {
  json: (client: McpClient) =>
    `{\n  // mine\n  "unknown": { "a": [1, 2] },\n  "${client.servers({})[0]}": {\n    "other": { "command": "npx" } // keep\n  }\n}\n`,
  yaml: () => 'unknown: { a: [1, 2] } # mine\nextensions:\n  other:\n    cmd: npx # keep\n',
  toml: () => 'unknown = [1, 2] # mine\n\n[mcp_servers.other]\ncommand = "npx" # keep\n',
}

/** Puts the client on the machine, with those settings. */
export function install(client: McpClient, machine: Machine): { file: string; text: string } {
  const [file = ''] = client.files(machine)
  for (const sign of client.signs(machine).slice(0, 1)) mkdirSync(sign, { recursive: true })
  mkdirSync(dirname(file), { recursive: true })
  const text = SETTINGS[client.format](client)
  writeFileSync(file, text, { mode: 0o640 })
  return { file, text }
}
