// Clients with a window: editors and desktop applications.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Machine } from '../config.ts'
import { isThisMachine } from '../rest-client.ts'
import { headers, KEY_HEADER, KEY_VARIABLE, type Endpoint, type McpClient } from './client.ts'
import { inApplicationData, inConfiguration, inHome, inLocalData } from './places.ts'

const MCP_SERVERS = () => ['mcpServers']

/** `mcp-remote` speaks plain http to other machines only when told to. */
function allowHttp(text: string): string[] {
  const url = new URL(text)
  return url.protocol === 'http:' && !isThisMachine(url) ? ['--allow-http'] : []
}

const DESKTOP_FILE = 'claude_desktop_config.json'

/** Installed as a package of Windows (by either installer, since 2026) it reads a copy of the folder that is its own, and no other. */
function desktopFolders(machine: Machine): string[] {
  const packages = desktopPackages(machine)
  return packages.length > 0
    ? packages.map((folder) => join(folder, 'LocalCache', 'Roaming', 'Claude'))
    : [inApplicationData(machine, 'Claude')]
}

function desktopPackages(machine: Machine): string[] {
  if (machine.platform !== 'win32') return []
  const folder = inLocalData(machine, 'Packages')
  try {
    return readdirSync(folder)
      .filter((each) => each.startsWith('Claude_'))
      .map((each) => join(folder, each))
  } catch {
    return []
  }
}

/** Its file takes local servers alone, so the package mcp-remote carries the calls to the gateway. */
const claudeDesktop: McpClient = {
  id: 'claude-desktop',
  name: 'Claude Desktop',
  format: 'json',
  signs: (machine) => [...desktopFolders(machine), ...desktopPackages(machine)],
  files: (machine) => desktopFolders(machine).map((folder) => join(folder, DESKTOP_FILE)),
  servers: MCP_SERVERS,
  entry: ({ url, key }) => ({
    command: 'npx',
    args: [
      '-y',
      'mcp-remote',
      url,
      ...allowHttp(url),
      '--header',
      // Without a space: on Windows arguments with one come apart.
      `${KEY_HEADER}:\${${KEY_VARIABLE}}`,
    ],
    env: { [KEY_VARIABLE]: key },
  }),
  then: 'Quit Claude Desktop and start it again. It runs mcp-remote by npx, so Node.js must be installed.',
}

const plain = (endpoint: Endpoint) => ({ url: endpoint.url, headers: headers(endpoint) })

const cursor: McpClient = {
  id: 'cursor',
  name: 'Cursor',
  format: 'json',
  signs: (machine) => [inHome(machine, '.cursor')],
  files: (machine) => [inHome(machine, '.cursor', 'mcp.json')],
  servers: MCP_SERVERS,
  entry: plain,
  then: 'Open Cursor’s settings for MCP: mcpshield is listed with its tools.',
}

const codeUser = (machine: Machine, ...parts: string[]) =>
  inApplicationData(machine, 'Code', 'User', ...parts)

const vsCode: McpClient = {
  id: 'vs-code',
  name: 'VS Code',
  format: 'json',
  signs: (machine) => [codeUser(machine)],
  files: (machine) => [codeUser(machine, 'mcp.json')],
  servers: () => ['servers'],
  entry: (endpoint) => ({ type: 'http', ...plain(endpoint) }),
  then: 'Run the command MCP: List Servers. Its tools are there in agent mode.',
}

const windsurf: McpClient = {
  id: 'windsurf',
  name: 'Windsurf',
  format: 'json',
  signs: (machine) => [inHome(machine, '.codeium', 'windsurf')],
  files: (machine) => [inHome(machine, '.codeium', 'windsurf', 'mcp_config.json')],
  servers: MCP_SERVERS,
  entry: (endpoint) => ({ serverUrl: endpoint.url, headers: headers(endpoint) }),
  then: 'Refresh the list of MCP servers in Cascade.',
}

