// Streamable HTTP of 2026-07-28: no session, `_meta` and headers on each request, streams that belong to one request.
import { afterEach, describe, expect, test, vi } from 'vitest'
import { META, type Message } from '@mcpshield/mcp/messages'
import type { JsonObject } from '@mcpshield/policy/facts'
import { event, events, json, modernServer, scriptedServer, type Respond } from './scripted-server.ts'
import { call, connect, speakerOf, within } from './speakers.ts'

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]()
})

async function start(respond: Respond, tools: JsonObject[] = []) {
  const server = await modernServer(respond, tools)
  const upstream = connect(server.url)
  open.push(server, upstream)
  return { server, upstream }
}

const answered: Respond = ({ message }, response) =>
  json(response, { id: message.id, result: { resultType: 'complete' } })

const ours = {
  [META.protocolVersion]: '2026-07-28',
  [META.clientInfo]: { name: 'tester', version: '1' },
  [META.clientCapabilities]: { elicitation: {} },
}

describe('a request', () => {
  test('stands alone: who asks, in its _meta; what it asks, in its headers', async () => {
    const { server, upstream } = await start(answered)
    const peer = await upstream.peer(speakerOf('modern'))
    expect(peer).toMatchObject({
      era: 'modern',
      server: { protocolVersion: '2026-07-28', serverInfo: { name: 'modern' } },
    })
    await call(peer, 'add', { a: 1 })
    const [discover] = server.seen
    const [sent] = server.of('tools/call')
    expect(discover?.message.params).toEqual({ _meta: ours })
    expect(sent?.message.params).toEqual({ name: 'add', arguments: { a: 1 }, _meta: ours })
    expect(sent?.headers).toMatchObject({
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'add',
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      'x-secret': 's',
    })
    expect(sent?.headers).not.toHaveProperty('mcp-session-id')
    expect(server.of('initialize')).toHaveLength(0)
  })

  test('says of its client what it says itself, but for the version', async () => {
    const { server, upstream } = await start(answered)
    const peer = await upstream.peer(speakerOf('modern'))
    const meta = {
      [META.protocolVersion]: '2099-01-01',
      [META.clientInfo]: { name: 'other', version: '2' },
      [META.clientCapabilities]: {},
      [META.logLevel]: 'debug',
      'com.example/kept': 1,
    }
    await peer.request('tools/list', { _meta: meta }, within)
    expect(server.of('tools/list')[0]?.message.params?.['_meta']).toEqual({
      ...meta,
      [META.protocolVersion]: '2026-07-28',
    })
  })

  test('names what it acts on, encoded where a header cannot hold it', async () => {
    const { server, upstream } = await start(answered, [{ name: 'größe' }, { name: '=?base64?eA==?=' }])
    const peer = await upstream.peer(speakerOf('modern'))
    const nameOf = async (method: string, params: JsonObject) => {
      await peer.request(method, params, within)
      return server.seen.at(-1)?.headers['mcp-name']
    }
    expect(await nameOf('tools/call', { name: 'größe' })).toBe('=?base64?Z3LDtsOfZQ==?=')
    expect(await nameOf('tools/call', { name: '=?base64?eA==?=' })).toBe('=?base64?PT9iYXNlNjQ/ZUE9PT89?=')
    expect(await nameOf('resources/read', { uri: 'file:///a b' })).toBe('file:///a b')
    expect(await nameOf('prompts/get', { name: ' padded' })).toBe('=?base64?IHBhZGRlZA==?=')
    expect(await nameOf('tasks/get', { taskId: 't1' })).toBe('t1')
    expect(await nameOf('completion/complete', { name: 'x' })).toBeUndefined()
    expect(await nameOf('constructor', { name: 'x' })).toBeUndefined()
  })

  test('of a method that no header can hold is refused before anything is sent', async () => {
    const { server, upstream } = await start(answered)
    const peer = await upstream.peer(speakerOf('modern'))
    for (const method of ['a\r\nx-evil: 1', 'ü', '', ' a'])
      await expect(peer.request(method, {}, within)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(server.seen).toHaveLength(1)
  })

  test('that is given up closes its stream, and nothing else is said', async () => {
    const closed = Promise.withResolvers<void>()
    const { server, upstream } = await start((_seen, response) => {
      events(response).write(': wait\n\n')
      response.on('close', () => closed.resolve())
    })
    const peer = await upstream.peer(speakerOf('modern'))
    const gone = new AbortController()
    const waiting = peer.request('prompts/get', { name: 'x' }, { ...within, signal: gone.signal })
    await vi.waitFor(() => expect(server.of('prompts/get')).toHaveLength(1))
    gone.abort()
    await expect(waiting).rejects.toMatchObject({ message: 'The client went away.' })
    await closed.promise
    expect(server.of('notifications/cancelled')).toHaveLength(0)
  })

  test('hears only what is told of itself, under its client’s token, and is never asked', async () => {
    const { upstream } = await start(({ message: { id } }, response) => {
      events(response).write(
        event({ method: 'notifications/progress', params: { progressToken: id, progress: 1 } }) +
          event({ method: 'notifications/progress', params: { progressToken: 'mine', progress: 2 } }) +
          event({ method: 'notifications/message', params: { level: 'info', data: 'x' } }) +
          event({ id: 5, method: 'elicitation/create', params: {} }) +
          event({ id: 'other', result: { of: 'another' } }) +
          event({ id, result: { resultType: 'complete' } }),
      )
    })
    const speaker = speakerOf('modern')
    const peer = await upstream.peer(speaker)
    const told: Message[] = []
    const options = { ...within, onNotification: (message: Message) => void told.push(message) }
    const answer = await peer.request('prompts/get', { name: 'x', _meta: { progressToken: 'mine' } }, options)
    expect(answer).toEqual({ result: { resultType: 'complete' } })
    expect(told).toEqual([
      { method: 'notifications/progress', params: { progressToken: 'mine', progress: 1 } },
      { method: 'notifications/message', params: { level: 'info', data: 'x' } },
    ])
    expect(speaker.asked).toEqual([])
  })

  test('whose stream breaks off is said, and not taken up again', async () => {
    const { server, upstream } = await start(
      (_seen, response) => void events(response).end('id: 1\ndata: \n\n'),
    )
    const peer = await upstream.peer(speakerOf('modern'))
    await expect(peer.request('prompts/get', { name: 'x' }, within)).rejects.toMatchObject({
      message: 'The upstream up broke off before its answer was complete.',
    })
    expect(server.seen.filter(({ verb }) => verb === 'GET')).toHaveLength(0)
  })

  test('refused for its version is sent once more where the server knows ours, and no more than once', async () => {
    const refused: Respond = ({ message }, response) =>
      json(
        response,
        { id: message.id, error: { code: -32022, message: 'no', data: { supported: ['2026-07-28'] } } },
        400,
      )
    const { server, upstream } = await start(refused)
    const peer = await upstream.peer(speakerOf('modern'))
    await expect(peer.request('prompts/get', { name: 'x' }, within)).resolves.toMatchObject({
      error: { code: -32022 },
    })
    expect(server.of('prompts/get')).toHaveLength(2)
    expect(server.of('prompts/get')[0]?.message.id).not.toBe(server.of('prompts/get')[1]?.message.id)
  })

  test('without an answer of its method is an error of the server’s, not a lost server', async () => {
    const { upstream } = await start(({ message }, response) =>
      json(response, { id: message.id, error: { code: -32601, message: 'no such method' } }, 404),
    )
    const peer = await upstream.peer(speakerOf('modern'))
    await expect(peer.request('custom/x', {}, within)).resolves.toEqual({
      error: { code: -32601, message: 'no such method' },
    })
  })
})

describe('parameters that headers mirror', () => {
  const tool = (header: JsonObject) => ({
    name: 'query',
    inputSchema: { type: 'object', properties: { region: { type: 'string', ...header } } },
  })
  const paramHeaders = (headers: object) =>
    Object.entries(headers).filter(([name]) => name.startsWith('mcp-param-'))

  test('are known from a list that passed', async () => {
    const { server, upstream } = await start(answered, [tool({ 'x-mcp-header': 'Region' })])
    const peer = await upstream.peer(speakerOf('modern'))
    await peer.request('tools/list', {}, within)
    await call(peer, 'query', { region: 'süd', other: 'x' })
    await call(peer, 'query', {})
    expect(server.of('tools/call').map(({ headers }) => paramHeaders(headers))).toEqual([
      [['mcp-param-region', '=?base64?c8O8ZA==?=']],
      [],
    ])
    expect(server.of('tools/list')).toHaveLength(1)
  })

  test('are looked up once for a tool that is not known', async () => {
    const { server, upstream } = await start(answered, [tool({ 'x-mcp-header': 'Region' })])
    const peer = await upstream.peer(speakerOf('modern'))
    await Promise.all([
      call(peer, 'query', { region: 'a' }),
      call(peer, 'unknown', {}),
      call(peer, 'unknown', {}),
    ])
    await call(peer, 'unknown', {})
    expect(server.of('tools/list')).toHaveLength(1)
    const [sent] = server.of('tools/call').filter(({ message }) => message.params?.['name'] === 'query')
    expect(sent?.headers).toMatchObject({ 'mcp-param-region': 'a' })
  })

  test('are looked up again when the server finds them wrong, and the call is sent once more', async () => {
    const tools = [tool({})]
    const { server, upstream } = await start(({ message, headers }, response) => {
      if (headers['mcp-param-zone'] === 'a') return json(response, { id: message.id, result: {} })
      tools[0] = tool({ 'x-mcp-header': 'Zone' })
      json(response, { id: message.id, error: { code: -32020, message: 'mismatch' } }, 400)
    }, tools)
    const peer = await upstream.peer(speakerOf('modern'))
    await peer.request('tools/list', {}, within)
    await expect(call(peer, 'query', { region: 'a' })).resolves.toEqual({ result: {} })
    expect(server.of('tools/call')).toHaveLength(2)
    await expect(call(peer, 'query', { region: 'b' })).resolves.toMatchObject({ error: { code: -32020 } })
    expect(server.of('tools/call')).toHaveLength(4)
  })

  test('of an invalid kind leave the tool out of lists, and its calls are not sent', async () => {
    const bad = { ...tool({ 'x-mcp-header': 'No Name' }), name: 'bad' }
    const { server, upstream } = await start(answered, [bad, tool({ 'x-mcp-header': 'Region' })])
    const peer = await upstream.peer(speakerOf('modern'))
    const listed = await peer.request('tools/list', {}, within)
    expect(listed).toMatchObject({ result: { tools: [{ name: 'query' }] } })
    await expect(call(peer, 'bad', {})).resolves.toMatchObject({ error: { code: -32602 } })
    await expect(call(peer, 'query', {})).resolves.toMatchObject({ result: {} })
    expect(server.of('tools/call').map(({ message }) => message.params?.['name'])).toEqual(['query'])
  })

  test('never make us follow a reference', async () => {
    const trap = await scriptedServer((_seen, response) => void response.end())
    open.push(trap)
    const schema = {
      type: 'object',
      properties: { a: { $ref: trap.url } },
      $ref: trap.url,
      allOf: [{ $ref: trap.url }],
    }
    const { upstream } = await start(answered, [{ name: 'query', inputSchema: schema }])
    const peer = await upstream.peer(speakerOf('modern'))
    await peer.request('tools/list', {}, within)
    await call(peer, 'query', { a: 1 })
    expect(trap.seen).toHaveLength(0)
  })
})

describe('listening', () => {
  const subscriptionId = (id: unknown) => ({ [META.subscriptionId]: id })

  test('gives the changes that were asked for, without the server’s own id, until it is given up', async () => {
    const closed = Promise.withResolvers<void>()
    const { server, upstream } = await start(({ message: { id } }, response) => {
      const _meta = subscriptionId(id) as JsonObject
      events(response).write(
        event({
          method: 'notifications/subscriptions/acknowledged',
          params: { _meta, notifications: { toolsListChanged: true } },
        }) +
          event({ method: 'notifications/tools/list_changed', params: { _meta } }) +
          event({ method: 'notifications/prompts/list_changed', params: { _meta } }) +
          event({ method: 'notifications/resources/updated', params: { _meta, uri: 'a:1' } }) +
          event({ method: 'notifications/resources/updated', params: { _meta, uri: 'b:1' } }) +
          event({ method: 'com.example/extension', params: { _meta: { ..._meta, kept: 1 } } }),
      )
      response.on('close', () => closed.resolve())
    })
    const peer = await upstream.peer(speakerOf('modern'))
    const told: Message[] = []
    const end = new AbortController()
    const filter = { toolsListChanged: true, resourceSubscriptions: ['a:1'] }
    const listening = await peer.listen(filter, {
      signal: end.signal,
      onNotification: (message) => void told.push(message),
    })
    expect(listening.honored).toEqual({ toolsListChanged: true })
    await vi.waitFor(() =>
      expect(told).toEqual([
        { method: 'notifications/tools/list_changed', params: {} },
        { method: 'notifications/resources/updated', params: { uri: 'a:1' } },
        { method: 'com.example/extension', params: { _meta: { kept: 1 } } },
      ]),
    )
    const [sent] = server.of('subscriptions/listen')
    expect(sent?.message.params).toEqual({ notifications: filter, _meta: ours })
    expect(sent?.headers).toMatchObject({ 'mcp-method': 'subscriptions/listen' })
    end.abort()
    await listening.ended
    await closed.promise
  })

  test('ends with the server’s stream, and with the speaker', async () => {
    const { upstream } = await start(({ message: { id } }, response) => {
      events(response).write(
        event({ method: 'notifications/subscriptions/acknowledged', params: { notifications: {} } }),
      )
      if (id !== undefined) setTimeout(() => response.write(event({ id, result: {} })), 30)
    })
    const peer = await upstream.peer(speakerOf('modern'))
    const quiet = { signal: new AbortController().signal, onNotification: () => undefined }
    await (
      await peer.listen({}, quiet)
    ).ended

    const endless = await start((_seen, response) => {
      events(response).write(
        event({ method: 'notifications/subscriptions/acknowledged', params: { notifications: {} } }),
      )
    })
    const speaker = speakerOf('modern')
    const listening = await (await endless.upstream.peer(speaker)).listen({}, quiet)
    endless.upstream.leave(speaker.id)
    await listening.ended
  })

  test('that the server refuses is said', async () => {
    const { upstream } = await start(({ message: { id } }, response) =>
      json(response, { id, error: { code: -32601, message: 'no such method' } }, 404),
    )
    const peer = await upstream.peer(speakerOf('modern'))
    const quiet = { signal: new AbortController().signal, onNotification: () => undefined }
    await expect(peer.listen({}, quiet)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: 'The upstream up refused to be listened to: no such method.',
    })
  })
})
