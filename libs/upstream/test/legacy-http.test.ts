// Streamable HTTP up to 2025-11-25: sessions, answers as JSON or as event streams, what is told and asked on the way.
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Message } from '@mcpshield/mcp/messages'
import { event, events, json, legacyServer, type Respond, type ScriptedServer } from './scripted-server.ts'
import { call, connect, speakerOf, within } from './speakers.ts'

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]()
})

async function start(respond: Respond, options: Parameters<typeof legacyServer>[1] = {}) {
  const server = await legacyServer(respond, options)
  const upstream = connect(server.url)
  open.push(server, upstream)
  return { server, upstream }
}

const answered =
  (text: string): Respond =>
  ({ message }, response) =>
    json(response, { id: message.id, result: { text } })

describe('a session', () => {
  test('is begun with what the client says of itself, and its headers go along', async () => {
    const { server, upstream } = await start(answered('hello'))
    const peer = await upstream.peer(speakerOf('legacy'))
    expect(peer).toMatchObject({
      era: 'legacy',
      server: { protocolVersion: '2025-11-25', serverInfo: { name: 'legacy' } },
    })
    await expect(call(peer)).resolves.toEqual({ result: { text: 'hello' } })
    const [initialize, initialized, sent] = server.seen
    expect(initialize).toMatchObject({
      message: {
        method: 'initialize',
        params: {
          protocolVersion: '2025-11-25',
          clientInfo: { name: 'tester', version: '1' },
          capabilities: { elicitation: {} },
        },
      },
    })
    const known = { 'mcp-session-id': 'session-1', 'mcp-protocol-version': '2025-11-25', 'x-secret': 's' }
    expect(initialized).toMatchObject({ message: { method: 'notifications/initialized' }, headers: known })
    expect(sent?.headers).toMatchObject({ ...known, accept: 'application/json, text/event-stream' })
    expect(initialize?.headers).not.toHaveProperty('mcp-session-id')
  })

  test('belongs to one speaker, who keeps it', async () => {
    const { server, upstream } = await start(answered('x'))
    const ada = speakerOf('legacy')
    await call(await upstream.peer(ada))
    await call(await upstream.peer(ada))
    await call(await upstream.peer(speakerOf('legacy')))
    expect(server.of('initialize')).toHaveLength(2)
  })

  test('ends when the speaker leaves, and then nothing is asked any more', async () => {
    const { server, upstream } = await start(answered('x'))
    const ada = speakerOf('legacy')
    const peer = await upstream.peer(ada)
    upstream.leave(ada.id)
    await vi.waitFor(() => expect(server.seen.at(-1)).toMatchObject({ verb: 'DELETE' }))
    expect(server.seen.at(-1)?.headers).toMatchObject({ 'mcp-session-id': 'session-1' })
    await expect(call(peer)).rejects.toMatchObject({ message: 'The upstream up was left.' })
    expect(server.of('tools/call')).toHaveLength(0)
  })

  test('that is gone is begun anew, its state restored, and the call sent once more', async () => {
    let isGone = false
    const { server, upstream } = await start(({ message }, response) => {
      if (isGone && message.method === 'tools/call') {
        isGone = false
        return void response.writeHead(404).end()
      }
      json(response, { id: message.id, result: {} })
    })
    const peer = await upstream.peer(speakerOf('legacy'))
    await peer.request('logging/setLevel', { level: 'info' }, within)
    await peer.request('resources/subscribe', { uri: 'a:b' }, within)
    isGone = true
    const before = server.seen.length
    await expect(call(peer)).resolves.toEqual({ result: {} })
    expect(server.seen.slice(before).flatMap(({ message }) => message.method ?? [])).toEqual([
      'tools/call',
      'initialize',
      'notifications/initialized',
      'logging/setLevel',
      'resources/subscribe',
      'tools/call',
    ])
  })

  test('that is gone by a 400 that says so is begun anew too, and a 400 for another reason is an answer', async () => {
    const error = { code: -32000, message: 'Bad Request: No valid session ID provided' }
    let isFirst = true
    const { server, upstream } = await start(({ message: { id } }, response) => {
      if (isFirst) json(response, { id: null, error }, 400)
      else json(response, { id, error: { code: -32602, message: 'bad arguments' } }, 400)
      isFirst = false
    })
    const peer = await upstream.peer(speakerOf('legacy'))
    await expect(call(peer)).resolves.toMatchObject({ error: { code: -32602 } })
    expect(server.of('initialize')).toHaveLength(2)
    expect(server.of('tools/call')).toHaveLength(2)
  })

  test('that nobody used for an hour is ended, and begun anew when it is needed', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
    const { server, upstream } = await start(answered('x'))
    const ada = speakerOf('legacy')
    await upstream.peer(ada)
    vi.advanceTimersByTime(30 * 60_000)
    const used = speakerOf('legacy')
    await upstream.peer(used)
    vi.advanceTimersByTime(35 * 60_000)
    vi.useRealTimers()
    await vi.waitFor(() => expect(server.seen.at(-1)).toMatchObject({ verb: 'DELETE' }))
    expect(server.seen.filter(({ verb }) => verb === 'DELETE')).toHaveLength(1)
    await upstream.peer(used)
    expect(server.of('initialize')).toHaveLength(2)
    await call(await upstream.peer(ada))
    expect(server.of('initialize')).toHaveLength(3)
  })

  test('that is gone for many calls at once is begun anew once', async () => {
    let sessions = 0
    const { server, upstream } = await start(({ message, headers }, response) => {
      if (sessions++ < 20) return void response.writeHead(404).end()
      json(response, { id: message.id, result: { session: headers['mcp-session-id'] } as object })
    })
    const peer = await upstream.peer(speakerOf('legacy'))
    await Promise.all(Array.from({ length: 20 }, () => call(peer)))
    expect(server.of('initialize')).toHaveLength(2)
  })

  test('that a server never keeps is said, not tried without end', async () => {
    const { server, upstream } = await start((_seen, response) => void response.writeHead(404).end())
    const peer = await upstream.peer(speakerOf('legacy'))
    await expect(call(peer)).rejects.toMatchObject({ message: 'The upstream up does not keep its sessions.' })
    expect(server.of('tools/call')).toHaveLength(2)
  })

  test('need not be: a server without sessions is served too', async () => {
    const { server, upstream } = await start(answered('x'), { session: null })
    const ada = speakerOf('legacy')
    await expect(call(await upstream.peer(ada))).resolves.toBeDefined()
    upstream.leave(ada.id)
    await upstream[Symbol.asyncDispose]()
    expect(server.seen.map(({ verb }) => verb)).not.toContain('DELETE')
  })
})