/** Windsurf since it is called so: its own agent reads another file. */
const devin: McpClient = {
  id: 'devin',
  name: 'Devin Desktop',
  format: 'json',
  signs: (machine) => [inConfiguration(machine, 'devin')],
  files: (machine) => [inConfiguration(machine, 'devin', 'mcp_config.json')],
  servers: MCP_SERVERS,
  entry: (endpoint) => ({ url: endpoint.url, transport: 'http', headers: headers(endpoint) }),
  then: 'Open its list of MCP servers, or run devin mcp list.',
}

const zed: McpClient = {
  id: 'zed',
  name: 'Zed',
  format: 'json',
  signs: (machine) => [zedFolder(machine)],
  files: (machine) => [zedFolder(machine, 'settings.json')],
  servers: () => ['context_servers'],
  entry: plain,
  then: 'Look at the MCP servers in the settings of the agent panel: the light beside mcpshield is green.',
}

function zedFolder(machine: Machine, ...parts: string[]): string {
  return inConfiguration(machine, machine.platform === 'win32' ? 'Zed' : 'zed', ...parts)
}

const CLINE_FILE = 'cline_mcp_settings.json'

// Without the type it would be read as the older SSE transport.
const clineEntry = (endpoint: Endpoint) => ({ type: 'streamableHttp', ...plain(endpoint), disabled: false })

const cline: McpClient = {
  id: 'cline',
  name: 'Cline',
  format: 'json',
  signs: (machine) => [codeUser(machine, 'globalStorage', 'saoudrizwan.claude-dev')],
  files: (machine) => [codeUser(machine, 'globalStorage', 'saoudrizwan.claude-dev', 'settings', CLINE_FILE)],
  servers: MCP_SERVERS,
  entry: clineEntry,
  then: 'The light beside mcpshield in the list of MCP servers is green.',
}

const clineCli: McpClient = {
  ...cline,
  id: 'cline-cli',
  name: 'Cline CLI',
  signs: (machine) => [inHome(machine, '.cline')],
  files: (machine) => [
    machine.variables['CLINE_MCP_SETTINGS_PATH'] ?? inHome(machine, '.cline', 'data', 'settings', CLINE_FILE),
  ],
  then: 'Start it anew: cline mcp lists mcpshield.',
}

const lmStudio: McpClient = {
  id: 'lm-studio',
  name: 'LM Studio',
  format: 'json',
  signs: (machine) => [inHome(machine, '.lmstudio'), inHome(machine, '.cache', 'lm-studio')],
  // Installations from before it had a folder of its own keep it where it was.
  files: (machine) => [
    inHome(machine, '.lmstudio', 'mcp.json'),
    inHome(machine, '.cache', 'lm-studio', 'mcp.json'),
  ],
  servers: MCP_SERVERS,
  entry: plain,
  then: 'Turn mcpshield on in the tab Program (LM Studio 0.3.17 or newer).',
}

/** The editor and its command line read the same file. */
const kiro: McpClient = {
  id: 'kiro',
  name: 'Kiro',
  format: 'json',
  signs: (machine) => [inHome(machine, '.kiro')],
  files: (machine) => [inHome(machine, '.kiro', 'settings', 'mcp.json')],
  servers: MCP_SERVERS,
  entry: plain,
  then: 'Open the tab MCP servers in its panel, or run kiro-cli mcp status --name mcpshield.',
}

const inGemini = (machine: Machine, ...parts: string[]) => inHome(machine, '.gemini', ...parts)

const antigravity: McpClient = {
  id: 'antigravity',
  name: 'Antigravity',
  format: 'json',
  signs: (machine) => ['antigravity', 'antigravity-cli', 'config'].map((folder) => inGemini(machine, folder)),
  // The second is where the editor kept it before it shared one with its command line.
  files: (machine) => ['config', 'antigravity'].map((folder) => inGemini(machine, folder, 'mcp_config.json')),
  servers: MCP_SERVERS,
  entry: (endpoint) => ({ serverUrl: endpoint.url, headers: headers(endpoint) }),
  then: 'Open Manage MCP Servers and refresh, or run agy mcp list.',
}

export const EDITORS: readonly McpClient[] = [
  claudeDesktop,
  cursor,
  vsCode,
  windsurf,
  devin,
  zed,
  cline,
  clineCli,
  lmStudio,
  kiro,
  antigravity,
]
