// The other yardstick: a proxy written the plain way, with the official SDK's server on one side and its client on the
// other. It decides nothing and records nothing. Run as its own process: `node bench/sdk-proxy.ts <upstream>`.
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js'

const [upstream = ''] = process.argv.slice(2)
const client = new Client({ name: 'proxy', version: '1' })
await client.connect(new StreamableHTTPClientTransport(new URL(upstream)))

const sessions = new Map<string, StreamableHTTPServerTransport>()

async function newSession(): Promise<StreamableHTTPServerTransport> {
  const server = new Server({ name: 'proxy', version: '1' }, { capabilities: { tools: {} } })
  server.setRequestHandler(ListToolsRequestSchema, (request) => client.listTools(request.params))
  server.setRequestHandler(CallToolRequestSchema, (request) => client.callTool(request.params))
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    enableJsonResponse: true,
    onsessioninitialized: (id) => void sessions.set(id, transport),
  })
  await server.connect(transport)
  return transport
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const known = sessions.get(String(request.headers['mcp-session-id'] ?? ''))
  const transport = known ?? (await newSession())
  await transport.handleRequest(request, response)
}

const http = createServer((request, response) => void serve(request, response))
http.listen(0, '127.0.0.1', () => process.send?.({ port: (http.address() as AddressInfo).port }))
process.on('disconnect', () => process.exit(0))
