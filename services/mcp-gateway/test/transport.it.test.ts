import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import type { AuditEvent } from '@mcpshield/contracts/audit'
import { writeAnswer } from '@mcpshield/mcp/json-rpc'
import { issuerTerms } from '@mcpshield/pdp/current-credential'
import { resourceUrl } from '../src/bearer.ts'
import {
  begin,
  echo,
  modern,
  PROJECT,
  request,
  result,
  send,
  startInstances,
  stream,
  type Answer,
  type Gateway,
  type Instances,
} from './instances.ts'

let all: Instances
let gateway: Gateway
let key: string
const answered: string[] = []

const answer: Answer = async (exchange) => {
  const { method, params } = exchange.request
  answered.push(method)
  if (method === 'unknown/method') return writeAnswer({ error: { code: -32601, message: 'Not known.' } })
  if (method === 'fail') return writeAnswer({ error: { code: Number(params['code']), message: 'No.' } })
  return echo(exchange)
}

beforeAll(async () => {
  all = await startInstances()
  gateway = await all.start(answer)
  key = await all.key()
})
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]()
  await all?.[Symbol.asyncDispose]()
})

const ask = (options: Parameters<typeof send>[1] = {}) =>
  send(gateway, { body: request('ping'), ...options, headers: { 'x-api-key': key, ...options.headers } })
const codeOf = (reply: { json(): object }) => (reply.json() as { error?: { code?: number } }).error?.code

describe('ways in', () => {
  test('are open to a key, by either header, at each path', async () => {
    for (const path of ['/mcp', '/mcp/github', `/p/${PROJECT}/mcp`, `/p/${PROJECT}/mcp/github`]) {
      for (const headers of [{ 'x-api-key': key }, { authorization: `Bearer ${key}` }]) {
        const reply = await send(gateway, { path, headers, body: request('ping') })
        expect(reply.status, path).toBe(200)
        expect(reply.json()).toMatchObject({
          id: 1,
          result: { only: path.endsWith('github') ? 'github' : null },
        })
      }
    }
  })

  test('are closed to strangers, at each path and to each method, and say where tokens are to be had', async () => {
    const before = answered.length
    for (const path of ['/mcp', '/mcp/github', `/p/${PROJECT}/mcp`, `/p/${PROJECT}/mcp/github`]) {
      for (const method of ['GET', 'POST', 'DELETE', 'PUT', 'PATCH']) {
        for (const headers of [
          {},
          { 'x-api-key': 'mcps_wrong' },
          { authorization: 'Basic eDp5' },
          { authorization: `Bearer ${key}x` },
        ]) {
          const reply = await send(gateway, {
            method,
            path,
            headers,
            ...(method === 'POST' ? { body: request('ping') } : {}),
          })
          expect(reply.status, `${method} ${path}`).toBe(401)
          const challenge = String(reply.headers['www-authenticate'])
          expect(challenge).toMatch(/^Bearer /)
          const document = `resource_metadata="http://localhost:0/.well-known/oauth-protected-resource${path}"`
          expect(challenge.includes(document)).toBe(path.startsWith('/p/'))
        }
      }
    }
    expect(answered.length).toBe(before)
  })

  test('of two different credentials in one request neither counts', async () => {
    const other = await all.key()
    expect((await ask({ headers: { authorization: `Bearer ${other}` } })).status).toBe(401)
    expect((await ask({ headers: { authorization: 'Basic eDp5' } })).status).toBe(401)
    expect((await ask({ headers: { authorization: `Bearer ${key}` } })).status).toBe(200)
  })

  test('of a project are closed to another project’s keys', async () => {
    const other = await all.key({ project_id: '019a0000-0000-7000-8000-00000000000b' })
    const path = `/p/${PROJECT}/mcp`
    expect(
      (await send(gateway, { path, headers: { 'x-api-key': other }, body: request('ping') })).status,
    ).toBe(401)
    expect((await send(gateway, { headers: { 'x-api-key': other }, body: request('ping') })).status).toBe(200)
  })

  test('that do not exist are 404, whoever asks', async () => {
    for (const path of ['/', '/mcp/', '/MCP', '/sse', '/mcp/A', '/p/x/mcp'])
      expect((await ask({ path })).status, path).toBe(404)
  })

  test('end when the key does', async () => {
    const brief = await all.key()
    const asking = () => send(gateway, { headers: { 'x-api-key': brief }, body: request('ping') })
    expect((await asking()).status).toBe(200)
    await all.revoke(brief)
    await vi.waitFor(async () => expect((await asking()).status).toBe(401))
  })

  test('let a key go that is revoked while the body is on its way', async () => {
    const brief = await all.key()
    const socket = connect(gateway.port, '127.0.0.1')
    let text = ''
    socket.on('data', (chunk) => (text += chunk.toString()))
    const body = JSON.stringify(request('slow/body'))
    socket.write(
      `POST /mcp HTTP/1.1\r\nhost: 127.0.0.1:${gateway.port}\r\nx-api-key: ${brief}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body.slice(0, 5)}`,
    )
    await all.revoke(brief)
    await vi.waitFor(async () =>
      expect((await send(gateway, { headers: { 'x-api-key': brief }, body: request('ping') })).status).toBe(
        401,
      ),
    )
    socket.write(body.slice(5))
    await vi.waitFor(() => expect(text).toContain('401 Unauthorized'))
    expect(answered).not.toContain('slow/body')
    socket.destroy()
  })
})

