// Servers that others wrote: the SDK of the legacy era with sessions, streams and its old transport, and the SDK of both
// eras, over HTTP and over stdio.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { McpServer as LegacyMcpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { toNodeHandler, type NodeIncomingMessageLike } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import type { Message } from '@mcpshield/mcp/messages'
import { connectUpstream } from '../src/connect.ts'
import type { Peer, Upstream, UpstreamSpec } from '../src/upstream.ts'
import { connect, silent, speakerOf, within } from './speakers.ts'

// Processes take their time on a busy machine.
vi.setConfig({ testTimeout: 30_000 })

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]()
})

type Handle = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

async function serve(handle: Handle, path = '/mcp', more: Partial<UpstreamSpec> = {}): Promise<Upstream> {
  const server = createServer((request, response) => void handle(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const upstream = connect(`http://127.0.0.1:${port}${path}`, more)
  open.push(
    {
      async [Symbol.asyncDispose]() {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      },
    },
    upstream,
  )
  return upstream
}

function legacyMcpServer(): LegacyMcpServer {
  const server = new LegacyMcpServer({ name: 'sdk-1', version: '1' }, { capabilities: { logging: {} } })
  server.registerTool('hello', { description: 'greets' }, async (extra) => {
    const progressToken = extra._meta?.progressToken
    if (progressToken !== undefined)
      await extra.sendNotification({
        method: 'notifications/progress',
        params: { progressToken, progress: 1 },
      })
    const { action } = await server.server.elicitInput(
      { message: 'Sure?', requestedSchema: { type: 'object', properties: {} } },
      { relatedRequestId: extra.requestId },
    )
    return { content: [{ type: 'text', text: action }] }
  })
  server.registerTool('grow', { description: 'adds a tool' }, () => {
    server.registerTool(`tool-${randomUUID()}`, {}, () => ({ content: [] }))
    return { content: [] }
  })
  return server
}

/** A server of the 1.x SDK with a session for each `initialize`. */
function withSessions(): Handle {
  const sessions = new Map<string, StreamableHTTPServerTransport>()
  return async (request, response) => {
    const known = sessions.get(String(request.headers['mcp-session-id']))
    if (known !== undefined) return known.handleRequest(request, response)
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void sessions.set(id, transport),
    })
    await legacyMcpServer().connect(transport)
    await transport.handleRequest(request, response)
  }
}

/** A server of the 1.x SDK over HTTP+SSE. */
function withEventStreams(): Handle {
  const sessions = new Map<string, SSEServerTransport>()
  return async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost')
    if (request.method === 'GET' && pathname === '/sse') {
      const transport = new SSEServerTransport('/messages', response)
      sessions.set(transport.sessionId, transport)
      return legacyMcpServer().connect(transport)
    }
    const transport = sessions.get(searchParams.get('sessionId') ?? '')
    if (transport === undefined) return void response.writeHead(404).end()
    return transport.handlePostMessage(request, response)
  }
}

const textOf = async (answer: ReturnType<Peer['request']>) => {
  const given = await answer
  if ('error' in given) throw new Error(given.error.message)
  return (given.result['content'] as { text: string }[])[0]?.text
}