describe('an answer', () => {
  test('comes among other events, cut anywhere, and the stream’s end is not waited for', async () => {
    const { upstream } = await start(({ message: { id } }, response) => {
      events(response)
      const text =
        ': hello\n\n' +
        event({ id: `${id}`, result: { of: 'another' } }) +
        event({ id: 999_999, result: { of: 'another' } }) +
        `event: message\ndata: {"jsonrpc":"2.0",\ndata: "id":${id},"result":{"text":"é"}}\n\n`
      const bytes = Buffer.from(text)
      for (let at = 0; at < bytes.length; at += 7) response.write(bytes.subarray(at, at + 7))
    })
    const peer = await upstream.peer(speakerOf('legacy'))
    await expect(call(peer)).resolves.toEqual({ result: { text: 'é' } })
    await expect(call(peer)).resolves.toEqual({ result: { text: 'é' } })
  })

  test('that ends its stream leaves its connection to later calls', async () => {
    const ports = new Set<number | undefined>()
    const { upstream } = await start(({ message: { id } }, response) => {
      ports.add(response.socket?.remotePort)
      events(response).write(event({ id, result: {} }))
      response.end()
    })
    const peer = await upstream.peer(speakerOf('legacy'))
    for (let count = 0; count < 5; count++) await call(peer)
    // The next call may come before the end.
    expect(ports.size).toBeLessThanOrEqual(2)
  })

  test('keeps its numbers as they are written', async () => {
    const numbers = '[12345678901234567890,0.12345678901234567890,1e400,1.0,-0,42]'
    const { upstream } = await start(({ message: { id } }, response) =>
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(`{"jsonrpc":"2.0","id":${id},"result":{"structuredContent":{"numbers":${numbers}}}}`),
    )
    const answer = await call(await upstream.peer(speakerOf('legacy')))
    expect(JSON.stringify(answer)).toContain(`"numbers":${numbers}`)
  })

  test('may be an error, with whatever status and with its data', async () => {
    const error = { code: -5, message: 'no', data: { why: 1 } }
    const { upstream } = await start(({ message: { id } }, response) => json(response, { id, error }, 400))
    await expect(call(await upstream.peer(speakerOf('legacy')))).resolves.toEqual({ error })
  })

  test('goes to its own call, of many at once', async () => {
    const { upstream } = await start(
      ({ message }, response) =>
        void setTimeout(
          () => json(response, { id: message.id, result: { ...message.params } }),
          Math.random() * 20,
        ),
    )
    const peer = await upstream.peer(speakerOf('legacy'))
    const names = Array.from({ length: 200 }, (_, index) => `call-${index}`)
    const answers = await Promise.all(names.map((name) => call(peer, name)))
    expect(answers).toMatchObject(names.map((name) => ({ result: { name } })))
  })
})