describe('access tokens', () => {
  const issuer = 'https://id.example.com'
  const credential = {
    key_id: null,
    issuer_terms: issuerTerms({ issuer }),
    subject: 'person',
    project_id: PROJECT,
    org_id: '019a0000-0000-7000-8000-0000000000ff',
    name: 'token',
    labels: [],
    upstreams: null,
    expires_at: '2999-01-01T00:00:00.000Z',
    user: 'a@example.com',
    groups: [],
  }

  test('are taken at the project’s own endpoint and nowhere else', async () => {
    await using other = await all.start(echo, {
      bearer: { credential: async (token) => (token === 'good' ? credential : undefined) },
    })
    await all.project({ token_issuer: { issuer } })
    const at = (path: string, headers: Record<string, string>) =>
      send(other, { path, headers, body: request('ping') })
    const good = { authorization: 'Bearer good' }
    await vi.waitFor(async () => expect((await at(`/p/${PROJECT}/mcp`, good)).status).toBe(200))
    expect((await at('/mcp', good)).status).toBe(401)
    expect((await at(`/p/${PROJECT}/mcp`, { 'x-api-key': 'good' })).status).toBe(401)
    expect((await at('/p/019a0000-0000-7000-8000-00000000000b/mcp', good)).status).toBe(401)
    const bad = await at(`/p/${PROJECT}/mcp`, { authorization: 'Bearer bad' })
    expect(bad.status).toBe(401)
    expect(bad.headers['www-authenticate']).toContain('error="invalid_token"')
    await all.project()
  })

  test('of an issuer that the project has replaced end their streams within a second', async () => {
    const waits: Answer = async (exchange) => {
      exchange.notify({ method: 'notifications/message', params: {} })
      const { signal } = exchange
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
      return result({})
    }
    await using other = await all.start(waits, { bearer: { credential: async () => credential } })
    await all.project({ token_issuer: { issuer } })
    const path = `/p/${PROJECT}/mcp`
    const headers = { authorization: 'Bearer good' }
    const open = () => stream(other, { path, headers, body: request('wait') })
    await vi.waitFor(async () => {
      await using each = await open()
      expect(each.status).toBe(200)
    })
    await using waiting = await open()
    await waiting.message(0)
    let isClosed = false
    void waiting.closed.then(() => (isClosed = true))
    await all.project({ token_issuer: { issuer }, environment: 'prod' })
    await new Promise((resolve) => setTimeout(resolve, 1_200))
    expect(isClosed).toBe(false)
    await all.project({ token_issuer: { issuer: 'https://new.example.com' } })
    const startedMs = performance.now()
    await waiting.closed
    expect(performance.now() - startedMs).toBeLessThan(1_500)
    await all.project()
  })

  test('are said to be of the project’s issuer; a project without one looks like none', async () => {
    const path = `/.well-known/oauth-protected-resource/p/${PROJECT}/mcp`
    const nothing = '/.well-known/oauth-protected-resource/p/019a0000-0000-7000-8000-00000000000b/mcp'
    const [without, unknown] = [
      await ask({ method: 'GET', path }),
      await ask({ method: 'GET', path: nothing }),
    ]
    expect(without.status).toBe(404)
    expect(without.text).toBe(unknown.text)
    await all.project({ token_issuer: { issuer } })
    await vi.waitFor(async () => expect((await send(gateway, { method: 'GET', path })).status).toBe(200))
    for (const each of [path, `${path}/github`])
      expect((await send(gateway, { method: 'GET', path: each })).json()).toEqual({
        resource: resourceUrl('http://localhost:0', PROJECT),
        authorization_servers: [issuer],
        bearer_methods_supported: ['header'],
      })
    await all.project()
  })
})

