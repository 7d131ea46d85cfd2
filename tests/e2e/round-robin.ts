// A proxy in front of several gateways that gives each request to the next one, whoever sends it: nothing that a client
// does stays at one instance. One that cannot be connected to is passed over. The host and all else stays as it was sent.
import { createServer, request as send, type IncomingMessage, type ServerResponse } from 'node:http'

export type RoundRobin = AsyncDisposable & {
  /** How many requests each has been given. */
  given(): number[]
}

export async function startRoundRobin(port: number, backends: number[]): Promise<RoundRobin> {
  const given = backends.map(() => 0)
  let next = 0
  const server = createServer((request, response) => {
    void readAll(request).then((body) => pass(request, response, body, backends.length))
  })
  const pass = (request: IncomingMessage, response: ServerResponse, body: Buffer, tries: number) => {
    const index = next++ % backends.length
    const onward = send({
      host: '127.0.0.1',
      port: backends[index],
      method: request.method,
      path: request.url,
      headers: request.rawHeaders,
    })
    let isConnected = false
    onward.on('socket', (socket) => {
      if (socket.connecting) socket.once('connect', () => (isConnected = true))
      else isConnected = true
    })
    onward.on('response', (answer) => {
      given[index] = (given[index] ?? 0) + 1
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
      response.flushHeaders()
      answer.pipe(response)
      answer.on('error', () => response.destroy())
    })
    onward.on('error', () => {
      // What was sent may have been done: only what never arrived anywhere is sent again.
      if (!isConnected && tries > 1) return pass(request, response, body, tries - 1)
      if (response.headersSent) response.destroy()
      else response.writeHead(502).end()
    })
    response.on('close', () => onward.destroy())
    onward.end(body)
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    given: () => [...given],
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
