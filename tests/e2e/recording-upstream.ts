// A real MCP server over HTTP that remembers every byte it was sent: what a denied call must never reach.
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export type RecordingUpstream = AsyncDisposable & {
  url: string
  /** Names of the tools that were called, in order. */
  called: string[]
  /** Everything received in `tools/call` requests, headers included. */
  received: string[]
  /** What a call of `answer` gives back. */
  answer: { content: object[]; isError?: boolean }
  /** The text of a result to give back instead. */
  raw: string | undefined
  /** How the next calls misbehave. */
  mood: 'good' | 'hang' | 'nonsense' | 'error-status' | 'cut-off'
  /** How long it thinks before it answers a call. */
  delayMs: number
}

const TOOLS = ['safe_echo', 'danger_delete', 'region_query', 'read_path']

export async function startRecordingUpstream(): Promise<RecordingUpstream> {
  const state: Pick<RecordingUpstream, 'called' | 'received' | 'answer' | 'raw' | 'mood' | 'delayMs'> = {
    called: [],
    received: [],
    answer: { content: [{ type: 'text', text: 'done' }] },
    raw: undefined,
    mood: 'good',
    delayMs: 0,
  }
  const sockets = new Set<{ destroy(): void }>()
  const server: Server = createServer((request, response) => {
    // No stream to follow, no session to end.
    if (request.method !== 'POST') return response.writeHead(405).end()
    return void readAll(request).then((text) => {
      const message = JSON.parse(text) as { id?: number; method: string; params?: { name?: string } }
      const say = (result: object) =>
        response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result }))
      if (message.id === undefined) return response.writeHead(202).end()
      if (message.method === 'initialize') {
        return say({
          protocolVersion: '2025-11-25',
          capabilities: { tools: {} },
          serverInfo: { name: 'recording', version: '1' },
        })
      }
      if (message.method === 'tools/list') {
        return say({
          tools: TOOLS.map((name) => ({ name, description: name, inputSchema: { type: 'object' } })),
        })
      }
      state.called.push(message.params?.name ?? '')
      state.received.push(JSON.stringify(request.headers) + text)
      if (state.mood === 'hang') return undefined
      if (state.mood === 'nonsense')
        return response.writeHead(200, { 'content-type': 'text/html' }).end('<p>hello</p>')
      if (state.mood === 'error-status') return response.writeHead(500).end()
      if (state.mood === 'cut-off') {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {"jsonrpc":"2.0","id"')
        return response.socket?.destroy()
      }
      if (state.raw !== undefined) {
        response.writeHead(200, { 'content-type': 'application/json' })
        return response.end(`{"jsonrpc":"2.0","id":${message.id},"result":${state.raw}}`)
      }
      if (state.delayMs > 0) return void setTimeout(() => say(state.answer), state.delayMs)
      return say(state.answer)
    })
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return Object.assign(state, {
    url: `http://127.0.0.1:${port}/mcp`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  })
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
