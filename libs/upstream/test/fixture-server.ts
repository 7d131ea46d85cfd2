// A small MCP server over stdio that can misbehave on request. Its eras: `--era legacy|modern|both`. What it does when it
// is asked who it is before `initialize`: `--probe refuse|ignore|die|leave|sulk` (leave: refuse, then end; sulk: refuse, then
// refuse `initialize` too). `--slow MS`: starts slowly. `--deaf`: ignores
// the end of its input and SIGTERM.
import { spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'

type Params = {
  name?: string
  arguments?: { text?: string }
  _meta?: { progressToken?: unknown } & Record<string, unknown>
  notifications?: object
  requestId?: unknown
}
type Message = { id?: unknown; method?: string; params?: Params; result?: unknown; error?: unknown }

const { values } = parseArgs({
  options: {
    era: { type: 'string', default: 'legacy' },
    probe: { type: 'string', default: 'refuse' },
    slow: { type: 'string', default: '0' },
    deaf: { type: 'boolean', default: false },
  },
})
const ORPHAN = `const child = require('node:child_process').spawn('/bin/sleep', ['1000'], { stdio: 'ignore', detached: true })
child.unref()
console.log(child.pid)`
const isLegacy = values.era !== 'modern'
const isModern = values.era !== 'legacy'
const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId'

let isSpoiled = false
const heard: Message[] = []
const subscriptions: unknown[] = []
const say = (message: object) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
const refuse = (id: unknown) => say({ id, error: { code: -32601, message: 'no such method' } })

if (values.deaf) {
  process.on('SIGTERM', () => undefined)
  setInterval(() => undefined, 1_000)
}
setTimeout(() => {
  createInterface({ input: process.stdin }).on('line', (line) => hear(JSON.parse(line) as Message))
}, Number(values.slow))

function hear(message: Message): unknown {
  heard.push(message)
  const { id, method, params } = message
  switch (method) {
    case 'initialize':
      return isLegacy && !isSpoiled
        ? say({
            id,
            result: {
              protocolVersion: '2025-11-25',
              capabilities: { tools: { listChanged: true }, resources: { subscribe: true } },
              serverInfo: { name: 'fixture', version: '1' },
            },
          })
        : refuse(id)
    case 'server/discover':
      if (isModern)
        return say({ id, result: { supportedVersions: ['2026-07-28'], capabilities: { tools: {} } } })
      if (values.probe === 'die') return process.exit(4)
      if (values.probe === 'ignore') return undefined
      isSpoiled = values.probe === 'sulk'
      refuse(id)
      return values.probe === 'leave' ? setTimeout(() => process.exit(4), 10) : undefined
    case 'subscriptions/listen':
      subscriptions.push(id)
      return say({
        method: 'notifications/subscriptions/acknowledged',
        params: { _meta: { [SUBSCRIPTION]: id }, notifications: params?.notifications },
      })
    case 'tools/list':
      return say({ id, result: { tools: ['echo', 'crash', 'hang', 'env'].map((name) => ({ name })) } })
    case 'tools/call':
      return call(id, params ?? {})
    default:
      return id === undefined || method === undefined ? undefined : say({ id, result: {} })
  }
}

function call(id: unknown, params: Params): unknown {
  const text = params.arguments?.text ?? ''
  const answer = (said: string) => say({ id, result: { content: [{ type: 'text', text: said }] } })
  const progressToken = params._meta?.progressToken
  switch (params.name) {
    case 'crash':
      process.stderr.write('first line\nlast words\n')
      return process.exit(3)
    case 'hang':
      return undefined
    case 'deafen':
      process.stdin.pause()
      setInterval(() => undefined, 1_000)
      return answer(text)
    case 'batch':
      process.stdout.write(
        `${JSON.stringify([
          { jsonrpc: '2.0', id, result: { content: [] } },
          { jsonrpc: '2.0', id: 'theirs', method: 'sampling/createMessage', params: {} },
        ])}\n`,
      )
      return undefined
    case 'nonsense':
      process.stdout.write(
        'this is no JSON\n\n{"jsonrpc":"2.0","id":"somebody else","result":{}}\n[]\nnull\n',
      )
      return answer('after nonsense')
    case 'neither':
      return say({ id })
    case 'env':
      return answer(JSON.stringify(process.env))
    case 'pid':
      return answer(String(process.pid))
    case 'heard':
      return answer(JSON.stringify(heard))
    case 'separators':
      return process.stdout.write(
        `\r\n{"jsonrpc":"2.0","id":${String(id)},\r"result":{"content":[{"type":"text","text":"a\u0085b\u2028c\u2029d"}]}}\r\n`,
      )
    case 'endless': {
      const part = 'x'.repeat(1024 * 1024)
      const more = () => process.stdout.write(part, more)
      return more()
    }
    case 'asks':
      say({ id: 'q1', method: 'sampling/createMessage', params: { text } })
      return setTimeout(() => answer(JSON.stringify(heard.find((each) => each.id === 'q1'))), 50)
    case 'tells':
      say({ method: 'notifications/progress', params: { progressToken, progress: 1, text } })
      say({ method: 'notifications/progress', params: { progressToken: 'of nobody', progress: 2 } })
      say({ method: 'notifications/message', params: { data: text } })
      return setTimeout(() => answer(text), 20)
    case 'changes':
      say({ method: 'notifications/tools/list_changed' })
      for (const each of subscriptions)
        say({ method: 'notifications/tools/list_changed', params: { _meta: { [SUBSCRIPTION]: each } } })
      return answer(text)
    case 'ends':
      for (const each of subscriptions.splice(0))
        say({ method: 'notifications/cancelled', params: { requestId: each } })
      return answer(text)
    case 'child':
      return answer(String(spawn('sleep', ['1000'], { stdio: 'ignore' }).pid))
    case 'escapes': {
      // In a session of its own; `bare`: without our environment; `orphan`: its parent is gone, too.
      if (text === 'orphan') return answer(spawnSync(process.execPath, ['-e', ORPHAN]).stdout.toString())
      const env = text === 'bare' ? {} : process.env
      return answer(String(spawn('/bin/sleep', ['1000'], { stdio: 'ignore', detached: true, env }).pid))
    }
    case 'later':
      setTimeout(() => say({ method: 'notifications/message', params: { data: text } }), 50)
      return answer(text)
    default:
      return answer(text)
  }
}