describe('on the way to an answer', () => {
  test('progress and logs go to the request’s own listener, under the client’s own token', async () => {
    const { server, upstream } = await start(({ message: { id, params } }, response) => {
      const { progressToken } = params?.['_meta'] as { progressToken: number }
      events(response).write(
        event({ method: 'notifications/progress', params: { progressToken, progress: 1 } }) +
          event({ method: 'notifications/progress', params: { progressToken: 'mine', progress: 2 } }) +
          event({
            method: 'notifications/progress',
            params: { progressToken: progressToken + 1, progress: 3 },
          }) +
          event({ method: 'notifications/message', params: { level: 'info', data: 'x' } }) +
          event({ id, result: {} }),
      )
    })
    const speaker = speakerOf('legacy')
    const peer = await upstream.peer(speaker)
    const told: Message[] = []
    const params = { name: 'x', _meta: { progressToken: 'mine', 'com.example/kept': 1 } }
    await peer.request('tools/call', params, {
      ...within,
      onNotification: (message) => void told.push(message),
    })
    expect(told).toEqual([
      { method: 'notifications/progress', params: { progressToken: 'mine', progress: 1 } },
      { method: 'notifications/message', params: { level: 'info', data: 'x' } },
    ])
    expect(speaker.told).toEqual([])
    const [sent] = server.of('tools/call')
    expect(sent?.message.params?.['_meta']).toEqual({
      progressToken: sent?.message.id,
      'com.example/kept': 1,
    })
  })

  test('what the modern era keeps in _meta stays here', async () => {
    const { server, upstream } = await start(answered('x'))
    const peer = await upstream.peer(speakerOf('legacy'))
    const meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': {},
      'io.modelcontextprotocol/clientCapabilities': {},
      'io.modelcontextprotocol/logLevel': 'debug',
      traceparent: '00-1-2-3',
    }
    await peer.request('tools/call', { name: 'x', _meta: meta }, within)
    expect(server.of('tools/call')[0]?.message.params?.['_meta']).toEqual({ traceparent: '00-1-2-3' })
  })

  test('the server’s questions are answered by a POST each, with the server’s ids', async () => {
    const { server, upstream } = await start(({ message: { id } }, response) => {
      events(response).write(
        event({ id: 'q1', method: 'elicitation/create', params: { message: 'Who?' } }) +
          event({ id: 7, method: 'ping' }),
      )
      const timer = setInterval(() => {
        if (server.seen.filter(({ message }) => 'result' in message).length < 2) return
        clearInterval(timer)
        response.write(event({ id, result: {} }))
      }, 5)
    })
    const peer = await upstream.peer(speakerOf('legacy'))
    const asked: Message[] = []
    await peer.request(
      'tools/call',
      { name: 'x' },
      {
        ...within,
        onRequest(message) {
          asked.push(message)
          return Promise.resolve({ result: { action: 'decline' } })
        },
      },
    )
    expect(asked).toEqual([{ method: 'elicitation/create', params: { message: 'Who?' } }])
    const replies = server.seen.filter(({ message }) => 'result' in message)
    expect(replies.map(({ message }) => message)).toEqual(
      expect.arrayContaining([
        { jsonrpc: '2.0', id: 'q1', result: { action: 'decline' } },
        { jsonrpc: '2.0', id: 7, result: {} },
      ]),
    )
    expect(replies[0]?.headers).toMatchObject({ 'mcp-session-id': 'session-1' })
  })

  test('a question falls when the server takes it back, and when its request is over', async () => {
    const aborted: string[] = []
    const { server, upstream } = await start(({ message: { id } }, response) => {
      events(response).write(
        event({ id: 'back', method: 'elicitation/create', params: {} }) +
          event({ id: 'left', method: 'elicitation/create', params: {} }) +
          event({ method: 'notifications/cancelled', params: { requestId: 'back' } }) +
          event({ id, result: {} }),
      )
    })
    const peer = await upstream.peer(speakerOf('legacy'))
    let count = 0
    await peer.request(
      'tools/call',
      { name: 'x' },
      {
        ...within,
        onRequest: (_message, signal) =>
          new Promise((resolve) => {
            const name = count++ === 0 ? 'back' : 'left'
            signal.addEventListener('abort', () => {
              aborted.push(name)
              resolve({ result: {} })
            })
          }),
      },
    )
    expect(aborted).toEqual(['back', 'left'])
    await call(peer).catch(() => undefined)
    expect(server.seen.filter(({ message }) => 'result' in message)).toEqual([])
  })
})

