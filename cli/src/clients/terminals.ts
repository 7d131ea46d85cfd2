// Clients that live in a terminal.
import { join } from 'node:path'
import type { Machine } from '../config.ts'
import { headers, isObject, SERVER_NAME, type McpClient } from './client.ts'
import { inConfiguration, inHome, movable } from './places.ts'

const claudeCode: McpClient = {
  id: 'claude-code',
  name: 'Claude Code',
  format: 'json',
  signs: (machine) => [movable(machine, 'CLAUDE_CONFIG_DIR', '.claude'), ...claudeCode.files(machine)],
  files: (machine) => [
    machine.variables['CLAUDE_CONFIG_DIR'] === undefined
      ? inHome(machine, '.claude.json')
      : join(machine.variables['CLAUDE_CONFIG_DIR'], '.claude.json'),
  ],
  servers: () => ['mcpServers'],
  entry: (endpoint) => ({ type: 'http', url: endpoint.url, headers: headers(endpoint) }),
  then: 'Write /mcp in a session: mcpshield is listed as connected.',
}

const codexFolder = (machine: Machine) => movable(machine, 'CODEX_HOME', '.codex')

/** `headers` is passed over there, and a bearer token would have to be in the environment. */
const codex: McpClient = {
  id: 'codex-cli',
  name: 'Codex CLI',
  format: 'toml',
  signs: (machine) => [codexFolder(machine)],
  files: (machine) => [join(codexFolder(machine), 'config.toml')],
  servers: () => ['mcp_servers'],
  entry: (endpoint) => ({ url: endpoint.url, http_headers: headers(endpoint) }),
  then: 'Start it anew and write /mcp: mcpshield is listed with its tools.',
}

const gemini: McpClient = {
  id: 'gemini-cli',
  name: 'Gemini CLI',
  format: 'json',
  signs: (machine) => [inHome(machine, '.gemini')],
  files: (machine) => [inHome(machine, '.gemini', 'settings.json')],
  servers: () => ['mcpServers'],
  // `url` would be read as the older SSE transport.
  entry: (endpoint) => ({ httpUrl: endpoint.url, headers: headers(endpoint) }),
  then: 'Start it anew and write /mcp: mcpshield is listed with its tools.',
}

const copilot: McpClient = {
  id: 'copilot-cli',
  name: 'GitHub Copilot CLI',
  format: 'json',
  signs: (machine) => [movable(machine, 'COPILOT_HOME', '.copilot')],
  files: (machine) => [join(movable(machine, 'COPILOT_HOME', '.copilot'), 'mcp-config.json')],
  servers: () => ['mcpServers'],
  entry: (endpoint) => ({ type: 'http', url: endpoint.url, headers: headers(endpoint), tools: ['*'] }),
  then: 'Start it anew and write /mcp show.',
}

const goose: McpClient = {
  id: 'goose',
  name: 'Goose',
  format: 'yaml',
  signs: (machine) => [gooseFolder(machine)],
  files: (machine) => [join(gooseFolder(machine), 'config.yaml')],
  servers: () => ['extensions'],
  entry: (endpoint) => ({
    enabled: true,
    type: 'streamable_http',
    name: SERVER_NAME,
    description: 'The tools that MCPShield lets through',
    uri: endpoint.url,
    headers: headers(endpoint),
    timeout: 300,
  }),
  then: 'Start a new session: the tools of mcpshield are among its own.',
}

function gooseFolder(machine: Machine): string {
  const root = machine.variables['GOOSE_PATH_ROOT']
  if (root !== undefined) return join(root, 'config')
  return machine.platform === 'win32'
    ? inConfiguration(machine, 'Block', 'goose', 'config')
    : join(movable(machine, 'XDG_CONFIG_HOME', '.config'), 'goose')
}

/** On all three systems. */
const openCodeFolder = (machine: Machine) => join(movable(machine, 'XDG_CONFIG_HOME', '.config'), 'opencode')

/** The second version reads the first one's form, and the first not the second's: that is written only where it is in use. */
const openCode: McpClient = {
  id: 'opencode',
  name: 'OpenCode',
  format: 'json',
  signs: (machine) => [openCodeFolder(machine)],
  files: (machine) => ['opencode.jsonc', 'opencode.json'].map((name) => join(openCodeFolder(machine), name)),
  servers: (content) => (isSecondVersion(content) ? ['mcp', 'servers'] : ['mcp']),
  entry: (endpoint, servers) => ({
    type: 'remote',
    url: endpoint.url,
    headers: headers(endpoint),
    ...(servers.length === 1 ? { enabled: true } : {}),
  }),
  then: 'Start it anew: the tools of mcpshield are among its own.',
}

/** Whether `mcp.servers` is the list of servers, and not a server that is called so. */
function isSecondVersion(content: unknown): boolean {
  const mcp = isObject(content) ? content['mcp'] : undefined
  const servers = isObject(mcp) ? mcp['servers'] : undefined
  return isObject(servers) && typeof servers['type'] !== 'string'
}

export const TERMINALS: readonly McpClient[] = [claudeCode, codex, gemini, copilot, openCode, goose]
