// The old HTTP+SSE transport: one stream down, POSTs to the endpoint that it names.
import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Message } from '@mcpshield/mcp/messages'
import { event, events, scriptedServer, type ScriptedServer, type Seen } from './scripted-server.ts'
import { call, connect, speakerOf, within } from './speakers.ts'

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]()
})

type Say = (message: object) => void

/** A server of the old transport. */
async function oldServer(
  respond: (seen: Seen, say: Say, stream: ServerResponse) => void,
  endpoint = '/messages?session=1',
): Promise<ScriptedServer> {
  let stream: ServerResponse | undefined
  const server = await scriptedServer((seen, response) => {
    const { verb, path, message } = seen
    if (verb === 'GET' && path === '/mcp') {
      stream = events(response)
      return void stream.write(`event: endpoint\ndata: ${endpoint}\n\n`)
    }
    if (verb !== 'POST' || path === '/mcp' || stream === undefined) return void response.writeHead(405).end()
    response.writeHead(202).end('Accepted')
    const to = stream
    const say: Say = (said) => void to.write(`event: message\n${event(said)}`)
    if (message.method === 'initialize')
      return say({
        id: message.id,
        result: { protocolVersion: '2024-11-05', capabilities: {}, serverInfo: {} },
      })
    respond(seen, say, to)
  })
  open.push(server)
  return server
}

async function start(server: ScriptedServer, transport: 'sse' | 'http') {
  const upstream = connect(server.url, { transport })
  open.push(upstream)
  return upstream
}

describe.for(['sse', 'http'] as const)('an upstream of the old transport, set up as %s', (transport) => {
  test('is spoken with, by clients of either era', async () => {
    const server = await oldServer(({ message: { id, params } }, say) => say({ id, result: { ...params } }))
    const upstream = await start(server, transport)
    for (const era of ['legacy', 'modern'] as const) {
      const peer = await upstream.peer(speakerOf(era))
      expect(peer).toMatchObject({ era: 'legacy', server: { protocolVersion: '2024-11-05' } })
      await expect(call(peer, 'one')).resolves.toMatchObject({ result: { name: 'one' } })
    }
    const posts = server.seen.filter(({ path }) => path === '/messages?session=1')
    expect(posts[0]?.headers).toMatchObject({ 'x-secret': 's', 'content-type': 'application/json' })
  })
})

test('many calls at once each get their own answer, and what is told meanwhile', async () => {
  const server = await oldServer(({ message: { id, params, method } }, say) => {
    if (method !== 'tools/call') return
    const { progressToken } = params?.['_meta'] as { progressToken: number }
    setTimeout(() => {
      say({ method: 'notifications/progress', params: { progressToken, progress: 1 } })
      say({ id, result: { name: params?.['name'] } })
    }, Math.random() * 20)
  })
  const peer = await (await start(server, 'sse')).peer(speakerOf('legacy'))
  const names = Array.from({ length: 50 }, (_, index) => `call-${index}`)
  const told: [string, Message][] = []
  const answers = await Promise.all(
    names.map((name) =>
      peer.request(
        'tools/call',
        { name, _meta: { progressToken: name } },
        {
          ...within,
          onNotification: (message) => void told.push([name, message]),
        },
      ),
    ),
  )
  expect(answers).toEqual(names.map((name) => ({ result: { name } })))
  expect(told).toHaveLength(50)
  for (const [name, { params }] of told) expect(params?.['progressToken']).toBe(name)
})

test('the server’s questions are answered, and a request that is given up is taken back', async () => {
  const server = await oldServer(({ message: { id, method } }, say) => {
    if (method === 'tools/call') say({ id: 'q', method: 'roots/list' })
    if (method === 'prompts/get') say({ id: Number(id) + 1_000, result: {} })
  })
  const peer = await (await start(server, 'sse')).peer(speakerOf('legacy'))
  await expect(call(peer, 'x', {}, { timeoutMs: 200 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  await vi.waitFor(() => expect(server.of('notifications/cancelled')).toHaveLength(1))
  expect(server.seen.map(({ message }) => message)).toContainEqual({
    jsonrpc: '2.0',
    id: 'q',
    result: { action: 'accept' },
  })
})

test('an endpoint elsewhere is not spoken to', async () => {
  const trap = await scriptedServer((_seen, response) => void response.writeHead(202).end())
  open.push(trap)
  for (const endpoint of [trap.url, '//evil.example/x', 'https://127.0.0.1/x', 'javascript:1']) {
    const upstream = await start(await oldServer(() => undefined, endpoint), 'sse')
    await expect(upstream.peer(speakerOf('legacy'))).rejects.toMatchObject({
      message: 'The upstream up names an endpoint elsewhere.',
    })
  }
  expect(trap.seen).toHaveLength(0)
})

test('a stream that ends fails what is under way, and the next call opens another', async () => {
  const server = await oldServer(({ message: { id, params } }, say, stream) => {
    if (params?.['name'] === 'break') stream.end()
    else say({ id, result: {} })
  })
  const peer = await (await start(server, 'sse')).peer(speakerOf('legacy'))
  await expect(call(peer, 'break')).rejects.toMatchObject({
    message: 'The upstream up ended its event stream.',
  })
  await expect(call(peer, 'again')).resolves.toEqual({ result: {} })
})

test('a server that refuses what is posted is not waited for', async () => {
  const server = await scriptedServer(({ verb, path, message }, response) => {
    if (verb === 'GET') return void events(response).write('event: endpoint\ndata: /messages\n\n')
    response.writeHead(path === '/messages' && message.method === 'initialize' ? 500 : 405).end()
  })
  open.push(server)
  await expect((await start(server, 'sse')).peer(speakerOf('legacy'))).rejects.toMatchObject({
    message: 'The upstream up answered with status 500.',
  })
})
