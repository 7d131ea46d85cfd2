import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { endpointIn, type McpClient } from '../src/clients/client.ts'
import { CLIENTS, fileOf, installedClients } from '../src/clients/clients.ts'
import { contentOf, entryAt, withEntry } from '../src/clients/config-text.ts'
import { install, machineOf, PLATFORMS } from './machines.ts'

const APP = { linux: '.config', darwin: 'Library/Application Support', win32: 'AppData/Roaming' }
const same = (path: string) => ({ linux: path, darwin: path, win32: path })
const below = (path: string) => ({
  linux: `${APP.linux}/${path}`,
  darwin: `${APP.darwin}/${path}`,
  win32: `${APP.win32}/${path}`,
})
const CLINE = 'settings/cline_mcp_settings.json'

/** As the clients' own documentation has it. */
const FILES: Record<string, Record<(typeof PLATFORMS)[number], string>> = {
  'claude-code': same('.claude.json'),
  'claude-desktop': below('Claude/claude_desktop_config.json'),
  cursor: same('.cursor/mcp.json'),
  'vs-code': below('Code/User/mcp.json'),
  windsurf: same('.codeium/windsurf/mcp_config.json'),
  devin: { ...same('.config/devin/mcp_config.json'), win32: 'AppData/Roaming/devin/mcp_config.json' },
  'gemini-cli': same('.gemini/settings.json'),
  'codex-cli': same('.codex/config.toml'),
  'copilot-cli': same('.copilot/mcp-config.json'),
  zed: { ...same('.config/zed/settings.json'), win32: 'AppData/Roaming/Zed/settings.json' },
  cline: below(`Code/User/globalStorage/saoudrizwan.claude-dev/${CLINE}`),
  'cline-cli': same(`.cline/data/${CLINE}`),
  goose: { ...same('.config/goose/config.yaml'), win32: 'AppData/Roaming/Block/goose/config/config.yaml' },
  'lm-studio': same('.lmstudio/mcp.json'),
  opencode: same('.config/opencode/opencode.jsonc'),
  kiro: same('.kiro/settings/mcp.json'),
  antigravity: same('.gemini/config/mcp_config.json'),
}

const endpoint = { url: 'https://gateway.example/mcp', key: 'mcps_k3y' }

describe.for(PLATFORMS)('on %s', (platform) => {
  test('every client is found where it keeps its settings, and none where there is none', () => {
    using machine = machineOf(platform)
    expect(installedClients(machine)).toEqual([])
    expect(Object.fromEntries(CLIENTS.map((each) => [each.id, machine.at(fileOf(each, machine))]))).toEqual(
      Object.fromEntries(Object.entries(FILES).map(([id, paths]) => [id, paths[platform]])),
    )
    for (const client of CLIENTS) install(client, machine)
    expect(installedClients(machine)).toEqual(CLIENTS)
  })
})

test('a folder that a variable moves is looked for where it is', () => {
  using machine = machineOf('linux', {
    CODEX_HOME: '/srv/codex',
    CLAUDE_CONFIG_DIR: '/srv/claude',
    XDG_CONFIG_HOME: '/srv/config',
    COPILOT_HOME: '/srv/copilot',
    CLINE_MCP_SETTINGS_PATH: '/srv/cline.json',
  })
  const fileFor = (id: string) => fileOf(CLIENTS.find((each) => each.id === id) as McpClient, machine)
  const ids = ['codex-cli', 'claude-code', 'vs-code', 'zed', 'copilot-cli', 'cline-cli', 'opencode', 'goose']
  expect(ids.map(fileFor)).toEqual([
    '/srv/codex/config.toml',
    '/srv/claude/.claude.json',
    '/srv/config/Code/User/mcp.json',
    '/srv/config/zed/settings.json',
    '/srv/copilot/mcp-config.json',
    '/srv/cline.json',
    '/srv/config/opencode/opencode.jsonc',
    '/srv/config/goose/config.yaml',
  ])
})

test('Goose is looked for where it is told to keep everything', () => {
  using machine = machineOf('win32', { GOOSE_PATH_ROOT: '/srv/goose' })
  const goose = CLIENTS.find(({ id }) => id === 'goose') as McpClient
  expect(fileOf(goose, machine)).toBe('/srv/goose/config/config.yaml')
})