describe('the modern era', () => {
  test('is answered without a session, whatever session is named', async () => {
    const { headers, body } = modern('tools/call', { name: 'echo', arguments: {} })
    const reply = await ask({ headers: { ...headers, 'mcp-session-id': 'x', 'last-event-id': 'y' }, body })
    expect(reply.status).toBe(200)
    expect(reply.headers).not.toHaveProperty('mcp-session-id')
    expect(reply.json()).toMatchObject({ result: { agent: 'modern', version: '2026-07-28' } })
  })

  test('gives on what Mcp-Param-* say', async () => {
    const { headers, body } = modern('tools/call', { name: 'echo' })
    const reply = await ask({ headers: { ...headers, 'Mcp-Param-Region': '=?base64?w7w=?=' }, body })
    expect(reply.json()).toMatchObject({ result: { paramHeaders: { region: 'ü' } } })
  })

  test('refuses what the headers say otherwise, before anything is answered', async () => {
    const before = answered.length
    const { headers, body } = modern('tools/call', { name: 'echo' })
    for (const wrong of [
      { 'mcp-method': 'tools/list' },
      { 'mcp-method': undefined },
      { 'mcp-name': 'danger' },
      { 'mcp-name': undefined },
      { 'mcp-name': ['echo', 'echo'] },
      { 'mcp-method': ['tools/call', 'tools/call'] },
      { 'mcp-param-x': '=?base64?!?=' },
      { 'mcp-param-x': ['1', '1'] },
      { 'mcp-protocol-version': undefined },
      { 'mcp-protocol-version': '2025-11-25' },
    ]) {
      const reply = await ask({ headers: { ...headers, ...wrong }, body })
      expect(reply.status, JSON.stringify(wrong)).toBe(400)
      expect(codeOf(reply)).toBe(-32020)
    }
    expect(answered.length).toBe(before)
  })

  test('answers by the statuses of that revision', async () => {
    const status = async (code: number) => {
      const reply = await ask(modern('fail', { code }))
      expect(codeOf(reply)).toBe(code)
      return reply.status
    }
    expect(await status(-32601)).toBe(404)
    for (const code of [-32020, -32021, -32022]) expect(await status(code)).toBe(400)
    for (const code of [-32602, -32603, -31403]) expect(await status(code)).toBe(200)
    // The legacy era knows one status for every answer.
    expect((await ask({ body: request('unknown/method') })).status).toBe(200)
  })

  test('knows no GET, DELETE or answers of clients', async () => {
    const headers = { 'mcp-protocol-version': '2026-07-28' }
    for (const method of ['GET', 'DELETE']) {
      const reply = await ask({ method, headers, body: undefined })
      expect(reply.status).toBe(405)
      expect(reply.headers['allow']).toBe('POST')
    }
    expect((await ask({ headers, body: { jsonrpc: '2.0', id: 1, result: {} } })).status).toBe(400)
  })

  test('listens on a stream only', async () => {
    const { headers, body } = modern('subscriptions/listen', { notifications: {} })
    expect((await ask({ headers: { ...headers, accept: 'application/json' }, body })).status).toBe(406)
    expect((await ask({ headers, body })).status).toBe(200)
  })
})

