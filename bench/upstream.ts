// The floor: an MCP server over raw node:http that answers `tools/call` with a hundred bytes. Prints its
// port. Run as its own process: `node bench/upstream.ts`.
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

const tool = {
  name: 'echo',
  description: 'Says it again.',
  inputSchema: { type: 'object', properties: { text: { type: 'string' } } },
}

const server = createServer((request, response) => {
  if (request.method !== 'POST') return void response.writeHead(405).end()
  void answer(request).then((body) => {
    if (body === undefined) response.writeHead(202).end()
    else response.writeHead(200, { 'content-type': 'application/json' }).end(body)
  })
})

async function answer(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const message = JSON.parse(Buffer.concat(chunks).toString()) as {
    id?: number
    method: string
    params?: { arguments?: { text?: string } }
  }
  if (message.id === undefined) return undefined
  return JSON.stringify({ jsonrpc: '2.0', id: message.id, result: resultOf(message) })
}

function resultOf(message: { method: string; params?: { arguments?: { text?: string } } }): unknown {
  if (message.method === 'initialize') {
    return {
      protocolVersion: '2025-11-25',
      capabilities: { tools: {} },
      serverInfo: { name: 'floor', version: '1' },
    }
  }
  if (message.method === 'tools/list') return { tools: [tool] }
  return { content: [{ type: 'text', text: message.params?.arguments?.text ?? '' }] }
}

server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
process.on('disconnect', () => process.exit(0))