describe.for([
  ['sessions of the 1.x SDK', () => serve(withSessions())],
  ['the old transport of the 1.x SDK', () => serve(withEventStreams(), '/sse', { transport: 'sse' })],
  ['the old transport of the 1.x SDK, found out', () => serve(withEventStreams(), '/sse')],
] as [string, () => Promise<Upstream>][])('over %s', ([, start]) => {
  test('calls are answered, with progress and a question on the way', async () => {
    const upstream = await start()
    const told: Message[] = []
    const asked: Message[] = []
    for (const era of ['legacy', 'modern'] as const) {
      const peer = await upstream.peer(speakerOf(era))
      expect(peer).toMatchObject({ era: 'legacy', server: { serverInfo: { name: 'sdk-1' } } })
      const params = { name: 'hello', _meta: { progressToken: 'p' } }
      const answer = peer.request('tools/call', params, {
        ...within,
        onNotification: (message) => void told.push(message),
        onRequest(message) {
          asked.push(message)
          return Promise.resolve({ result: { action: 'decline' } })
        },
      })
      expect(await textOf(answer)).toBe('decline')
    }
    expect(told).toEqual(
      Array.from({ length: 2 }, () => ({
        method: 'notifications/progress',
        params: { progressToken: 'p', progress: 1 },
      })),
    )
    expect(asked).toMatchObject([{ method: 'elicitation/create' }, { method: 'elicitation/create' }])
  })

  test('changes are told to those who listen', async () => {
    const upstream = await start()
    const peer = await upstream.peer(speakerOf('modern'))
    const told: Message[] = []
    const end = new AbortController()
    const { honored } = await peer.listen(
      { toolsListChanged: true },
      { signal: end.signal, onNotification: (message) => void told.push(message) },
    )
    expect(honored).toEqual({ toolsListChanged: true })
    await vi.waitFor(async () => {
      await peer.request('tools/call', { name: 'grow' }, within)
      expect(told).toContainEqual({ method: 'notifications/tools/list_changed' })
    })
    end.abort()
  })
})

function bothEras(): McpServer {
  const server = new McpServer({ name: 'sdk-2', version: '1' })
  server.registerTool('hello', { description: 'greets' }, () => ({
    content: [{ type: 'text', text: 'hello' }],
  }))
  return server
}

test('the 2.x SDK tells the changes that are listened for', async () => {
  const mcp = createMcpHandler(bothEras)
  const handler = toNodeHandler(mcp)
  const upstream = await serve(
    (request, response) => void handler(request as NodeIncomingMessageLike, response),
  )
  const peer = await upstream.peer(speakerOf('modern'))
  const told: Message[] = []
  const end = new AbortController()
  const { honored, ended } = await peer.listen(
    { toolsListChanged: true, resourceSubscriptions: ['a:1'] },
    { signal: end.signal, onNotification: (message) => void told.push(message) },
  )
  expect(honored).toMatchObject({ toolsListChanged: true })
  mcp.notify.promptsChanged()
  mcp.notify.toolsChanged()
  await vi.waitFor(() => expect(told).toMatchObject([{ method: 'notifications/tools/list_changed' }]))
  end.abort()
  await ended
})

test.for(['legacy', 'modern'] as const)('the 2.x SDK answers a %s client in its own era', async (era) => {
  // Node's types say `string | undefined` where the adapter's say `string` or nothing.
  const handler = toNodeHandler(createMcpHandler(bothEras))
  const upstream = await serve(
    (request, response) => void handler(request as NodeIncomingMessageLike, response),
  )
  const peer = await upstream.peer(speakerOf(era))
  expect(peer).toMatchObject({ era, server: { serverInfo: { name: 'sdk-2' } } })
  expect(await textOf(peer.request('tools/call', { name: 'hello' }, within))).toBe('hello')
  const unknown = await peer.request('custom/none', {}, within)
  expect(unknown).toMatchObject({ error: { code: -32601 } })
})

test.for(['legacy', 'modern'] as const)(
  'the reference server over stdio answers a %s client',
  async (era) => {
    const entry = join(
      import.meta.dirname,
      '../../../node_modules/@modelcontextprotocol/server-everything/dist/index.js',
    )
    const upstream = connectUpstream(
      {
        slug: 'everything',
        transport: 'stdio',
        command: process.execPath,
        args: [entry, 'stdio'],
        env: {},
        path: '/usr/bin:/bin',
      },
      silent,
    )
    open.push(upstream)
    const peer = await upstream.peer(speakerOf(era))
    expect(
      await textOf(peer.request('tools/call', { name: 'echo', arguments: { message: 'hi' } }, within)),
    ).toBe('Echo: hi')
  },
)
