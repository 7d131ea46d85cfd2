// Which era is spoken with whom: the speaker's own where the server has it, else the other one.
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Era } from '@mcpshield/mcp/messages'
import { json, scriptedServer, type Respond, type ScriptedServer } from './scripted-server.ts'
import { call, connect, speakerOf } from './speakers.ts'

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]()
})

async function start(
  respond: Respond,
): Promise<{ server: ScriptedServer; upstream: ReturnType<typeof connect> }> {
  const server = await scriptedServer((seen, response) =>
    seen.verb === 'POST' ? respond(seen, response) : void response.writeHead(405).end(),
  )
  const upstream = connect(server.url)
  open.push(server, upstream)
  return { server, upstream }
}

type Refuse = (id: number | undefined) => { status: number; body: string; type?: string }

/** A server of some eras, that refuses what it does not know in its own way. */
function serverOf(eras: Era[], refuse: Refuse): Respond {
  return ({ message: { id, method } }, response) => {
    if (id === undefined) return void response.writeHead(202).end()
    if (method === 'initialize' && eras.includes('legacy'))
      return json(response, {
        id,
        result: { protocolVersion: '2025-06-18', capabilities: {}, serverInfo: {} },
      })
    if (method === 'server/discover' && eras.includes('modern'))
      return json(response, {
        id,
        result: { supportedVersions: ['2026-07-28', '2099-01-01'], capabilities: {} },
      })
    if (method === 'initialize' || method === 'server/discover') {
      const { status, body, type = 'application/json' } = refuse(id)
      return void response.writeHead(status, { 'content-type': type }).end(body)
    }
    json(response, { id, result: {} })
  }
}

const rpc = (code: number, data?: object) => (id: number | undefined) =>
  JSON.stringify({
    jsonrpc: '2.0',
    id,
    error: { code, message: 'no', ...(data === undefined ? {} : { data }) },
  })

const refusals: [string, Refuse][] = [
  ['404 with -32601', (id) => ({ status: 404, body: rpc(-32601)(id) })],
  ['200 with -32601', (id) => ({ status: 200, body: rpc(-32601)(id) })],
  ['400 with -32000 and no id', () => ({ status: 400, body: rpc(-32000)(undefined) })],
  ['400 with nothing', () => ({ status: 400, body: '' })],
  ['405 with a page', () => ({ status: 405, body: '<html>', type: 'text/html' })],
  ['500 with a page', () => ({ status: 500, body: '<html>', type: 'text/html' })],
  [
    '-32022 that names other versions',
    (id) => ({ status: 400, body: rpc(-32022, { supported: ['2025-06-18'] })(id) }),
  ],
  [
    '200 with a result of another kind',
    (id) => ({ status: 200, body: JSON.stringify({ jsonrpc: '2.0', id, result: {} }) }),
  ],
]

describe('a server of both eras', () => {
  test.for(['legacy', 'modern'] as const)('is spoken to in the %s era by such a client', async (era) => {
    const { server, upstream } = await start(
      serverOf(['legacy', 'modern'], () => ({ status: 400, body: '' })),
    )
    const peer = await upstream.peer(speakerOf(era))
    expect(peer.era).toBe(era)
    await call(peer)
    expect(server.of(era === 'legacy' ? 'server/discover' : 'initialize')).toHaveLength(0)
  })
})

describe.for(['legacy', 'modern'] as const)('a server of the %s era alone', (era) => {
  test.for(refusals)('is found out by its %s', async ([, refuse]) => {
    const { server, upstream } = await start(serverOf([era], refuse))
    const other = era === 'legacy' ? 'modern' : 'legacy'
    for (const speaker of [speakerOf(other), speakerOf(era), speakerOf(other)]) {
      const peer = await upstream.peer(speaker)
      expect(peer.era).toBe(era)
      await expect(call(peer)).resolves.toEqual({ result: {} })
    }
    expect(server.seen.length).toBeGreaterThan(0)
  })

  test('is found out once', async () => {
    const { server, upstream } = await start(serverOf([era], refusals[0]![1]))
    const other = era === 'legacy' ? 'modern' : 'legacy'
    await upstream.peer(speakerOf(other))
    await upstream.peer(speakerOf(other))
    expect(server.of(era === 'legacy' ? 'server/discover' : 'initialize')).toHaveLength(1)
  })
})

describe('a server of neither era', () => {
  test('is said, and tried again by the next conversation', async () => {
    const { server, upstream } = await start(serverOf([], (id) => ({ status: 400, body: rpc(-32000)(id) })))
    for (const count of [1, 2]) {
      await expect(upstream.peer(speakerOf('modern'))).rejects.toMatchObject({
        code: 'UNAVAILABLE',
        message: expect.stringContaining('The upstream up refused'),
      })
      expect(server.of('initialize')).toHaveLength(count)
    }
  })

  test('that wants a login is not tried in the other era', async () => {
    const { server, upstream } = await start((_seen, response) => void response.writeHead(401).end('secret'))
    await expect(upstream.peer(speakerOf('modern'))).rejects.toMatchObject({
      message: expect.stringContaining('401'),
    })
    expect(server.seen.map(({ message }) => message.method)).toEqual(['server/discover'])
  })

  test('that cannot be reached is no sign of an era', async () => {
    const upstream = connect('http://127.0.0.1:9/mcp')
    open.push(upstream)
    await expect(upstream.peer(speakerOf('modern'))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: 'The upstream up cannot be reached.',
    })
  })
})

test('what a server could not do is tried again after ten minutes', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  const eras: Era[] = ['legacy']
  const { upstream } = await start((seen, response) =>
    serverOf(eras, () => ({ status: 400, body: '' }))(seen, response),
  )
  expect((await upstream.peer(speakerOf('modern'))).era).toBe('legacy')
  eras.push('modern')
  expect((await upstream.peer(speakerOf('modern'))).era).toBe('legacy')
  vi.advanceTimersByTime(10 * 60_000)
  expect((await upstream.peer(speakerOf('modern'))).era).toBe('modern')
  vi.useRealTimers()
})

test('a modern server that has become one of the legacy era is found out again', async () => {
  let eras: Era[] = ['modern']
  const { upstream } = await start((seen, response) => {
    if (eras[0] === 'legacy' && seen.headers['mcp-protocol-version'] === '2026-07-28')
      return void response.writeHead(400).end()
    serverOf(eras, () => ({ status: 400, body: '' }))(seen, response)
  })
  const speaker = speakerOf('modern')
  const peer = await upstream.peer(speaker)
  eras = ['legacy']
  await expect(peer.request('prompts/get', { name: 'x' }, { timeoutMs: 1_000 })).rejects.toMatchObject({
    message: 'The upstream up answered with status 400 and no MCP result.',
  })
  expect((await upstream.peer(speaker)).era).toBe('legacy')
})
