// Real servers that events are forwarded to: a webhook and a syslog server, which do as the test says.
import { once } from 'node:events'
import { createServer as createHttps, type Server as HttpsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { createServer as createTls, type TLSSocket } from 'node:tls'

type TlsFiles = { cert: string; key: string }

export type Received = { headers: Record<string, string>; body: string }

export type WebhookServer = AsyncDisposable & {
  url: string
  port: number
  requests: Received[]
  /** Of all requests that were answered with 2xx, in their order. */
  events(): Record<string, unknown>[]
  /** The status of the answer; or nothing, then it keeps the asker waiting. */
  answers: (request: Received) => { status: number; location?: string } | undefined
}

export async function webhookServer(tls: TlsFiles, port = 0): Promise<WebhookServer> {
  const requests: Received[] = []
  const taken: Received[] = []
  const server: HttpsServer = createHttps(tls, (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const received = {
        headers: request.headers as Record<string, string>,
        body: Buffer.concat(chunks).toString(),
      }
      requests.push(received)
      const answer = receiver.answers(received)
      if (answer === undefined) return
      if (answer.status < 300) taken.push(received)
      response.writeHead(answer.status, answer.location === undefined ? {} : { location: answer.location })
      response.end()
    })
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const at = (server.address() as AddressInfo).port
  const receiver: WebhookServer = {
    url: `https://localhost:${at}/events`,
    port: at,
    requests,
    events: () => taken.flatMap(({ headers, body }) => eventsIn(headers['content-type'] ?? '', body)),
    answers: () => ({ status: 204 }),
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
  return receiver
}

function eventsIn(type: string, body: string): Record<string, unknown>[] {
  if (type === 'application/json') return JSON.parse(body) as Record<string, unknown>[]
  return body
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

export type SyslogServer = AsyncDisposable & {
  port: number
  /** Messages without their frames. */
  messages: string[]
  connections: Set<TLSSocket>
  /** Whether it reads what it is sent. */
  reads: boolean
}

/** Takes octet-counted messages, and ends a connection whose framing is wrong by a single byte. */
export async function syslogServer(tls: TlsFiles, port = 0): Promise<SyslogServer> {
  const messages: string[] = []
  const connections = new Set<TLSSocket>()
  const server = createTls(tls, (socket) => {
    connections.add(socket)
    socket.on('error', () => undefined).on('close', () => connections.delete(socket))
    let rest: Buffer = Buffer.alloc(0)
    if (!receiver.reads) return void socket.pause()
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk])
      const taken = framesIn(rest)
      if (taken === undefined) return socket.destroy()
      messages.push(...taken.messages)
      rest = taken.rest
    })
  })
  server.on('tlsClientError', () => undefined)
  // Below TLS: one that does not read does not hear that it is to end.
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const receiver: SyslogServer = {
    port: (server.address() as AddressInfo).port,
    messages,
    connections,
    reads: true,
    async [Symbol.asyncDispose]() {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
  return receiver
}

function framesIn(bytes: Buffer): { messages: string[]; rest: Buffer } | undefined {
  const messages: string[] = []
  let rest = bytes
  for (;;) {
    const head = /^([1-9]\d{0,8}) /.exec(rest.subarray(0, 12).toString('latin1'))
    if (head === null)
      return rest.length > 11 || !/^\d*$/.test(rest.toString('latin1')) ? undefined : { messages, rest }
    const start = head[0].length
    const end = start + Number(head[1])
    if (rest.length < end) return { messages, rest }
    messages.push(rest.subarray(start, end).toString())
    rest = rest.subarray(end)
  }
}