describe('what is refused', () => {
  test.for([
    ['a batch', [request('ping')], 400, -32600],
    ['an empty body', '', 400, -32700],
    ['text that is not JSON', 'name=danger_delete', 400, -32700],
    ['a repeated key', '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}', 400, -32700],
    ['a byte order mark', `\ufeff${JSON.stringify(request('ping'))}`, 400, -32700],
    ['bytes that are not UTF-8', new Uint8Array([0x7b, 0xff, 0x7d]), 400, -32700],
    ['deep nesting', `${'['.repeat(20_000)}${']'.repeat(20_000)}`, 400, -32700],
    ['a tool as a notification', { jsonrpc: '2.0', method: 'tools/call', params: {} }, 400, -32600],
    ['an id that is a list', { ...request('ping'), id: [1] }, 400, -32600],
    ['a body larger than allowed', ' '.repeat(1024 * 1024 + 1), 413, -32600],
  ] as const)('%s', async ([, body, status, code]) => {
    const before = answered.length
    const reply = await ask({ body })
    expect(reply.status).toBe(status)
    expect(codeOf(reply)).toBe(code)
    expect(answered.length).toBe(before)
  })

  test('packed bodies, and what is not JSON by its type', async () => {
    const packed = gzipSync(Buffer.alloc(10 * 1024 * 1024, ' '))
    expect((await ask({ headers: { 'content-encoding': 'gzip' }, body: packed })).status).toBe(415)
    expect((await ask({ headers: { 'content-encoding': 'identity' } })).status).toBe(200)
    expect((await ask({ headers: { 'content-type': 'text/plain; a=application/json' } })).status).toBe(415)
    expect((await ask({ headers: { 'content-type': undefined } })).status).toBe(415)
    expect(
      (await ask({ headers: { 'content-type': ['application/json', 'application/json'] } })).status,
    ).toBe(400)
  })

  test('a body too large that does not say so before', async () => {
    const socket = connect(gateway.port, '127.0.0.1')
    let text = ''
    socket.on('data', (chunk) => (text += chunk.toString()))
    socket.on('error', () => undefined)
    socket.write(
      `POST /mcp HTTP/1.1\r\nhost: 127.0.0.1:${gateway.port}\r\nx-api-key: ${key}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`,
    )
    const chunk = ' '.repeat(64 * 1024)
    for (let sent = 0; sent < 20; sent++) socket.write(`10000\r\n${chunk}\r\n`)
    await vi.waitFor(() => expect(text).toContain('413'))
    socket.destroy()
  })

  test('leaves one record each', async () => {
    const own = await all.key()
    const from = (body: unknown, headers = {}) =>
      send(gateway, { headers: { 'x-api-key': own, ...headers }, body })
    await from('not json')
    await from([request('ping')])
    await from(request('ping'), { 'content-type': 'text/plain' })
    await from(modern('tools/list').body, { 'mcp-protocol-version': '2026-07-28' })
    await from(request('ping'), { 'mcp-session-id': 'guessed' })
    await from(request('ping'), { 'mcp-protocol-version': ['2025-11-25', '2025-11-25'] })
    const events = await recorded(own)
    expect(events.map(({ decision, rule }) => [decision, rule])).toEqual(Array(6).fill(['deny', 'malformed']))
    expect(events.map(({ reason }) => reason)).toEqual([
      expect.stringContaining('not JSON'),
      expect.stringContaining('Batches'),
      expect.stringContaining('content-type'),
      expect.stringContaining('Mcp-Method'),
      expect.stringContaining('no such session'),
      expect.stringContaining('repeated'),
    ])
  })

  /** The records of a key's refused messages, read from the stream. */
  async function recorded(own: string): Promise<AuditEvent[]> {
    const connection = await all.bus.raw('ingest')
    const provisioner = await all.bus.raw('provision')
    await (await jetstreamManager(provisioner)).consumers.info('AUDIT', 'ingest-audit')
    const consumer = await jetstream(connection).consumers.get('AUDIT', 'ingest-audit')
    const events: AuditEvent[] = []
    const known = await all.bus.connect('mcp-gateway')
    await vi.waitFor(
      async () => {
        for await (const message of await consumer.fetch({ max_messages: 100, expires: 1_000 })) {
          events.push(...message.json<AuditEvent[]>())
          message.ack()
        }
        expect(events.filter(({ rule }) => rule === 'malformed').length).toBeGreaterThanOrEqual(6)
      },
      { timeout: 10_000 },
    )
    await known[Symbol.asyncDispose]()
    await Promise.all([connection.close(), provisioner.close()])
    const own_id = await keyIdOf(own)
    return events.filter(({ key_id }) => key_id === own_id)
  }

  async function keyIdOf(own: string): Promise<string> {
    const seen: string[] = []
    await using other = await all.start(async (exchange) => {
      seen.push(exchange.client.credential.key_id ?? '')
      return echo(exchange)
    })
    await send(other, { headers: { 'x-api-key': own }, body: request('ping') })
    return seen[0] ?? ''
  }
})

