// `mcpshield wrap` as a client sees it that can say anything, line by line.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { bin, folder } from './command.ts'

export type Message = {
  id?: unknown
  method?: string
  params?: { [key: string]: unknown }
  result?: { [key: string]: unknown }
  error?: { code: number; message: string; data?: unknown }
}

/** Much is open, a little is not. */
export const open = `version: 1
rules:
  - { id: no-hidden, tool: box/hidden, decision: deny }
  - { id: write, tool: box/write, decision: ask }
  - { id: any, tool: 'box/*', decision: allow }
  - { id: resources, method: 'resources/*', tool: 'box/*', decision: allow, conditions: { path_prefix: /open } , redact: [email] }
  - { id: prompts, method: prompts/get, tool: box/open, decision: allow }
`

/** The first text of a result. */
export const textOf = ({ result }: Message) => (result?.['content'] as { text: string }[])[0]?.text
/** The decision that a refusal carries. */
export const decisionOf = ({ result }: Message) =>
  (result?.['_meta'] as { 'io.mcpshield/decision': object } | undefined)?.['io.mcpshield/decision']

export const fixture = join(import.meta.dirname, 'fixture-server.ts')

/** Starts it in front of the fixture server, or of another command. */
export function wrapped(
  policy: string,
  args: string[] = [],
  command?: string[],
  env: Record<string, string> = {},
) {
  const files = folder({ 'policy.yaml': policy })
  const received = files.path('received')
  const child = spawn(
    process.execPath,
    [
      ...[bin, 'wrap', '--policy', files.path('policy.yaml'), '--name', 'box'],
      // What is asked of the server on our own behalf would stand among what it got.
      ...(args.includes('--pins') ? [] : ['--pins', 'none']),
      ...args,
      ...['--', ...(command ?? [process.execPath, fixture, received])],
    ],
    { env: { PATH: process.env['PATH'], MCPSHIELD_TOKEN: 'ours', THEIRS: 'yes', ...env } },
  )
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  child.stdin.on('error', () => undefined)
  const messages: Message[] = []
  const waiting: { wanted: (message: Message) => boolean; resolve: (message: Message) => void }[] = []
  createInterface({ input: child.stdout }).on('line', (line) => {
    // Whatever is not JSON breaks the client, as it would break every other.
    const message = JSON.parse(line) as Message
    messages.push(message)
    for (const each of waiting.filter(({ wanted }) => wanted(message))) each.resolve(message)
  })
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | string)

  const client = {
    child,
    messages,
    ended,
    path: (name: string) => files.path(name),
    stderr: () => stderr,
    /** All that the server got, as it came. */
    received: () => (existsSync(received) ? readFileSync(received, 'utf8') : ''),
    send(line: object | string | Buffer): void {
      child.stdin.write(
        typeof line === 'string' || line instanceof Buffer
          ? line
          : JSON.stringify({ jsonrpc: '2.0', ...line }),
      )
      child.stdin.write('\n')
    },
    /** The first message, past or to come, that is wanted. */
    async wait(wanted: (message: Message) => boolean): Promise<Message> {
      return messages.find(wanted) ?? new Promise((resolve) => waiting.push({ wanted, resolve }))
    },
    async ask(id: unknown, method: string, params?: object): Promise<Message> {
      client.send({ id, method, ...(params === undefined ? {} : { params }) })
      return client.wait((message) => message.id === id && message.method === undefined)
    },
    call: (id: unknown, name: string, args?: object) =>
      client.ask(id, 'tools/call', { name, ...(args === undefined ? {} : { arguments: args }) }),
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await ended
      files[Symbol.dispose]()
    },
  }
  return client
}
