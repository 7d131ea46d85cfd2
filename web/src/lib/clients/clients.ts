// The clients that are known by name, and what every other one needs to be told.
import { json, quoted, SERVER_NAME, headers, type Client } from './client.ts'
import { EDITOR_CLIENTS } from './editor-clients.ts'
import { TERMINAL_CLIENTS } from './terminal-clients.ts'

const OTHER: Client = {
  id: 'other',
  name: 'Any other client',
  files: (endpoint) => [
    {
      place: 'Configuration with mcpServers',
      code: json({
        mcpServers: { [SERVER_NAME]: { type: 'http', url: endpoint.url, headers: headers(endpoint) } },
      }),
      note: 'Most clients read something like this; some call the members otherwise. The transport is Streamable HTTP. A client that sends bearer tokens only may send the key as Authorization: Bearer.',
    },
    {
      place: 'Terminal: to see that the gateway and the key are good',
      code: [
        `curl -sS ${quoted(endpoint.url)} \\`,
        `  -H ${quoted(`X-API-Key: ${endpoint.key}`)} \\`,
        "  -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \\",
        `  -d '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"curl","version":"1"}}}'`,
      ].join('\n'),
      note: 'A handshake is not decided, and so not recorded: the light below waits for a call of a tool.',
    },
  ],
  then: 'Ask the agent for something that one of the tools does.',
}

const [claudeCode, ...otherTerminal] = TERMINAL_CLIENTS as readonly [Client, ...Client[]]

/** In the order in which they are shown; the first is the one that is shown unasked. */
export const CLIENTS: readonly Client[] = [claudeCode, ...EDITOR_CLIENTS, ...otherTerminal, OTHER]

export function clientById(id: string | null): Client {
  return CLIENTS.find((client) => client.id === id) ?? claudeCode
}
