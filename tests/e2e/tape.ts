// What a client received, message by message, as it came over the wire: before any SDK has made something of it.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Json } from './mcp-wire.ts'

export type Taped = {
  message: Json
  /** HTTP: of the response that carried it. */
  status?: number
  /** `request`: on the response to something that the client sent; `aside`: on a stream of its own; `pipe`: no HTTP. */
  on: 'request' | 'aside' | 'pipe'
  /** The number, in the order of sending, of the request on whose response it came. */
  request?: number
}

export type Tape = {
  /** What came since it was last taken. */
  take(): Taped[]
  heard(): readonly Taped[]
}

type Recorder = Tape & { add(taped: Taped): void }

function openTape(): Recorder {
  let heard: Taped[] = []
  return {
    add: (taped) => void heard.push(taped),
    heard: () => heard,
    take() {
      const taken = heard
      heard = []
      return taken
    },
  }
}

/** A `fetch` that writes down every message in the bodies it hands out. */
export function tapedFetch(): { fetch: typeof fetch; tape: Tape } {
  const tape = openTape()
  /** On which response an event came: a stream that is resumed is the same one. */
  const streams = new Map<string, Pick<Taped, 'on' | 'request'>>()
  let requests = 0
  return {
    tape,
    async fetch(input, init) {
      const resumed = new Headers(init?.headers).get('last-event-id')
      const place: Pick<Taped, 'on' | 'request'> =
        init?.method === 'POST'
          ? { on: 'request', request: requests++ }
          : (resumed && streams.get(resumed)) || { on: 'aside' }
      const response = await fetch(input, init)
      if (response.body === null) return response
      const reader = messageReader(
        response.headers.get('content-type') ?? '',
        (message) => tape.add({ message, status: response.status, ...place }),
        (id) => void streams.set(id, place),
      )
      const body = response.body.pipeThrough(
        new TransformStream<Uint8Array, Uint8Array>({
          transform(chunk, controller) {
            reader.take(Buffer.from(chunk).toString('latin1'))
            controller.enqueue(chunk)
          },
          flush: () => reader.end(),
        }),
      )
      return new Response(body, response)
    },
  }
}

/** Takes text whose letters are bytes, so that none is cut in two. */
function messageReader(contentType: string, onMessage: (message: Json) => void, onId: (id: string) => void) {
  let unread = ''
  const say = (bytes: string) => {
    const text = Buffer.from(bytes, 'latin1').toString()
    if (text.trim() !== '') [JSON.parse(text) as Json | Json[]].flat().forEach(onMessage)
  }
  if (!contentType.startsWith('text/event-stream'))
    return {
      take: (text: string) => void (unread += text),
      end: () => (contentType.startsWith('application/json') ? say(unread) : undefined),
    }
  return {
    take(text: string) {
      unread += text.replaceAll('\r', '')
      const events = unread.split('\n\n')
      unread = events.pop() ?? ''
      for (const event of events) {
        const lines = event.split('\n')
        const valuesOf = (field: string) =>
          lines
            .filter((line) => line.startsWith(`${field}:`))
            .map((line) => line.slice(field.length + 1).trimStart())
        valuesOf('id').forEach(onId)
        say(valuesOf('data').join('\n'))
      }
    },
    end: () => undefined,
  }
}

export type Command = { command: string; args: string[]; env?: Record<string, string> }

/** As the transports of either SDK. */
export type TapedPipe = {
  start(): Promise<void>
  send(message: object): Promise<void>
  close(): Promise<void>
  onmessage?: (message: never) => void
  onclose?: () => void
  onerror?: (error: Error) => void
}

/** A server as a process, and what it writes. It sees of our environment what a server of the gateway sees. */
export function tapedPipe({ command, args, env = {} }: Command): { transport: TapedPipe; tape: Tape } {
  const tape = openTape()
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { PATH: process.env['PATH'] ?? '', ...env },
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const transport: TapedPipe = {
    start() {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const message = JSON.parse(line) as Json
        tape.add({ message, on: 'pipe' })
        transport.onmessage?.(message as never)
      })
      child.once('error', (error) => transport.onerror?.(error))
      child.once('close', () => transport.onclose?.())
      return Promise.resolve()
    },
    send: (message) =>
      new Promise((resolve, reject) =>
        child.stdin.write(`${JSON.stringify(message)}\n`, (error) => (error ? reject(error) : resolve())),
      ),
    async close() {
      child.stdin.end()
      const late = setTimeout(() => child.kill('SIGKILL'), 2_000)
      await ended
      clearTimeout(late)
    },
  }
  return { transport, tape }
}
