// Everything that comes over HTTP may be meant ill: nothing of it crashes, hangs, grows without end or reaches another.
import type { ServerResponse } from 'node:http'
import { createServer, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Message } from '@mcpshield/mcp/messages'
import {
  event,
  events,
  json,
  legacyServer,
  modernServer,
  scriptedServer,
  type Respond,
} from './scripted-server.ts'
import { call, connect, speakerOf, within } from './speakers.ts'

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]()
})

const ERAS = ['legacy', 'modern'] as const

async function start(era: (typeof ERAS)[number], respond: Respond) {
  const server = await (era === 'legacy' ? legacyServer(respond) : modernServer(respond))
  const upstream = connect(server.url)
  open.push(server, upstream)
  return { server, peer: await upstream.peer(speakerOf(era)) }
}

const raw = (response: ServerResponse, body: string, type = 'application/json') =>
  response.writeHead(200, { 'content-type': type }).end(body)
const stream = (response: ServerResponse, body: string) => raw(response, body, 'text/event-stream')

describe.for(ERAS)('in the %s era', (era) => {
  test.for([
    ['another status', (_seen, response) => response.writeHead(500).end('secret detail'), /status 500/],
    ['no JSON', (_seen, response) => raw(response, '{'), /status 200 and no MCP result/],
    ['half of a message', (_seen, response) => raw(response, '{"jsonrpc":"2.0","id":'), /no MCP result/],
    ['neither result nor error', ({ message: { id } }, response) => json(response, { id }), /no MCP result/],
    [
      'a result that is no object',
      ({ message: { id } }, response) => json(response, { id, result: 7 }),
      /no MCP result/,
    ],
    [
      'the result of another call',
      (_seen, response) => json(response, { id: 'x', result: {} }),
      /no MCP result/,
    ],
    ['a result without an id', (_seen, response) => json(response, { result: {} }), /no MCP result/],
    [
      'a request in place of an answer',
      ({ message: { id } }, response) => json(response, { id, method: 'a', result: {} }),
      /no MCP result/,
    ],
    ['a list', (_seen, response) => raw(response, '[]'), /no MCP result/],
    ['nothing', (_seen, response) => response.writeHead(202).end(), /status 202 and no MCP result/],
    ['a page', (_seen, response) => raw(response, '<html>', 'text/html'), /no MCP result/],
    [
      'a stream of nonsense',
      (_seen, response) => stream(response, 'data: {\n\ndata: []\n\nfoo\n\ndata: null\n\n'),
      /broke off/,
    ],
    [
      'a redirect',
      (_seen, response) => response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(),
      /status 307/,
    ],
    ['a broken connection', (_seen, response) => response.socket?.destroy(), /cannot be reached/],
    [
      'a body that breaks off',
      (_seen, response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' }).write('{')
        setTimeout(() => response.socket?.destroy(), 20)
      },
      /broke off/,
    ],
    [
      'huge headers',
      (_seen, response) => response.writeHead(200, { 'x-huge': 'x'.repeat(100_000) }).end(),
      /cannot be reached/,
    ],
  ] as [string, Respond, RegExp][])('%s is no answer', async ([, respond, said]) => {
    const { peer } = await start(era, respond)
    const failed = await call(peer).then(
      () => undefined,
      (error: unknown) => error as Error,
    )
    expect(failed).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringMatching(said) })
    expect(failed?.message).not.toMatch(/secret|127\.0\.0\.1/)
  })

  test('an answer without end is cut off, whichever way it comes', async () => {
    const bodies = {
      'application/json': Buffer.alloc(1 << 20, 32),
      'text/event-stream': Buffer.from(`data: ${'x'.repeat(1 << 20)}\n`),
    }
    for (const [type, part] of Object.entries(bodies)) {
      const { peer } = await start(era, (_seen, response) => {
        response.writeHead(200, { 'content-type': type })
        const more = () => {
          while (!response.destroyed && response.write(part));
        }
        response.on('drain', more)
        more()
      })
      await expect(call(peer, 'x', {}, { timeoutMs: 20_000 })).rejects.toMatchObject({
        message: expect.stringMatching(/more than|too large/),
      })
    }
  })

  test('a trickle does not outlive its time', async () => {
    const { peer } = await start(era, (_seen, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const timer = setInterval(() => response.write(' '), 10)
      response.on('close', () => clearInterval(timer))
    })
    await expect(call(peer, 'x', {}, { timeoutMs: 150 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  })

  test('a second answer, and one after the end, are not heard', async () => {
    const { peer } = await start(era, ({ message: { id } }, response) => {
      events(response).write(
        event({ id, result: { first: true } }) +
          event({ id, result: { second: true } }) +
          event({ method: 'notifications/message', params: { late: true } }),
      )
    })
    const told: Message[] = []
    const options = { ...within, onNotification: (message: Message) => void told.push(message) }
    await expect(peer.request('prompts/get', { name: 'x' }, options)).resolves.toEqual({
      result: { first: true },
    })
    await expect(peer.request('prompts/get', { name: 'x' }, options)).resolves.toEqual({
      result: { first: true },
    })
    expect(told).toEqual([])
  })

  test('what follows an answer without end is cut off', async () => {
    const closed = Promise.withResolvers<void>()
    const { peer } = await start(era, ({ message: { id } }, response) => {
      events(response).write(event({ id, result: {} }))
      const timer = setInterval(() => response.write(`: ${'x'.repeat(10_000)}\n`), 5)
      response.on('close', () => {
        clearInterval(timer)
        closed.resolve()
      })
    })
    await call(peer)
    const startedMs = performance.now()
    await closed.promise
    expect(performance.now() - startedMs).toBeLessThan(700)
  })

  test('a listener that fails does not end the reading', async () => {
    const { peer } = await start(era, ({ message: { id } }, response) => {
      events(response).write(
        event({ method: 'notifications/message', params: {} }) + event({ id, result: {} }),
      )
    })
    const onNotification = () => {
      throw new Error('our own fault')
    }
    await expect(peer.request('prompts/get', { name: 'x' }, { ...within, onNotification })).resolves.toEqual({
      result: {},
    })
  })

  test('keys of a message that mean something to JavaScript mean nothing', async () => {
    const { peer } = await start(era, ({ message: { id } }, response) =>
      raw(response, `{"jsonrpc":"2.0","id":${id},"result":{"__proto__":{"isAdmin":true},"constructor":1}}`),
    )
    await call(peer)
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined()
  })
})

test('a redirect is not followed, and its target never sees a credential', async () => {
  const trap = await scriptedServer((_seen, response) => void response.end())
  open.push(trap)
  const server = await scriptedServer(
    (_seen, response) => void response.writeHead(308, { location: trap.url }).end(),
  )
  const upstream = connect(server.url)
  open.push(server, upstream)
  for (const era of ERAS)
    await expect(upstream.peer(speakerOf(era))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(trap.seen).toHaveLength(0)
})

test('a session id that could end a header never reaches one', async () => {
  const sockets: Socket[] = []
  const requests: string[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      requests.push(chunk.toString())
      socket.end('HTTP/1.1 200 OK\r\nmcp-session-id: a\rx-evil: 1\r\ncontent-length: 2\r\n\r\n{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const upstream = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`)
  open.push(upstream, {
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  })
  await expect(upstream.peer(speakerOf('legacy'))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(requests.join('')).not.toContain('x-evil')
})

test('a server that asks without end is answered without end, and no more than a hundred questions are open', async () => {
  const { server, peer } = await start('legacy', ({ message: { id } }, response) => {
    const questions = Array.from({ length: 300 }, (_, index) =>
      event({ id: index + 1, method: 'roots/list' }),
    )
    events(response).write(questions.join(''))
    setTimeout(() => response.write(event({ id, result: {} })), 300)
  })
  let openNow = 0
  await peer.request(
    'tools/call',
    { name: 'x' },
    {
      ...within,
      onRequest: (_message, signal) =>
        new Promise((resolve) => {
          openNow++
          signal.addEventListener('abort', () => resolve({ result: {} }))
        }),
    },
  )
  expect(openNow).toBe(100)
  await vi.waitFor(() => expect(server.seen.filter(({ message }) => 'error' in message)).toHaveLength(200))
})

test('an answer that comes after its request was given up reaches nobody', async () => {
  const late = Promise.withResolvers<ServerResponse>()
  const { server, peer } = await start('legacy', (seen, response) => {
    if (seen.message.params?.['name'] === 'late') return late.resolve(events(response))
    json(response, { id: seen.message.id, result: { name: 'other' } })
  })
  await expect(call(peer, 'late', {}, { timeoutMs: 50 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  const waiting = call(peer, 'other')
  ;(await late.promise).write(event({ id: server.of('tools/call')[0]?.message.id, result: { name: 'late' } }))
  await expect(waiting).resolves.toEqual({ result: { name: 'other' } })
})

test('an event without end is cut off on a stream that may stay open for ever', async () => {
  let written = 0
  const { peer } = await start('modern', (_seen, response) => {
    events(response).write(event({ method: 'notifications/subscriptions/acknowledged', params: {} }))
    const part = Buffer.from(`data: ${'x'.repeat(1 << 20)}\n`)
    const more = () => {
      do written += part.length
      while (!response.destroyed && response.write(part))
    }
    response.on('drain', more)
    more()
  })
  const told: Message[] = []
  const listening = await peer.listen(
    {},
    { signal: new AbortController().signal, onNotification: (message) => void told.push(message) },
  )
  await listening.ended
  expect(told).toEqual([])
  expect(written).toBeLessThan(100 * 1024 * 1024)
})

test('held streams take no connection from calls', async () => {
  const { peer } = await start('modern', ({ message: { id, method } }, response) => {
    if (method !== 'subscriptions/listen') return json(response, { id, result: {} })
    events(response).write(
      event({ method: 'notifications/subscriptions/acknowledged', params: { notifications: {} } }),
    )
  })
  const end = new AbortController()
  const quiet = { signal: end.signal, onNotification: () => undefined }
  const listening = await Promise.all(Array.from({ length: 300 }, () => peer.listen({}, quiet)))
  await expect(call(peer)).resolves.toEqual({ result: {} })
  end.abort()
  await Promise.all(listening.map(({ ended }) => ended))
})

test.for([
  ['as they are', '[{}', '{}'],
  ['where one number has to be kept as it was written', '[1e1', '1'],
])('an answer of more values than can be read in time is none, %s', async ([, first, each]) => {
  const { peer } = await start('modern', ({ message: { id, params } }, response) => {
    const text = JSON.stringify('"\\,[{'.repeat(600_000))
    const values = params?.['name'] === 'long text' ? text : `${first}${`,${each}`.repeat(8_000_000)}]`
    raw(response, `{"jsonrpc":"2.0","id":${id},"result":{"values":${values}}}`)
  })
  let longestMs = 0
  let beforeMs = performance.now()
  const ticks = setInterval(() => {
    longestMs = Math.max(longestMs, performance.now() - beforeMs)
    beforeMs = performance.now()
  }, 10)
  await expect(call(peer)).rejects.toMatchObject({ message: expect.stringMatching(/no MCP result/) })
  clearInterval(ticks)
  longestMs = Math.max(longestMs, performance.now() - beforeMs)
  expect(longestMs).toBeLessThan(1_000)
  await expect(call(peer, 'long text')).resolves.toHaveProperty('result')
})

test('a server that asks faster than it takes answers does not fill the memory with them', async () => {
  const untaken = new Set<ServerResponse>()
  const server = await scriptedServer(({ message: { id, method } }, response) => {
    if (method === undefined) return void untaken.add(response)
    if (id === undefined) return void response.writeHead(202).end()
    if (method === 'initialize')
      return json(response, {
        id,
        result: { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 'x', version: '1' } },
      })
    const pings = Array.from({ length: 5_000 }, (_, index) => event({ id: `ping ${index}`, method: 'ping' }))
    events(response).write(pings.join(''))
    if (untaken.size === 0) setTimeout(() => response.write(event({ id, result: {} })), 500)
    else response.write(event({ id, result: {} }))
  })
  const upstream = connect(server.url)
  open.push(server, upstream)
  const peer = await upstream.peer(speakerOf('legacy'))
  await call(peer)
  await call(peer)
  expect(untaken.size).toBe(200)
  // One that is taken makes room for the next.
  for (const response of untaken) response.writeHead(202).end()
  untaken.clear()
  await call(peer)
  await vi.waitFor(() => expect(untaken.size).toBeGreaterThan(100))
})

test('a stream of changes tells nothing of requests, which may be another server’s', async () => {
  const { peer } = await start('modern', (_seen, response) => {
    const params = { progressToken: 1, progress: 1, requestId: 1 }
    events(response).end(
      event({ method: 'notifications/subscriptions/acknowledged', params: {} }) +
        ['notifications/progress', 'notifications/cancelled', 'notifications/tools/list_changed']
          .map((method) => event({ method, params }))
          .join(''),
    )
  })
  const told: Message[] = []
  const listening = await peer.listen(
    { toolsListChanged: true },
    { signal: new AbortController().signal, onNotification: (message) => void told.push(message) },
  )
  await listening.ended
  expect(told.map(({ method }) => method)).toEqual(['notifications/tools/list_changed'])
})

test('answers that are too much together are given up, and the others and the next are not', async () => {
  const part = Buffer.alloc(20 * 1024 * 1024, 32)
  const waiting: { id: number | undefined; response: ServerResponse }[] = []
  const { peer } = await start('modern', ({ message: { id, params } }, response) => {
    if (params?.['name'] === 'small') return json(response, { id, result: {} })
    response.writeHead(200, { 'content-type': 'application/json' }).write(part)
    waiting.push({ id, response })
  })
  const calls = Array.from({ length: 10 }, () => call(peer, 'large', {}, { timeoutMs: 20_000 }))
  const ended = Promise.allSettled(calls)
  await vi.waitFor(() => expect(waiting.filter(({ response }) => response.destroyed)).toHaveLength(4), {
    timeout: 10_000,
  })
  await expect(call(peer, 'small')).resolves.toHaveProperty('result')
  for (const { id, response } of waiting) response.end(JSON.stringify({ jsonrpc: '2.0', id, result: {} }))
  const failed = (await ended).filter((each) => each.status === 'rejected')
  expect(failed).toHaveLength(4)
  for (const { reason } of failed)
    expect(reason).toMatchObject({ message: expect.stringMatching(/too much at once/) })
  await expect(call(peer, 'small')).resolves.toHaveProperty('result')
})

test('a server that tells without end, unasked, leaves most of the time to others', async () => {
  const part = event({ method: 'notifications/message', params: { data: 'x'.repeat(10_000) } })
  const server = await legacyServer((_seen, response) => void response.end(), {
    get(_seen, response) {
      const more = () => {
        while (!response.destroyed && response.write(part));
      }
      events(response).on('drain', more)
      more()
    },
  })
  const upstream = connect(server.url)
  open.push(server, upstream)
  let workedMs = 0
  const speaker = {
    ...speakerOf('legacy'),
    onNotification() {
      const startedMs = performance.now()
      while (performance.now() - startedMs < 2);
      workedMs += performance.now() - startedMs
    },
  }
  const peer = await upstream.peer(speaker)
  peer.follow()
  await vi.waitFor(() => expect(workedMs).toBeGreaterThan(0))
  await new Promise((resolve) => setTimeout(resolve, 2_000))
  const before = workedMs
  await vi.waitFor(() => expect(workedMs).toBeGreaterThan(before)) // It is heard all the same.
  expect(workedMs).toBeLessThan(800)
})
