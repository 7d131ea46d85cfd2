// HTTP/1.1 written by hand on a socket: what no HTTP library would send, and all that comes back of it.
import { connect } from 'node:net'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'

export type RawRequest = {
  method: string
  path: string
  /** As they are written; a list is sent as one line each. */
  headers: Record<string, string | string[]>
  body: Buffer
}

export type RawAnswer = {
  /** Undefined when the connection was closed without an answer. */
  status: number | undefined
  headers: Record<string, string>
  body: string
  /** The messages in the body, be it JSON or an event stream. */
  messages: JsonObject[]
}

/** An answer that is still open after this is taken as it is: an event stream has no end. */
const OPEN_FOR_MS = 1_500
const ANSWERED_WITHIN_MS = 10_000

export async function sendRaw(port: number, request: RawRequest): Promise<RawAnswer> {
  const received = await exchange(port, Buffer.concat([Buffer.from(headOf(request, port)), request.body]))
  return read(received)
}

function headOf({ method, path, headers, body }: RawRequest, port: number): string {
  const names = new Set(Object.keys(headers).map((name) => name.toLowerCase()))
  const implied: [string, string][] = [
    ['host', `127.0.0.1:${port}`],
    ['connection', 'close'],
    ...(method === 'GET' || names.has('transfer-encoding')
      ? []
      : [['content-length', String(body.length)] as [string, string]]),
  ]
  const all = [
    ...implied.filter(([name]) => !names.has(name)),
    ...Object.entries(headers).flatMap(([name, value]) =>
      [value].flat().map((each) => [name, each] as const),
    ),
  ]
  return `${method} ${path} HTTP/1.1\r\n${all.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
}

function exchange(port: number, bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    const late = setTimeout(() => {
      socket.destroy()
      if (chunks.length === 0) reject(new Error(`no answer within ${ANSWERED_WITHIN_MS} ms`))
    }, ANSWERED_WITHIN_MS)
    let open: NodeJS.Timeout | undefined
    socket.on('data', (chunk) => {
      chunks.push(chunk)
      open ??= setTimeout(() => socket.destroy(), OPEN_FOR_MS)
    })
    // A reset after the answer, because of a body that nobody read, is no failure.
    socket.on('error', () => undefined)
    socket.on('close', () => {
      clearTimeout(late)
      clearTimeout(open)
      resolve(Buffer.concat(chunks))
    })
  })
}

function read(received: Buffer): RawAnswer {
  const text = received.toString()
  const end = text.indexOf('\r\n\r\n')
  const [statusLine = '', ...lines] = text.slice(0, Math.max(end, 0)).split('\r\n')
  const status = /^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1]
  if (status === undefined) return { status: undefined, headers: {}, body: text, messages: [] }
  const headers = Object.fromEntries(
    lines.map((line) => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim(),
    ]),
  )
  const rest = text.slice(end + 4)
  const body = headers['transfer-encoding'] === 'chunked' ? unchunked(rest) : rest
  return { status: Number(status), headers, body, messages: messagesIn(body) }
}

/** Sizes count bytes and texts letters: good for answers of ASCII, which is what the cases get. */
function unchunked(text: string): string {
  let body = ''
  for (let rest = Buffer.from(text); ;) {
    const line = rest.indexOf('\r\n')
    const size = line < 0 ? 0 : Number.parseInt(rest.subarray(0, line).toString(), 16)
    if (!(size > 0)) return body
    body += rest.subarray(line + 2, line + 2 + size).toString()
    rest = rest.subarray(line + 4 + size)
  }
}

export function messagesIn(body: string): JsonObject[] {
  const texts = body.startsWith('{') ? [body] : body.split('\n\n').map(dataOf)
  return texts.flatMap((text) => {
    try {
      const message = JSON.parse(text) as JsonValue
      return typeof message === 'object' && message !== null && !Array.isArray(message) ? [message] : []
    } catch {
      return []
    }
  })
}

function dataOf(event: string): string {
  return event
    .split('\n')
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice(5).trimStart())
    .join('\n')
}
