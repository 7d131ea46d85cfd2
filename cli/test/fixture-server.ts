// A small real MCP server that writes down every byte it gets: `fixture-server.ts FILE [DESCRIPTION]`. What it does on a
// call is in the tool's name; its tools are described by DESCRIPTION.
import { appendFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

type Message = {
  id?: number | string
  method?: string
  params?: {
    name?: string
    uri?: string
    taskId?: string
    requestState?: string
    arguments?: Record<string, unknown>
  }
  result?: unknown
}

const [, , received = '/dev/null', described = 'by ann@example.com'] = process.argv
const say = (message: object) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
const text = (value: string) => ({ content: [{ type: 'text', text: value }] })
const TOOLS = 'echo hidden hang late crash logs asks junk numbers fails bytes env write task input'.split(' ')

process.stderr.write('fixture: started\n')
process.stdin.on('data', (chunk: Buffer) => appendFileSync(received, chunk))

const QUESTION = { who: { method: 'elicitation/create', params: { message: 'ann@example.com?' } } }

let asking: Message['id']

createInterface({ input: process.stdin }).on('line', (line) => {
  const message = JSON.parse(line) as Message
  const { id, method, params } = message
  if (method === 'initialize') {
    const capabilities = {
      tools: {},
      resources: {},
      prompts: {},
      logging: {},
      tasks: { list: {}, cancel: {} },
    }
    say({
      id,
      result: {
        protocolVersion: '2025-11-25',
        capabilities,
        serverInfo: { name: 'fixture', version: '1' },
        instructions: 'ask ann@example.com',
      },
    })
  } else if (method === 'ping') say({ id, result: {} })
  else if (method === 'tools/list')
    say({
      id,
      result: {
        tools: TOOLS.map((name) => ({
          name,
          description: `${name}, ${described}`,
          inputSchema: { type: 'object' },
        })),
      },
    })
  else if (method === 'resources/list')
    say({
      id,
      result: { resources: ['file:///open/a', 'file:///shut/a'].map((uri) => ({ uri, name: uri })) },
    })
  else if (method === 'prompts/list') say({ id, result: { prompts: [{ name: 'open' }, { name: 'shut' }] } })
  else if (method === 'resources/read')
    say({ id, result: { contents: [{ uri: params?.uri, text: `of ${params?.uri} by ann@example.com` }] } })
  else if (method === 'prompts/get')
    say({ id, result: { messages: [{ role: 'user', content: { type: 'text', text: 'a prompt' } }] } })
  else if (method?.startsWith('resources/') || method === 'completion/complete') say({ id, result: {} })
  else if (method === 'tasks/get') say({ id, result: { taskId: params?.taskId, status: 'completed' } })
  else if (method === 'tasks/result') say({ id, result: text('done for ann@example.com') })
  else if (method === 'x.example/do') say({ id, result: { echoed: params, by: 'ann@example.com' } })
  else if (method === 'tools/call') call(id, params)
  else if (method === 'notifications/cancelled') say({ id: held, result: text('too late') })
  else if (id === 'question')
    say({ id: asking, result: text(`the client says ${JSON.stringify(message.result)}`) })
})

let held: Message['id']

function call(id: Message['id'], params: Message['params']): unknown {
  const args = params?.arguments ?? {}
  switch (params?.name) {
    case 'hang':
    case 'late':
      return (held = id)
    case 'crash':
      return process.exit(7)
    case 'task':
      return say({ id, result: { task: { taskId: 'task-1', status: 'working' }, by: 'ann@example.com' } })
    case 'input':
      return say({
        id,
        result:
          params.requestState === undefined
            ? { resultType: 'input_required', inputRequests: QUESTION, requestState: 'for ann@example.com' }
            : text(`the state is ${params.requestState}`),
      })
    case 'logs':
      say({ method: 'notifications/message', params: { level: 'info', data: 'seen ann@example.com' } })
      return say({ id, result: text('logged') })
    case 'asks':
      asking = id
      return say({ id: 'question', method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } })
    case 'batch':
      // Its own answer, a question of its own and a change that it tells, in one.
      return process.stdout.write(
        `${JSON.stringify([
          { jsonrpc: '2.0', id, result: { content: [{ type: 'text', text: 'canary' }] } },
          { jsonrpc: '2.0', id: 'theirs', method: 'sampling/createMessage', params: { canary: 1 } },
          { jsonrpc: '2.0', method: 'notifications/message', params: { data: 'canary' } },
        ])}\n`,
      )
    case 'junk':
      process.stdout.write('no JSON at all\n[]\nnull\n{"jsonrpc":"2.0","id":"else","result":{}}\n')
      process.stdout.write(`{"jsonrpc":"2.0","id":${Number(id) + 1},"result":{}}\n`)
      return say({ id, result: text('after junk') })
    case 'numbers':
      return process.stdout.write(
        `{"jsonrpc":"2.0","id":${String(id)},"result":{"content":[],"structuredContent":{"n":12345678901234567890}}}\n`,
      )
    case 'fails':
      return say({ id, error: { code: -32000, message: 'no mailbox ann@example.com' } })
    case 'bytes':
      return say({ id, result: text('x'.repeat(Number(args['bytes']))) })
    case 'env':
      return say({ id, result: text(JSON.stringify(Object.keys(process.env))) })
    default:
      return say({ id, result: text(args['text'] as string) })
  }
}