describe('an event stream that breaks off', () => {
  test('is taken up where it broke, after the time that the server said', async () => {
    let brokeAtMs = 0
    let waitedMs = 0
    let id: number | undefined
    const { server, upstream } = await start(
      ({ message }, response) => {
        id = message.id
        events(response).write(
          `id: e1\nretry: 300\ndata: \n\n${event({ method: 'notifications/message', params: {} }, 'e2')}`,
        )
        setTimeout(() => {
          brokeAtMs = performance.now()
          response.end()
        }, 20)
      },
      {
        get(_seen, response) {
          waitedMs = performance.now() - brokeAtMs
          events(response).write(event({ id, result: { whole: true } }, 'e3'))
        },
      },
    )
    await expect(call(await upstream.peer(speakerOf('legacy')))).resolves.toEqual({ result: { whole: true } })
    expect(server.seen.filter(({ verb }) => verb === 'GET')).toMatchObject([
      { headers: { 'last-event-id': 'e2' } },
    ])
    expect(waitedMs).toBeGreaterThanOrEqual(290)
  })

  test('and cannot be taken up is said', async () => {
    const broken = await start((_seen, response) => void events(response).end(': nothing\n\n'))
    await expect(call(await broken.upstream.peer(speakerOf('legacy')))).rejects.toMatchObject({
      message: 'The upstream up broke off before its answer was complete.',
    })
    const refused = await start(
      (_seen, response) => void events(response).end('id: 1\nretry: 100\ndata: \n\n'),
    )
    await expect(call(await refused.upstream.peer(speakerOf('legacy')))).rejects.toMatchObject({
      message: expect.stringContaining('does not go on'),
    })
  })
})