test.for([[{}], [{ LOCALAPPDATA: 'AppData/Elsewhere' }]] as const)(
  'Claude Desktop that is a package of Windows is written to where it reads, and not where it read before (%j)',
  ([given]) => {
    using plain = machineOf('win32')
    const local = 'LOCALAPPDATA' in given ? join(plain.home, given.LOCALAPPDATA) : undefined
    const machine = {
      ...plain,
      variables: { ...plain.variables, ...(local === undefined ? {} : { LOCALAPPDATA: local }) },
    }
    const desktop = CLIENTS.find(({ id }) => id === 'claude-desktop') as McpClient
    install(desktop, machine)
    expect(plain.at(fileOf(desktop, machine))).toBe('AppData/Roaming/Claude/claude_desktop_config.json')
    const folder = join(local ?? join(plain.home, 'AppData/Local'), 'Packages/Claude_pzs8sxrjxfjjc')
    mkdirSync(folder, { recursive: true })
    expect(fileOf(desktop, machine)).toBe(
      join(folder, 'LocalCache/Roaming/Claude/claude_desktop_config.json'),
    )
    rmSync(join(plain.home, 'AppData/Roaming'), { recursive: true })
    expect(installedClients(machine)).toEqual([desktop])
  },
)

test('of several files that a client reads, the one that is there is written', () => {
  using machine = machineOf('linux')
  const file = join(machine.home, '.config/opencode/opencode.json')
  mkdirSync(join(file, '..'), { recursive: true })
  writeFileSync(file, '{}')
  const openCode = CLIENTS.find(({ id }) => id === 'opencode') as McpClient
  expect(fileOf(openCode, machine)).toBe(file)
})

test('OpenCode is written to as its version has it, and as the first where nothing tells', () => {
  const openCode = CLIENTS.find(({ id }) => id === 'opencode') as McpClient
  expect(openCode.servers({})).toEqual(['mcp'])
  expect(openCode.servers({ mcp: { files: { type: 'local' } } })).toEqual(['mcp'])
  expect(openCode.servers({ mcp: { servers: { files: { type: 'local' } } } })).toEqual(['mcp', 'servers'])
  // A server may be called so.
  expect(openCode.servers({ mcp: { servers: { type: 'remote', url: 'x' } } })).toEqual(['mcp'])
})

test('Claude Desktop, whose file takes no address, gets the documented bridge, with the key in its environment alone', () => {
  const desktop = CLIENTS.find(({ id }) => id === 'claude-desktop') as McpClient
  const args = (url: string) => desktop.entry({ ...endpoint, url }, ['mcpServers'])['args']
  expect(args(endpoint.url)).toEqual([
    '-y',
    'mcp-remote',
    endpoint.url,
    '--header',
    'X-API-Key:${MCPSHIELD_API_KEY}',
  ])
  expect(args('http://gateway.example/mcp')).toContain('--allow-http')
  expect(args('http://localhost:8100/mcp')).not.toContain('--allow-http')
})

test.for(CLIENTS.map((client) => [client.id, client] as const))(
  'what %s is told can be read back from it',
  ([, client]) => {
    expect(endpointIn(client.entry(endpoint, client.servers({})))).toEqual(endpoint)
  },
)

// The page's table and this one are two, since one is to be read and the other to be written: what they say is one.
const PAGE = join(import.meta.dirname, '../../web/src/lib/clients/clients.ts')
type Shown = { id: string; files(of: typeof endpoint): { place: string; code: string }[] }

test('the dashboard’s page shows for each client what this command writes', async () => {
  const { CLIENTS: shown } = (await import(PAGE)) as { CLIENTS: Shown[] }
  const compared = CLIENTS.flatMap((client) => {
    const page = shown.find(({ id }) => id === client.id)
    // Files of a repository have a variable for the key, and Codex reads its own from one there.
    const codes = page?.files(endpoint).filter(({ code }) => code.includes(endpoint.key)) ?? []
    if (codes.length === 0) return []
    const contents = codes.map(({ place, code }): unknown =>
      /ya?ml/.test(place) ? parseYaml(code) : JSON.parse(code),
    )
    const path = client.servers({})
    const written = contentOf(
      client.format,
      withEntry(client.format, '', [...path, 'mcpshield'], client.entry(endpoint, path)),
    )
    const entries = contents.map((content) => entryAt(content, [...path, 'mcpshield']))
    expect(entries, client.id).toContainEqual(entryAt(written, [...path, 'mcpshield']))
    return [client.id]
  })
  expect(compared).toEqual(
    expect.arrayContaining([
      'claude-desktop',
      'cursor',
      'windsurf',
      'gemini-cli',
      'zed',
      'cline',
      'goose',
      'lm-studio',
      'opencode',
    ]),
  )
})
