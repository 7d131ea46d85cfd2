// An MCP server over stdio whose one tool says of itself what a file says.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

const [, , file = ''] = process.argv
type Request = { id?: number | string; method: string; params?: { protocolVersion?: string } }

function answer({ method, params }: Request): unknown {
  if (method === 'initialize')
    return {
      protocolVersion: params?.protocolVersion ?? '2025-11-25',
      capabilities: { tools: {} },
      serverInfo: { name: 'changing', version: '1' },
    }
  if (method === 'tools/list')
    return {
      tools: [
        { name: 'greet', description: readFileSync(file, 'utf8').trim(), inputSchema: { type: 'object' } },
      ],
    }
  if (method === 'tools/call') return { content: [{ type: 'text', text: 'Hello.' }] }
  return undefined
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line) as Request
  if (request.id === undefined) continue
  const result = answer(request)
  const reply = result === undefined ? { error: { code: -32601, message: 'Method not found' } } : { result }
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id: request.id, ...reply })}\n`)
}