describe('hosts, origins and browsers', () => {
  const origin = 'https://app.example.com'

  test('a listed page may call, and read the answer', async () => {
    const reply = await ask({ headers: { origin } })
    expect(reply.status).toBe(200)
    expect(reply.headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-expose-headers': expect.stringContaining('mcp-session-id'),
      vary: 'origin',
    })
    const stranger = await send(gateway, { headers: { origin }, body: request('ping') })
    expect(stranger.status).toBe(401)
    expect(stranger.headers['access-control-allow-origin']).toBe(origin)
  })

  test('any other is refused, and learns nothing', async () => {
    for (const wrong of ['http://app.example.com', 'null', `${origin} https://evil.example`]) {
      const reply = await ask({ headers: { origin: wrong } })
      expect(reply.status).toBe(403)
      expect(reply.headers).not.toHaveProperty('access-control-allow-origin')
    }
    expect((await ask({ headers: { origin: [origin, 'https://evil.example'] } })).status).toBe(400)
    expect((await ask({ headers: { host: `localhost.evil.example:${gateway.port}` } })).status).toBe(403)
  })

  test('a browser that asks first is told, without a key; another is not', async () => {
    const preflight = (from: string) =>
      send(gateway, {
        method: 'OPTIONS',
        headers: {
          origin: from,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'x-api-key',
        },
      })
    const told = await preflight(origin)
    expect(told.status).toBe(204)
    expect(told.headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET, POST, DELETE',
      'access-control-allow-headers': 'x-api-key',
    })
    expect((await preflight('https://evil.example')).status).toBe(403)
    expect((await send(gateway, { method: 'OPTIONS' })).status).toBe(405)
  })

  test('no other method is answered', async () => {
    for (const method of ['PUT', 'PATCH']) {
      const reply = await ask({ method })
      expect(reply.status).toBe(405)
      expect(reply.headers['allow']).toBe('GET, POST, DELETE')
    }
  })
})

