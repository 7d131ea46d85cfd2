import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { httpUpstream } from '../src/upstreams/http.ts'
import type { Upstream } from '../src/upstreams/upstream.ts'

type Message = { id?: number; method: string }
type Respond = (message: Message, response: ServerResponse, request: IncomingMessage) => void

const open: AsyncDisposable[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each[Symbol.asyncDispose]()))
})

/** A server that shakes hands, and answers the rest as told. */
async function upstreamThat(
  respond: Respond,
  session?: string,
): Promise<{ upstream: Upstream; seen: Message[] }> {
  const seen: Message[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const message = JSON.parse(Buffer.concat(chunks).toString()) as Message
      seen.push(message)
      if (message.method === 'initialize') {
        if (session !== undefined) response.setHeader('mcp-session-id', session)
        json(response, { id: message.id, result: { protocolVersion: '2025-11-25' } })
      } else if (message.id === undefined) response.writeHead(202).end()
      else respond(message, response, request)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const upstream = httpUpstream({
    slug: 'up',
    url: `http://127.0.0.1:${port}/mcp`,
    headers: { 'x-secret': 's' },
  })
  open.push(upstream, {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  })
  return { upstream, seen }
}

const json = (response: ServerResponse, message: object) =>
  response
    .writeHead(200, { 'content-type': 'application/json' })
    .end(JSON.stringify({ jsonrpc: '2.0', ...message }))
const send = (upstream: Upstream, timeoutMs = 2_000, signal?: AbortSignal) =>
  upstream.send('tools/call', { name: 'x' }, { timeoutMs, ...(signal === undefined ? {} : { signal }) })

describe('an answer', () => {
  test('comes as JSON, and the session’s headers go along', async () => {
    const { upstream } = await upstreamThat(
      ({ id }, response, request) => json(response, { id, result: { headers: request.headers } as object }),
      'session-1',
    )
    await expect(send(upstream)).resolves.toMatchObject({
      result: {
        headers: { 'mcp-session-id': 'session-1', 'mcp-protocol-version': '2025-11-25', 'x-secret': 's' },
      },
    })
  })

  test('comes among other events, cut anywhere, and the stream is not waited for', async () => {
    const { upstream } = await upstreamThat(({ id }, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const text =
        ': hello\n\ndata: {"jsonrpc":"2.0","method":"notifications/progress"}\n\n' +
        `data: {"jsonrpc":"2.0","id":"${id}","result":{"of":"another"}}\n\n` +
        `event: message\ndata: {"jsonrpc":"2.0",\ndata: "id":${id},"result":{"text":"é"}}\n\n`
      const bytes = Buffer.from(text)
      for (let at = 0; at < bytes.length; at += 7) response.write(bytes.subarray(at, at + 7))
    })
    await expect(send(upstream)).resolves.toEqual({ result: { text: 'é' } })
    await expect(send(upstream)).resolves.toEqual({ result: { text: 'é' } })
  })

  test('keeps its numbers as they are written', async () => {
    const numbers = '[12345678901234567890,0.12345678901234567890,1e400,1.0,-0,42]'
    const { upstream } = await upstreamThat(({ id }, response) =>
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(`{"jsonrpc":"2.0","id":${id},"result":{"structuredContent":{"numbers":${numbers}}}}`),
    )
    expect(JSON.stringify(await send(upstream))).toContain(`"numbers":${numbers}`)
  })

  test('may be an error, which is passed on', async () => {
    const { upstream } = await upstreamThat(({ id }, response) =>
      json(response, { id, error: { code: -5, message: 'no' } }),
    )
    await expect(send(upstream)).resolves.toEqual({ error: { code: -5, message: 'no' } })
  })
})

describe('no answer', () => {
  test.for([
    ['another status', (_message, response) => response.writeHead(500).end('secret detail'), /status 500/],
    [
      'no JSON',
      (_message, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{'),
      /status 200 and no MCP result/,
    ],
    ['neither result nor error', ({ id }, response) => json(response, { id }), /no MCP result/],
    [
      'the result of another call',
      (_message, response) => json(response, { id: 'x', result: {} }),
      /no MCP result/,
    ],
    [
      'a list',
      (_message, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('[]'),
      /no MCP result/,
    ],
    [
      'a stream that ends',
      (_message, response) => response.writeHead(200, { 'content-type': 'text/event-stream' }).end(),
      /no MCP result/,
    ],
    ['a broken connection', (_message, response) => response.socket?.destroy(), /cannot be reached/],
    [
      'a body that breaks off',
      (_message, response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' }).write('{')
        setTimeout(() => response.socket?.destroy(), 20)
      },
      /broke off/,
    ],
  ] as [string, Respond, RegExp][])('%s is said', async ([, respond, said]) => {
    const { upstream } = await upstreamThat(respond)
    await expect(send(upstream)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringMatching(said),
    })
  })

  test('in time, before or after the headers, is said', async () => {
    const { upstream } = await upstreamThat(() => undefined)
    await expect(send(upstream, 100)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    const trickle = await upstreamThat((_message, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const timer = setInterval(() => response.write(' '), 10)
      response.on('close', () => clearInterval(timer))
    })
    await expect(send(trickle.upstream, 150)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  })

  test('is waited for no longer when the client goes away, and the upstream is told by the closed connection', async () => {
    const closed = Promise.withResolvers<void>()
    const { upstream } = await upstreamThat(
      (_message, response) => void response.on('close', () => closed.resolve()),
    )
    const gone = new AbortController()
    setTimeout(() => gone.abort(), 50)
    await expect(send(upstream, 5_000, gone.signal)).rejects.toMatchObject({
      message: 'The client went away.',
    })
    await closed.promise
  })

  test('from where nobody listens is said', async () => {
    const upstream = httpUpstream({ slug: 'nowhere', url: 'http://127.0.0.1:9/mcp', headers: {} })
    open.push(upstream)
    await expect(send(upstream)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: 'The upstream nowhere cannot be reached.',
    })
  })
})

test('an answer without end is cut off', async () => {
  const { upstream } = await upstreamThat((_message, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(1 << 20, 32)));
    }
    response.on('drain', more)
    more()
  })
  await expect(send(upstream, 10_000)).rejects.toMatchObject({
    message: expect.stringContaining('more than'),
  })
})

test('a session that is gone is begun anew, and the call is sent once more', async () => {
  let first = true
  const { upstream, seen } = await upstreamThat(({ id }, response) => {
    if (first) response.writeHead(404).end()
    else json(response, { id, result: {} })
    first = false
  }, 'session-1')
  await expect(send(upstream)).resolves.toEqual({ result: {} })
  expect(seen.map((message) => message.method)).toEqual([
    'initialize',
    'notifications/initialized',
    'tools/call',
    'initialize',
    'notifications/initialized',
    'tools/call',
  ])
})

test('many calls at once each get their own answer', async () => {
  const { upstream } = await upstreamThat(
    ({ id }, response) => void setTimeout(() => json(response, { id, result: { id } }), Math.random() * 20),
  )
  await send(upstream)
  const answers = await Promise.all(Array.from({ length: 200 }, () => send(upstream)))
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(200)
})