describe('no answer', () => {
  test('in time is said, and the server is told', async () => {
    const { server, upstream } = await start((_seen, response) => void events(response).write(': wait\n\n'))
    const peer = await upstream.peer(speakerOf('legacy'))
    await expect(call(peer, 'x', {}, { timeoutMs: 100 })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      message: 'The upstream up did not answer within 100 ms.',
    })
    await vi.waitFor(() => expect(server.of('notifications/cancelled')).toHaveLength(1))
    expect(server.of('notifications/cancelled')[0]?.message.params).toMatchObject({
      requestId: server.of('tools/call')[0]?.message.id,
    })
  })

  test('is waited for no longer when the client goes away, and the server is told', async () => {
    const closed = Promise.withResolvers<void>()
    const { server, upstream } = await start(
      (_seen, response) => void response.on('close', () => closed.resolve()),
    )
    const peer = await upstream.peer(speakerOf('legacy'))
    const gone = new AbortController()
    const waiting = peer.request('tools/call', { name: 'x' }, { ...within, signal: gone.signal })
    await vi.waitFor(() => expect(server.of('tools/call')).toHaveLength(1))
    gone.abort()
    await expect(waiting).rejects.toMatchObject({ message: 'The client went away.' })
    await closed.promise
    await vi.waitFor(() => expect(server.of('notifications/cancelled')).toHaveLength(1))
  })

  test('to a client that was gone before is not even asked for', async () => {
    const { server, upstream } = await start(answered('x'))
    const peer = await upstream.peer(speakerOf('legacy'))
    const waiting = peer.request('tools/call', { name: 'x' }, { ...within, signal: AbortSignal.abort() })
    await expect(waiting).rejects.toMatchObject({ message: 'The client went away.' })
    expect(server.of('tools/call')).toHaveLength(0)
  })
})

describe('outside of requests', () => {
  test('what the server tells and asks on its stream goes to the speaker', async () => {
    const { server, upstream } = await start(answered('x'), {
      get(_seen, response) {
        events(response).write(
          event({ method: 'notifications/tools/list_changed' }) + event({ id: 1, method: 'roots/list' }),
        )
      },
    })
    const speaker = speakerOf('legacy')
    const peer = await upstream.peer(speaker)
    expect(server.seen.filter(({ verb }) => verb === 'GET')).toHaveLength(0)
    peer.follow()
    peer.follow()
    await vi.waitFor(() =>
      expect(server.seen.at(-1)?.message).toMatchObject({ id: 1, result: { action: 'accept' } }),
    )
    expect(speaker.told).toEqual([{ method: 'notifications/tools/list_changed' }])
    expect(speaker.asked).toEqual([{ method: 'roots/list' }])
    expect(server.seen.filter(({ verb }) => verb === 'GET')).toHaveLength(1)
  })

  test('the stream is opened again where it broke, and not where there is none', async () => {
    let openings = 0
    const { server, upstream } = await start(answered('x'), {
      get(_seen, response) {
        if (++openings === 1)
          events(response).end('id: g1\nretry: 100\ndata: {"jsonrpc":"2.0","method":"a"}\n\n')
        else response.writeHead(405).end()
      },
    })
    const peer = await upstream.peer(speakerOf('legacy'))
    peer.follow()
    await vi.waitFor(() => expect(openings).toBe(2), { timeout: 3_000 })
    expect(server.seen.at(-1)?.headers).toMatchObject({ 'last-event-id': 'g1' })
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(openings).toBe(2)
  })

  test('a session that the stream finds gone is begun anew while somebody follows it', async () => {
    let openings = 0
    const { server, upstream } = await start(answered('x'), {
      get(_seen, response) {
        if (++openings === 1) response.writeHead(404).end()
        else events(response).write(event({ method: 'notifications/back' }))
      },
    })
    const speaker = speakerOf('legacy')
    const peer = await upstream.peer(speaker)
    peer.follow()
    await vi.waitFor(() => expect(speaker.told).toEqual([{ method: 'notifications/back' }]), {
      timeout: 4_000,
    })
    expect(server.of('initialize')).toHaveLength(2)
  })

  test('a client’s own cancellations and handshakes are not passed on: its ids mean something else here', async () => {
    const { server, upstream } = await start(answered('x'))
    const peer = await upstream.peer(speakerOf('legacy'))
    await peer.notify('notifications/cancelled', { requestId: 1 })
    await peer.notify('notifications/initialized')
    await peer.notify('notifications/roots/list_changed')
    const sent = server.seen.flatMap(({ message }) => message.method ?? [])
    expect(sent).toEqual(['initialize', 'notifications/initialized', 'notifications/roots/list_changed'])
  })
})

