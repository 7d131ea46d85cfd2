// Clients that live in a terminal.
import {
  headers,
  json,
  KEY_VARIABLE,
  lines,
  quoted,
  SERVER_NAME,
  type Client,
  type Endpoint,
  type Snippet,
} from './client.ts'

const keyHeader = ({ key }: Endpoint) => quoted(`X-API-Key: ${key}`)

const claudeCode: Client = {
  id: 'claude-code',
  name: 'Claude Code',
  documentation: 'https://code.claude.com/docs/en/mcp',
  command: (endpoint) => ({
    place: 'Terminal',
    code: lines(
      `claude mcp add --transport http ${SERVER_NAME} ${quoted(endpoint.url)}`,
      `--header ${keyHeader(endpoint)}`,
    ),
    note: 'For this folder and you alone; --scope user makes it yours in every folder.',
  }),
  files: ({ url }) => [
    {
      place: '.mcp.json',
      code: json({
        mcpServers: {
          [SERVER_NAME]: { type: 'http', url, headers: { 'X-API-Key': `\${${KEY_VARIABLE}}` } },
        },
      }),
      note: `In the root of a repository, for all who work in it. Each has a key of their own in the variable ${KEY_VARIABLE}, so that none is committed.`,
    },
  ],
  then: 'Write /mcp in a session: mcpshield is listed as connected.',
}

const gemini: Client = {
  id: 'gemini-cli',
  name: 'Gemini CLI',
  documentation: 'https://geminicli.com/docs/tools/mcp-server/',
  command: (endpoint) => ({
    place: 'Terminal',
    code: lines(
      'gemini mcp add --scope user --transport http',
      `--header ${keyHeader(endpoint)}`,
      `${SERVER_NAME} ${quoted(endpoint.url)}`,
    ),
  }),
  files: (endpoint) => [
    {
      place: '~/.gemini/settings.json',
      code: json({ mcpServers: { [SERVER_NAME]: { httpUrl: endpoint.url, headers: headers(endpoint) } } }),
      note: 'The member is httpUrl: url would be read as the older SSE transport.',
    },
  ],
  then: 'Start it anew and write /mcp: mcpshield is listed with its tools.',
}

const exported = ({ key }: Endpoint) => `export ${KEY_VARIABLE}=${quoted(key)}`

const codex: Client = {
  id: 'codex-cli',
  name: 'Codex CLI',
  documentation: 'https://developers.openai.com/codex/mcp',
  command: (endpoint) => ({
    place: 'Terminal',
    code: `${exported(endpoint)}\n${lines(
      `codex mcp add ${SERVER_NAME} --url ${quoted(endpoint.url)}`,
      `--bearer-token-env-var ${KEY_VARIABLE}`,
    )}`,
    note: `Codex reads the key from ${KEY_VARIABLE} each time it starts: put the first line into your shell’s profile.`,
  }),
  files: ({ url }) => [
    {
      place: '~/.codex/config.toml',
      code: `[mcp_servers.${SERVER_NAME}]\nurl = ${JSON.stringify(url)}\nbearer_token_env_var = "${KEY_VARIABLE}"`,
      note: `The key is in ${KEY_VARIABLE}; Codex takes none in the file.`,
    },
  ],
  then: 'Start it anew and write /mcp: mcpshield is listed with its tools.',
}

const goose: Client = {
  id: 'goose',
  name: 'Goose',
  documentation: 'https://block.github.io/goose/docs/getting-started/using-extensions',
  files: ({ url, key }) => [
    {
      place: '~/.config/goose/config.yaml',
      code: [
        'extensions:',
        `  ${SERVER_NAME}:`,
        '    enabled: true',
        '    type: streamable_http',
        `    name: ${SERVER_NAME}`,
        '    description: The tools that MCPShield lets through',
        `    uri: ${JSON.stringify(url)}`,
        '    headers:',
        `      X-API-Key: ${JSON.stringify(key)}`,
        '    timeout: 300',
      ].join('\n'),
      note: 'Or run goose configure, choose Add Extension and Remote Extension (Streamable HTTP), and give the same address and header. Member names in config.yaml stay below the one extensions.',
    },
  ],
  then: 'Start a new session: the tools of mcpshield are among its own.',
}

const openCode: Client = {
  id: 'opencode',
  name: 'OpenCode',
  documentation: 'https://opencode.ai/docs/mcp-servers',
  files: (endpoint) => [openCodeFile(endpoint, 'OpenCode 2'), openCodeFile(endpoint, 'OpenCode 1')],
  then: 'Start it anew: the tools of mcpshield are among its own.',
}

/** The second version has the servers one level deeper. */
function openCodeFile(endpoint: Endpoint, version: 'OpenCode 1' | 'OpenCode 2'): Snippet {
  const server = { type: 'remote', url: endpoint.url, headers: headers(endpoint) }
  return {
    place: `~/.config/opencode/opencode.json (${version})`,
    code: json({
      $schema: 'https://opencode.ai/config.json',
      mcp:
        version === 'OpenCode 2'
          ? { servers: { [SERVER_NAME]: server } }
          : { [SERVER_NAME]: { ...server, enabled: true } },
    }),
  }
}

export const TERMINAL_CLIENTS: readonly Client[] = [claudeCode, codex, gemini, openCode, goose]
