// An HTTP server that answers as a test tells it to, and remembers what it was asked.
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { JsonObject } from '@mcpshield/policy/facts'

export type Seen = {
  verb: string
  path: string
  headers: IncomingHttpHeaders
  /** Of a GET: empty. */
  message: JsonObject & { id?: number; method?: string; params?: JsonObject }
}

export type Respond = (seen: Seen, response: ServerResponse) => void

export type ScriptedServer = AsyncDisposable & { url: string; seen: Seen[]; of(method: string): Seen[] }

export async function scriptedServer(respond: Respond): Promise<ScriptedServer> {
  const seen: Seen[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString()
      const message = (text === '' ? {} : JSON.parse(text)) as Seen['message']
      const each = { verb: request.method ?? '', path: request.url ?? '', headers: request.headers, message }
      seen.push(each)
      respond(each, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    seen,
    of: (method) => seen.filter(({ message }) => message.method === method),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export function json(response: ServerResponse, message: object, status = 200): void {
  response
    .writeHead(status, { 'content-type': 'application/json' })
    .end(JSON.stringify({ jsonrpc: '2.0', ...message }))
}

/** Opens an event stream. */
export function events(response: ServerResponse): ServerResponse {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  return response
}

export function event(message: object, id?: string): string {
  const name = id === undefined ? '' : `id: ${id}\n`
  return `${name}data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`
}

type LegacyOptions = {
  /** Null: without sessions. */
  session?: string | null
  capabilities?: JsonObject
  /** Opening of the GET stream; 405 when absent. */
  get?: Respond
}

/** A server of the legacy era that shakes hands; the rest is the test's. */
export function legacyServer(respond: Respond, options: LegacyOptions = {}): Promise<ScriptedServer> {
  const { session = 'session-1', capabilities = {}, get } = options
  return scriptedServer((seen, response) => {
    const { message, verb } = seen
    if (verb === 'GET') return get === undefined ? void response.writeHead(405).end() : get(seen, response)
    if (verb === 'DELETE') return void response.writeHead(200).end()
    if (message.method === 'initialize') {
      if (session !== null) response.setHeader('mcp-session-id', session)
      const serverInfo = { name: 'legacy', version: '1' }
      return json(response, {
        id: message.id,
        result: { protocolVersion: '2025-11-25', capabilities, serverInfo },
      })
    }
    if (message.method === 'server/discover')
      return json(response, { id: message.id, error: { code: -32601, message: 'no' } }, 400)
    if (message.id === undefined || message.method === undefined) return void response.writeHead(202).end()
    respond(seen, response)
  })
}

/** A server of the modern era that tells who it is, and lists these tools; the rest is the test's. */
export function modernServer(respond: Respond, tools: JsonObject[] = []): Promise<ScriptedServer> {
  return scriptedServer((seen, response) => {
    const { message, verb } = seen
    if (verb !== 'POST') return void response.writeHead(405).end()
    const answer = (result: JsonObject) =>
      json(response, { id: message.id, result: { resultType: 'complete', ...result } })
    if (message.method === 'server/discover')
      return answer({
        supportedVersions: ['2026-07-28'],
        capabilities: { tools: {} },
        serverInfo: { name: 'modern', version: '1' },
      })
    if (message.method === 'initialize')
      return json(response, { id: message.id, error: { code: -32601, message: 'no such method' } }, 404)
    if (message.method === 'tools/list') return answer({ tools })
    if (message.id === undefined) return void response.writeHead(202).end()
    respond(seen, response)
  })
}
