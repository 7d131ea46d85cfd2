// A small real MCP server over stdio that can misbehave on request: `fixture-server.ts`.
import { createInterface } from 'node:readline'

type Message = { id?: number; method?: string; params?: { name?: string; arguments?: { text?: string } } }

const say = (message: object) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)

createInterface({ input: process.stdin }).on('line', (line) => {
  const message = JSON.parse(line) as Message
  if (message.method === 'initialize') {
    say({
      id: message.id,
      result: {
        protocolVersion: '2025-11-25',
        capabilities: { tools: {} },
        serverInfo: { name: 'fixture', version: '1' },
      },
    })
  } else if (message.method === 'tools/list') {
    say({
      id: message.id,
      result: {
        tools: ['echo', 'crash', 'hang', 'env'].map((name) => ({ name, inputSchema: { type: 'object' } })),
      },
    })
  } else if (message.method === 'tools/call') call(message)
})

function call({ id, params }: Message): unknown {
  const answer = (text: string) => say({ id, result: { content: [{ type: 'text', text }] } })
  switch (params?.name) {
    case 'crash':
      return process.exit(3)
    case 'hang':
      return undefined
    case 'nonsense':
      process.stdout.write('this is no JSON\n{"jsonrpc":"2.0","id":"somebody else","result":{}}\n[]\nnull\n')
      return answer('after nonsense')
    case 'neither':
      return say({ id })
    case 'env':
      return answer(JSON.stringify(process.env))
    case 'separators':
      return process.stdout.write(
        `\r\n{"jsonrpc":"2.0","id":${id},\r"result":{"content":[{"type":"text","text":"a\u0085b\u2028c\u2029d"}]}}\r\n`,
      )
    case 'endless': {
      const part = 'x'.repeat(1024 * 1024)
      const more = () => process.stdout.write(part, more)
      return more()
    }
    case 'asks':
      say({ id: 'q1', method: 'sampling/createMessage', params: {} })
      return answer('asked')
    default:
      return answer(params?.arguments?.text ?? '')
  }
}
