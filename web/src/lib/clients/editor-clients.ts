// Clients with a window: editors and desktop applications.
import { headers, json, KEY_VARIABLE, quoted, SERVER_NAME, type Client, type Endpoint } from './client.ts'

/** `mcp-remote` speaks plain http to other machines only when told to. */
function needsAllowHttp(url: string): boolean {
  const { protocol, hostname } = new URL(url)
  return protocol === 'http:' && hostname !== 'localhost' && hostname !== '127.0.0.1'
}

const claudeDesktop: Client = {
  id: 'claude-desktop',
  name: 'Claude Desktop',
  documentation: 'https://modelcontextprotocol.io/docs/develop/connect-local-servers',
  files: ({ url, key }) => [
    {
      place: 'claude_desktop_config.json',
      code: json({
        mcpServers: {
          [SERVER_NAME]: {
            command: 'npx',
            args: [
              '-y',
              'mcp-remote',
              url,
              ...(needsAllowHttp(url) ? ['--allow-http'] : []),
              '--header',
              // Without a space: on Windows arguments with one come apart.
              `X-API-Key:\${${KEY_VARIABLE}}`,
            ],
            env: { [KEY_VARIABLE]: key },
          },
        },
      }),
      note: 'Open it by Settings → Developer → Edit Config. The file takes local servers alone, so the package mcp-remote, run by Node.js, carries the calls to the gateway.',
    },
  ],
  then: 'Quit Claude Desktop and start it again: mcpshield is among the tools of a new chat.',
}

const cursorServer = (endpoint: Endpoint) => ({ url: endpoint.url, headers: headers(endpoint) })

const cursor: Client = {
  id: 'cursor',
  name: 'Cursor',
  documentation: 'https://cursor.com/docs/mcp',
  files: (endpoint) => [
    {
      place: '~/.cursor/mcp.json',
      code: json({ mcpServers: { [SERVER_NAME]: cursorServer(endpoint) } }),
      note: 'For all your projects.',
    },
    {
      place: '.cursor/mcp.json',
      code: json({
        mcpServers: {
          [SERVER_NAME]: { url: endpoint.url, headers: { 'X-API-Key': `\${env:${KEY_VARIABLE}}` } },
        },
      }),
      note: `In a repository, for all who work in it: the key is in each one’s variable ${KEY_VARIABLE}, and not committed.`,
    },
  ],
  then: 'Open Cursor’s settings for MCP: mcpshield is listed with its tools.',
}

const vsCode: Client = {
  id: 'vs-code',
  name: 'VS Code',
  documentation: 'https://code.visualstudio.com/docs/copilot/chat/mcp-servers',
  command: (endpoint) => ({
    place: 'Terminal',
    code: `code --add-mcp ${quoted(
      JSON.stringify({
        name: SERVER_NAME,
        type: 'http',
        url: endpoint.url,
        headers: headers(endpoint),
      }),
    )}`,
    note: 'Adds it to your user profile. The quotes are those of macOS and Linux; on Windows use the file.',
  }),
  files: ({ url }) => [
    {
      place: '.vscode/mcp.json',
      code: json({
        inputs: [
          { type: 'promptString', id: 'mcpshield-key', description: 'MCPShield API key', password: true },
        ],
        servers: {
          [SERVER_NAME]: { type: 'http', url, headers: { 'X-API-Key': '${input:mcpshield-key}' } },
        },
      }),
      note: 'In a repository, for all who work in it. VS Code asks for the key once and keeps it out of the file.',
    },
  ],
  then: 'Run the command MCP: List Servers: mcpshield is running. Its tools are there in agent mode.',
}

const windsurf: Client = {
  id: 'windsurf',
  name: 'Windsurf',
  documentation: 'https://docs.windsurf.com/windsurf/cascade/mcp',
  files: (endpoint) => [
    {
      place: '~/.codeium/windsurf/mcp_config.json',
      code: json({ mcpServers: { [SERVER_NAME]: { serverUrl: endpoint.url, headers: headers(endpoint) } } }),
      note: 'The member is serverUrl here, not url.',
    },
  ],
  then: 'Refresh the list of MCP servers in Cascade: mcpshield is listed with its tools.',
}

const zed: Client = {
  id: 'zed',
  name: 'Zed',
  documentation: 'https://zed.dev/docs/ai/mcp',
  files: (endpoint) => [
    {
      place: '~/.config/zed/settings.json',
      code: json({ context_servers: { [SERVER_NAME]: cursorServer(endpoint) } }),
      note: 'The command zed: open settings file opens it.',
    },
  ],
  then: 'Look at the MCP servers in the settings of the agent panel: the light beside mcpshield is green.',
}

const cline: Client = {
  id: 'cline',
  name: 'Cline',
  documentation: 'https://docs.cline.bot/mcp/mcp-overview',
  files: (endpoint) => [
    {
      place: 'cline_mcp_settings.json',
      code: json({
        mcpServers: {
          [SERVER_NAME]: { type: 'streamableHttp', ...cursorServer(endpoint), disabled: false },
        },
      }),
      note: 'Open it by MCP Servers → Configure → Configure MCP Servers. Without the type it would be read as the older SSE transport.',
    },
  ],
  then: 'The light beside mcpshield in the list of MCP servers is green.',
}

const lmStudio: Client = {
  id: 'lm-studio',
  name: 'LM Studio',
  documentation: 'https://lmstudio.ai/docs/app/mcp',
  files: (endpoint) => [
    {
      place: 'mcp.json',
      code: json({ mcpServers: { [SERVER_NAME]: cursorServer(endpoint) } }),
      note: 'Open it in the tab Program of the right sidebar, by Install → Edit mcp.json. LM Studio 0.3.17 or newer.',
    },
  ],
  then: 'Turn mcpshield on in the tab Program: its tools are there for the model in a chat.',
}

export const EDITOR_CLIENTS: readonly Client[] = [
  claudeDesktop,
  cursor,
  vsCode,
  windsurf,
  zed,
  cline,
  lmStudio,
]
