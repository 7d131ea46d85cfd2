// The suite's client can send no API key: this puts one into each request and passes all else on as it is, both ways,
// streams and Host and Origin included. It decides nothing: what is to be refused, the gateway must refuse.
import { createServer, request as send, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type RelayTarget = { url: string; apiKey: string }

export type Relay = AsyncDisposable & {
  /** Name and port under which the suite finds it: the gateway must take them for its own. */
  host: string
  /** Says where requests go from now on; returns the URL that leads there. */
  leadTo(target: RelayTarget): string
}

export async function startRelay(port = 0): Promise<Relay> {
  let target: RelayTarget | undefined
  const server = createServer((request, response) => {
    if (target === undefined) response.writeHead(503).end()
    else pass(target, request, response)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    host,
    leadTo(wanted) {
      target = wanted
      return `http://${host}${new URL(wanted.url).pathname}`
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function pass({ url, apiKey }: RelayTarget, request: IncomingMessage, response: ServerResponse): void {
  const { hostname, port } = new URL(url)
  const headers = [...request.rawHeaders, 'x-api-key', apiKey]
  const onward = send({ hostname, port, method: request.method, path: request.url, headers })
  onward.on('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.statusMessage, answer.rawHeaders)
    // A stream may stay silent for long; its headers must not wait for its first byte.
    response.flushHeaders()
    answer.pipe(response)
    answer.on('error', () => response.destroy())
  })
  onward.on('error', () => {
    if (response.headersSent) response.destroy()
    else response.writeHead(502).end()
  })
  response.on('close', () => onward.destroy())
  request.on('error', () => onward.destroy())
  request.pipe(onward)
}