describe('requests that are not what they seem', () => {
  const raw = async (text: string, on: Gateway = gateway): Promise<string> => {
    const socket = connect(on.port, '127.0.0.1')
    let said = ''
    socket.on('data', (chunk) => (said += chunk.toString()))
    socket.on('error', () => undefined)
    socket.write(text)
    await vi.waitFor(() => expect(socket.closed).toBe(true), { timeout: 5_000 })
    return said
  }

  test('one with two lengths is refused, and its connection closed', async () => {
    const before = answered.length
    const said = await raw(
      `POST /mcp HTTP/1.1\r\nhost: 127.0.0.1:${gateway.port}\r\nx-api-key: ${key}\r\ncontent-type: application/json\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nPOST /mcp HTTP/1.1\r\n`,
    )
    expect(said).toMatch(/^HTTP\/1\.1 400 /)
    expect(said.match(/HTTP\/1\.1/g)).toHaveLength(1)
    expect(answered.length).toBe(before)
  })

  test('one that never comes to its end is ended', async () => {
    await using slow = await all.start(echo, { times: { requestMs: 200 } })
    expect(await raw(`POST /mcp HTTP/1.1\r\nhost: 127.0.0.1:${slow.port}\r\n`, slow)).toContain('408')
    const half = `POST /mcp HTTP/1.1\r\nhost: 127.0.0.1:${slow.port}\r\nx-api-key: ${key}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{`
    expect(await raw(half, slow)).toContain('408')
  })

  test('a stranger is not asked for a body', async () => {
    const socket = connect(gateway.port, '127.0.0.1')
    let said = ''
    socket.on('data', (chunk) => (said += chunk.toString()))
    const head = (credential: string) =>
      `POST /mcp HTTP/1.1\r\nhost: 127.0.0.1:${gateway.port}\r\n${credential}content-type: application/json\r\ncontent-length: 46\r\nexpect: 100-continue\r\n\r\n`
    socket.write(head(''))
    await vi.waitFor(() => expect(said).toContain('401'))
    expect(said).not.toContain('100 Continue')
    socket.destroy()
    const known = connect(gateway.port, '127.0.0.1')
    let told = ''
    known.on('data', (chunk) => (told += chunk.toString()))
    known.write(head(`x-api-key: ${key}\r\n`))
    await vi.waitFor(() => expect(told).toContain('100 Continue'))
    known.destroy()
  })
})

describe('a message of the legacy era', () => {
  test('is answered without a session, as by clients that keep none', async () => {
    const reply = await ask({ body: request('ping') })
    expect(reply.json()).toMatchObject({ result: { version: '2025-03-26', agent: null } })
    expect((await ask({ headers: { 'mcp-protocol-version': '2025-06-18' } })).json()).toMatchObject({
      result: { version: '2025-06-18' },
    })
    expect((await ask({ headers: { 'mcp-protocol-version': '1999-01-01' } })).status).toBe(400)
  })

  test('that is a notification or an answer is accepted, and nothing runs', async () => {
    const before = answered.length
    const headers = await begin(gateway, key)
    for (const body of [
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      { jsonrpc: '2.0', id: 1, result: {} },
      { jsonrpc: '2.0', id: `${gateway.instance}.99`, result: {} },
      { jsonrpc: '2.0', id: 'abcdefghijkl.1', result: {} },
    ]) {
      const reply = await send(gateway, { headers, body })
      expect(reply.status).toBe(202)
      expect(reply.text).toBe('')
    }
    expect(answered.length).toBe(before + 1)
  })

  test('opens a stream only for a session, and only where it takes one', async () => {
    const headers = await begin(gateway, key)
    expect((await ask({ method: 'GET', body: undefined })).status).toBe(405)
    expect(
      (await send(gateway, { method: 'GET', headers: { ...headers, accept: 'application/json' } })).status,
    ).toBe(406)
    expect((await send(gateway, { method: 'DELETE', headers: { 'x-api-key': key } })).status).toBe(400)
    await using listening = await stream(gateway, { method: 'GET', headers })
    expect(listening.status).toBe(200)
  })
})

test('health is told to anyone, and nothing but that', async () => {
  const reply = await send(gateway, { method: 'GET', path: '/health' })
  expect(reply.json()).toEqual({ ok: true })
})