test('a listener gets the changes that it asked for, and subscriptions are counted', async () => {
  const capabilities = { tools: { listChanged: true }, resources: { subscribe: true } }
  const stream = Promise.withResolvers<ReturnType<typeof events>>()
  const { server, upstream } = await start(
    ({ message: { id, params } }, response) =>
      params?.['uri'] === 'bad:1'
        ? json(response, { id, error: { code: -32002, message: 'no' } })
        : json(response, { id, result: {} }),
    { capabilities, get: (_seen, response) => stream.resolve(events(response)) },
  )
  const peer = await upstream.peer(speakerOf('legacy'))
  const told: { one: Message[]; two: Message[] } = { one: [], two: [] }
  const ends = { one: new AbortController(), two: new AbortController() }
  const listen = (who: 'one' | 'two', filter: Parameters<typeof peer.listen>[0]) =>
    peer.listen(filter, {
      signal: ends[who].signal,
      onNotification: (message) => void told[who].push(message),
    })
  const one = await listen('one', {
    toolsListChanged: true,
    promptsListChanged: true,
    resourceSubscriptions: ['a:1', 'bad:1'],
  })
  expect(one.honored).toEqual({ toolsListChanged: true, resourceSubscriptions: ['a:1'] })
  const two = await listen('two', { resourceSubscriptions: ['a:1'] })
  expect(two.honored).toEqual({ resourceSubscriptions: ['a:1'] })
  expect(server.of('resources/subscribe').map(({ message }) => message.params?.['uri'])).toEqual([
    'a:1',
    'bad:1',
  ])

  const updated = { method: 'notifications/resources/updated', params: { uri: 'a:1' } }
  const changed = { method: 'notifications/tools/list_changed' }
  ;(await stream.promise).write(
    event(updated) + event(changed) + event({ ...updated, params: { uri: 'b:1' } }),
  )
  await vi.waitFor(() => expect(told).toEqual({ one: [updated, changed], two: [updated] }))

  ends.one.abort()
  await one.ended
  await call(peer)
  expect(server.of('resources/unsubscribe')).toHaveLength(0)
  ends.two.abort()
  await two.ended
  await vi.waitFor(() => expect(server.of('resources/unsubscribe')).toHaveLength(1))
})

test('what stays open of an upstream that is removed is closed', async () => {
  const { server, upstream } = await start(answered('x'), {
    get: (_seen, response) => void events(response).write(': open\n\n'),
  })
  const peer = await upstream.peer(speakerOf('legacy'))
  peer.follow()
  const listening = await peer.listen(
    {},
    { signal: new AbortController().signal, onNotification: () => undefined },
  )
  await upstream[Symbol.asyncDispose]()
  await listening.ended
  expect(last(server)).toMatchObject({ verb: 'DELETE' })
  await expect(upstream.peer(speakerOf('legacy'))).rejects.toMatchObject({
    message: 'The upstream up was removed.',
  })
})

function last(server: ScriptedServer) {
  return server.seen.at(-1)
}
