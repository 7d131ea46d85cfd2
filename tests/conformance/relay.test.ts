import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { startRelay, type Relay } from './relay.ts'

let relay: Relay
let url: string
let answer: (request: IncomingMessage, response: ServerResponse) => void
const target = createServer((request, response) => answer(request, response))

beforeAll(async () => {
  await once(target.listen(0, '127.0.0.1'), 'listening')
  const { port } = target.address() as AddressInfo
  relay = await startRelay()
  url = relay.leadTo({ url: `http://127.0.0.1:${port}/mcp/conformance`, apiKey: 'the-key' })
})
beforeEach(() => {
  answer = (_request, response) => response.end()
})
afterAll(async () => {
  await relay[Symbol.asyncDispose]()
  target.close()
})

test('adds the key and changes nothing else of a request', async () => {
  let seen: { method: string | undefined; url: string | undefined; headers: object; body: string } | undefined
  answer = (received, response) => {
    void text(received).then((body) => {
      seen = { method: received.method, url: received.url, headers: received.headers, body }
      response.writeHead(418, { 'mcp-session-id': 'abc' }).end('short and stout')
    })
  }
  const headers = { host: 'evil.example.com', origin: 'http://evil.example.com', 'mcp-name': 'a' }
  const sent = request(url, { method: 'POST', headers }).end('{"jsonrpc":"2.0"}')
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  expect(seen).toMatchObject({ method: 'POST', url: '/mcp/conformance', body: '{"jsonrpc":"2.0"}' })
  expect(seen?.headers).toMatchObject({ ...headers, 'x-api-key': 'the-key' })
  expect(response.statusCode).toBe(418)
  expect(response.headers['mcp-session-id']).toBe('abc')
  expect(await text(response)).toBe('short and stout')
})

test('a stream passes piece by piece, and its end by the client is its end at the server', async () => {
  const gone = new Promise<void>((resolve) => {
    answer = (_received, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: first\n\n')
      response.once('close', resolve)
    }
  })
  const leave = new AbortController()
  const response = await fetch(url, { signal: leave.signal })
  const first = await (response.body as ReadableStream<Uint8Array>).getReader().read()
  expect(new TextDecoder().decode(first.value)).toBe('data: first\n\n')
  leave.abort()
  await gone
})

test('headers of a stream that says nothing yet arrive', async () => {
  answer = (_received, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
  }
  const leave = new AbortController()
  const response = await fetch(url, { signal: leave.signal })
  expect(response.status).toBe(200)
  leave.abort()
})

test('a server that breaks off or is not there is a broken answer, never a made-up one', async () => {
  answer = (received) => void received.socket.destroy()
  expect((await fetch(url)).status).toBe(502)
  await using toNowhere = await startRelay()
  expect((await fetch(`http://${toNowhere.host}/`)).status).toBe(503)
  expect((await fetch(toNowhere.leadTo({ url: 'http://127.0.0.1:9/mcp', apiKey: 'the-key' }))).status).toBe(
    502,
  )
})

async function text(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
