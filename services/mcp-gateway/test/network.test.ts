// Requests of agents, against real servers on this machine: what is connected to, and what is never asked.
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net'
import { gzipSync, brotliCompressSync, zstdCompressSync, deflateSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import type { JsonObject, UrlFact } from '@mcpshield/policy/facts'
import { isUnknown } from '@mcpshield/policy/facts'
import { parseUrl } from '@mcpshield/facts/urls'
import type { Grant } from '../src/connectors/connector.ts'
import { networkConnector, type NetworkDeps } from '../src/connectors/network.ts'
import type { ArgsOf } from '../src/connectors/tools.ts'
import { makeGrant } from './grant.ts'
import { PUBLIC, serve, stubNames } from './network-servers.ts'

const API = { 'api.example.com': [[PUBLIC]] }
const disposables: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of disposables.splice(0).toReversed()) await each[Symbol.asyncDispose]()
})
const started = async (...args: Parameters<typeof serve>) => {
  const server = await serve(...args)
  disposables.push(server)
  return server
}

type Options = {
  deps?: NetworkDeps
  /** Hosts, with their port, that the policy names. */
  allowed?: string[]
  grant?: Partial<Grant>
  base?: string
  options?: JsonObject
}
const request = (args: ArgsOf<'network.request'>, { deps = stubNames(API), ...options }: Options = {}) => {
  const url = parseUrl(args.url, ['http', 'https'])
  if (isUnknown(url)) throw new Error(url.unknown)
  const named = options.allowed ?? [`${url.host}:${url.port}`]
  const allows = (fact: UrlFact) => named.includes(`${fact.host}:${fact.port}`)
  const connector = networkConnector(
    { name: 'web', kind: 'http', url: options.base ?? null, path: null, options: options.options ?? {} },
    deps,
  )
  disposables.push(connector)
  const grant = makeGrant({
    urls: [url],
    readOnly: false,
    alsoAllows: (touched) => 'urls' in touched && touched.urls.every(allows),
    namesHost: allows,
    ...options.grant,
  })
  return connector.run('network.request', args, grant)
}
const denied = { code: 'PERMISSION_DENIED' }

describe('a response', () => {
  test('is told with its status, its headers and its text', async () => {
    const server = await started((_request, response) =>
      response
        .writeHead(404, { 'content-type': 'text/plain', 'set-cookie': 'a=b', etag: '"1"' })
        .end('grüße'),
    )
    const url = `http://api.example.com:${server.port}/a?b=c`
    expect(await request({ url })).toEqual({
      data: { body: 'grüße' },
      shown: 'body',
      about: {
        status: 404,
        url,
        redirected: false,
        content_type: 'text/plain',
        headers: expect.not.objectContaining({ 'set-cookie': 'a=b' }),
      },
      rows: null,
      cut: false,
    })
    expect(server.requests).toMatchObject([
      { url: '/a?b=c', method: 'GET', headers: { host: `api.example.com:${server.port}` } },
    ])
  })

  test('of JSON is JSON, without a digit lost', async () => {
    const server = await started((_request, response) =>
      response
        .setHeader('content-type', 'application/problem+json')
        .end('{"id":9007199254740993,"a":[1.10]}'),
    )
    const { data, shown } = await request({ url: `http://api.example.com:${server.port}/` })
    expect(JSON.stringify(data)).toBe('{"body":{"id":9007199254740993,"a":[1.10]}}')
    expect(shown).toBeUndefined()
  })

  test('that is no text is base64, and withheld where results are redacted', async () => {
    const server = await started((_request, response) => response.end(Buffer.from([0x89, 0x50, 0xff, 0])))
    const url = `http://api.example.com:${server.port}/`
    expect((await request({ url })).data).toEqual({ base64: 'iVD/AA==' })
    expect((await request({ url }, { grant: { redacts: true } })).data).toEqual({
      base64: '[withheld:redaction_not_possible]',
    })
  })

  test('has its long headers cut, and withheld where results are redacted', async () => {
    const link = `${'x'.repeat(980)} somebody@example.com`
    const etag = `"${'y'.repeat(998)}"`
    const server = await started((_request, response) => response.writeHead(200, { link, etag }).end())
    const url = `http://api.example.com:${server.port}/`
    const headersOf = async (grant: Partial<Grant>) => (await request({ url }, { grant })).about?.headers
    expect(await headersOf({})).toMatchObject({ link: link.slice(0, 1_000), etag })
    expect(await headersOf({ redacts: true })).toMatchObject({
      link: '[withheld:redaction_not_possible]',
      etag,
    })
  })

  test('that is no document is withheld where fields are redacted', async () => {
    const server = await started((request, response) =>
      response.end(request.url === '/json' ? '{"a":1}' : 'a: 1'),
    )
    const fields = { grant: { redacts: true, needsSources: true } }
    const body = async (path: string) =>
      (await request({ url: `http://api.example.com:${server.port}${path}` }, fields)).data.body
    expect(await body('/json')).toBe('{"a":1}')
    expect(await body('/yaml')).toBe('[withheld:redaction_not_possible]')
  })

  test.for([204, 304, 200])(
    'of status %s without a body is one, whatever it says of packing',
    async (status) => {
      const server = await started((_request, response) =>
        response.writeHead(status, { 'content-encoding': 'gzip' }).end(),
      )
      const { data, about } = await request({ url: `http://api.example.com:${server.port}/` })
      expect({ body: data.body, status: about.status }).toEqual({ body: '', status })
      const head = await request({ url: `http://api.example.com:${server.port}/`, method: 'HEAD' })
      expect(head.about.status).toBe(status)
    },
  )

  test('in another character set is read in it', async () => {
    const server = await started((_request, response) =>
      response.setHeader('content-type', 'text/html; charset="ISO-8859-1"').end(Buffer.from([0xe9, 0x41])),
    )
    expect((await request({ url: `http://api.example.com:${server.port}/` })).data).toEqual({ body: 'éA' })
  })
})

describe('the host', () => {
  test('is asked for once: who answers otherwise a moment later is not heard', async () => {
    const server = await started((_request, response) => response.end('inside'))
    const deps = stubNames({ 'api.example.com': [[PUBLIC], ['127.0.0.1']] })
    await request({ url: `http://api.example.com:${server.port}/` }, { deps })
    expect(deps.asked).toEqual(['api.example.com'])
    await expect(request({ url: `http://api.example.com:${server.port}/` }, { deps })).rejects.toMatchObject(
      denied,
    )
    expect(server.requests.length).toBe(1)
  })

  test.for([
    ['127.0.0.1'],
    [PUBLIC, '10.0.0.1'],
    [PUBLIC, '::1'],
    ['169.254.169.254'],
    ['100.64.0.1'],
    ['fd00:ec2::254'],
    ['fe80::1'],
    ['::ffff:127.0.0.1'],
    ['::127.0.0.1'],
    ['64:ff9b::7f00:1'],
    ['64:ff9b:1::1'],
    ['2002:7f00:1::'],
    ['2001:0:5db8:d70e::80ff:fffe'],
    ['0.0.0.0'],
    ['::'],
    ['192.0.2.1'],
    ['224.0.0.1'],
    ['255.255.255.255'],
    ['168.63.129.16'],
    ['127.1'],
    [],
  ])('with an address that is not public is not connected to: %s', async (addresses) => {
    const server = await started((_request, response) => response.end('inside'))
    const deps = stubNames({ 'api.example.com': [addresses] })
    await expect(request({ url: `http://api.example.com:${server.port}/` }, { deps })).rejects.toMatchObject({
      code: expect.stringMatching(/PERMISSION_DENIED|UNAVAILABLE/),
    })
    expect(server.requests).toEqual([])
  })

  test('in a private network is reached where the connection opens it, and metadata services never are', async () => {
    const server = await started((_request, response) => response.end('inside'))
    const options = { allow_private: true }
    const ask = (address: string, open: JsonObject) =>
      request(
        { url: `http://intern.example:${server.port}/` },
        { deps: stubNames({ 'intern.example': [[address]] }), options: open },
      )
    expect((await ask('127.0.0.1', options)).data.body).toBe('inside')
    for (const address of ['169.254.169.254', '100.100.100.200', 'fd00:ec2::254', '0.0.0.0', '224.0.0.1'])
      await expect(ask(address, options)).rejects.toMatchObject(denied)
    await expect(ask('127.0.0.1', { allow_private: 'true' })).rejects.toMatchObject(denied)
  })

  test('that is an address is reached when a rule names it, and not when the rule only fits it', async () => {
    const server = await started((_request, response) => response.end('inside'))
    for (const host of ['127.0.0.1', 'localhost', '0x7f.1', '[::ffff:127.0.0.1]']) {
      const url = `http://${host}:${server.port}/`
      const anything = { grant: { alsoAllows: () => true, namesHost: () => false } }
      await expect(request({ url }, anything), host).rejects.toMatchObject(denied)
      expect((await request({ url })).data.body).toBe('inside')
      expect((await request({ url }, { ...anything, options: { allow_private: true } })).data.body).toBe(
        'inside',
      )
    }
    const metadata = { url: 'http://169.254.169.254/latest/' }
    await expect(
      request(metadata, {
        grant: { alsoAllows: () => true, namesHost: () => false },
        options: { allow_private: true },
      }),
    ).rejects.toMatchObject(denied)
  })

  test('may be an IPv6 literal', async () => {
    const server = await started((_request, response) => response.end('inside'), '::1')
    expect((await request({ url: `http://[::1]:${server.port}/` })).data.body).toBe('inside')
  })

  test('that nobody knows, or that does not answer, is said so', async () => {
    await expect(request({ url: 'http://none.example/' })).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(request({ url: 'http://api.example.com:9/' })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('api.example.com'),
    })
  })
})

describe('a redirect', () => {
  const redirects = (to: string, status = 302) =>
    started((_request, response) => void response.writeHead(status, { location: to }).end('not shown'))

  test.for([
    ['http://127.0.0.1:%/', 'this machine'],
    ['http://169.254.169.254/latest/', 'metadata'],
    ['http://[::1]:%/', 'this machine'],
    ['//evil.example:%/x', 'another host'],
    ['http://api.example.com:%/', 'another port'],
    ['http://api.example.com.:%/', 'a name with a dot'],
    ['http://user:password@api.example.com/', 'credentials'],
    ['file:///etc/passwd', 'a file'],
    ['ftp://api.example.com/', 'another scheme'],
    ['http://[', 'nothing'],
  ])('to what is not allowed is not followed: %s (%s)', async ([to]) => {
    const trap = await started((_request, response) => response.end('inside'))
    const server = await redirects((to ?? '').replace('%', String(trap.port)))
    const deps = stubNames({ ...API, 'evil.example': [[PUBLIC]], 'api.example.com.': [[PUBLIC]] })
    await expect(request({ url: `http://api.example.com:${server.port}/` }, { deps })).rejects.toMatchObject(
      denied,
    )
    expect(trap.requests).toEqual([])
  })

  test('that was refused is told with the host it leads to', async () => {
    const server = await redirects('https://evil.example/?stolen=1')
    await expect(request({ url: `http://api.example.com:${server.port}/` })).rejects.toThrow(
      'redirects to evil.example, which is not allowed',
    )
  })

  test('to an allowed name that has a private address is not followed', async () => {
    const trap = await started((_request, response) => response.end('inside'))
    const server = await redirects(`http://other.example:${trap.port}/`)
    const allowed = [`api.example.com:${server.port}`, `other.example:${trap.port}`]
    const deps = stubNames({ ...API, 'other.example': [['127.0.0.1']] })
    await expect(
      request({ url: `http://api.example.com:${server.port}/` }, { deps, allowed }),
    ).rejects.toMatchObject(denied)
    expect(trap.requests).toEqual([])
  })

  test('to another origin takes no credential along, and none comes back', async () => {
    const other = await started((request, response) =>
      response.writeHead(307, { location: `http://api.example.com:${first.port}/end` }).end(),
    )
    const first = await started((request, response) =>
      request.url === '/end'
        ? response.end('arrived')
        : response.writeHead(307, { location: `http://other.example:${other.port}/` }).end(),
    )
    const headers = {
      Authorization: 'Bearer t',
      Cookie: 'a=b',
      'X-Api-Key': 'k',
      'X-Custom': 'c',
      Accept: 'text/plain',
    }
    const { data, about } = await request(
      { url: `http://api.example.com:${first.port}/`, headers, method: 'POST', body: 'kept' },
      {
        deps: stubNames({ ...API, 'other.example': [[PUBLIC]] }),
        allowed: [`api.example.com:${first.port}`, `other.example:${other.port}`],
      },
    )
    expect(data.body).toBe('arrived')
    expect(about).toMatchObject({ redirected: true, url: `http://api.example.com:${first.port}/end` })
    expect(first.requests[0]?.headers).toMatchObject({
      authorization: 'Bearer t',
      'x-api-key': 'k',
      cookie: 'a=b',
    })
    for (const later of [other.requests[0], first.requests[1]]) {
      expect(Object.keys(later?.headers ?? {})).not.toEqual(
        expect.arrayContaining([expect.stringMatching(/authorization|cookie|x-api-key|x-custom/)]),
      )
      expect(later).toMatchObject({ method: 'POST', body: 'kept', headers: { accept: 'text/plain' } })
    }
  })

  test('on the same origin keeps them', async () => {
    const server = await started((request, response) =>
      request.url === '/' ? response.writeHead(301, { location: '/b' }).end() : response.end('b'),
    )
    await request({ url: `http://api.example.com:${server.port}/`, headers: { authorization: 'x' } })
    expect(server.requests[1]).toMatchObject({ url: '/b', headers: { authorization: 'x' } })
  })

  test.for([
    [303, 'PUT', 'GET', ''],
    [302, 'POST', 'GET', ''],
    [301, 'PUT', 'PUT', 'x'],
    [308, 'POST', 'POST', 'x'],
  ] as const)('of status %s turns %s into %s', async ([status, method, then, body]) => {
    const server = await started((request, response) =>
      request.url === '/' ? response.writeHead(status, { location: '/b' }).end() : response.end('b'),
    )
    await request({ url: `http://api.example.com:${server.port}/`, method, body: 'x' })
    expect(server.requests[1]).toMatchObject({ method: then, body })
    expect(server.requests[1]?.headers['content-type'] === undefined).toBe(then === 'GET')
  })

  test('is followed five times and not a sixth', async () => {
    const server = await started((request, response) => {
      const left = Number(request.url?.slice(1))
      if (left === 0) response.end('arrived')
      else response.writeHead(302, { location: `/${left - 1}` }).end()
    })
    const url = `http://api.example.com:${server.port}`
    expect((await request({ url: `${url}/5` })).data.body).toBe('arrived')
    await expect(request({ url: `${url}/6` })).rejects.toThrow('more than 5 times')
    expect(server.requests.length).toBe(12)
  })
})

describe('a connection with a URL of its own', () => {
  test('reaches what is below it and nothing else, redirects included', async () => {
    const server = await started((request, response) =>
      request.url === '/api/v1/out'
        ? response.writeHead(302, { location: '/admin' }).end()
        : response.end('ok'),
    )
    const base = `http://api.example.com:${server.port}/api/v1`
    const ask = (path: string) => request({ url: `http://api.example.com:${server.port}${path}` }, { base })
    for (const path of ['/api/v1', '/api/v1/a', '/api/v1/a%2Fb', '/api/v1/a..b', '/api/v1/a/../b'])
      expect((await ask(path)).data.body).toBe('ok')
    const before = server.requests.length
    for (const path of [
      '/',
      '/admin',
      '/api/v10',
      '/api/v1/../admin',
      '/api/v1/..%2fadmin',
      '/api/v1/%252e%252e/admin',
      '/api/v1/..;/admin',
      '/api/v1/..%5cadmin',
    ])
      await expect(ask(path), path).rejects.toMatchObject(denied)
    expect(server.requests.length).toBe(before)
    await expect(ask('/api/v1/out')).rejects.toMatchObject(denied)
    expect(server.requests.at(-1)?.url).toBe('/api/v1/out')
  })

  test('whose host is an address of a private network reaches it', async () => {
    const server = await started((_request, response) => response.end('ok'))
    const base = `http://127.0.0.1:${server.port}/`
    const anything = { grant: { alsoAllows: () => true, namesHost: () => false } }
    expect((await request({ url: base }, { ...anything, base })).data.body).toBe('ok')
  })
})

describe('a header', () => {
  test.for([
    { Host: 'evil.example' },
    { 'content-length': '0' },
    { 'Transfer-Encoding': 'chunked' },
    { transfer_encoding: 'chunked' },
    { Connection: 'upgrade' },
    { Upgrade: 'websocket' },
    { 'Proxy-Authorization': 'x' },
    { TE: 'trailers' },
    { Trailer: 'x' },
    { Expect: '100-continue' },
    { ':authority': 'evil.example' },
    { 'X-HTTP-Method-Override': 'DELETE' },
    { 'X-Original-URL': '/admin' },
    { x_original_url: '/admin' },
    { 'X-Original-URI': '/admin' },
    { 'X-Original-Method': 'DELETE' },
    { 'X-Original-Host': 'evil.example' },
    { 'X-Envoy-Original-Path': '/admin' },
    { 'X-Rewrite-URL': '/admin' },
    { Forwarded: 'host=evil.example' },
    { 'X-Forwarded-Host': 'evil.example' },
    { 'X-Forwarded-Path': '/admin' },
    { 'X-Forwarded-Method': 'DELETE' },
    { 'X-Forwarded-For': '127.0.0.1' },
    { 'X-Host': 'evil.example' },
    { 'x\r\ny': '1' },
    { 'x y': '1' },
    { '': '1' },
    { x: 'a\r\nHost: evil.example' },
    { x: 'a\nb' },
    { x: 'a\0b' },
    { x: '日本' },
    { Accept: 'a', accept: 'b' },
    { x: 'y'.repeat(20_000) },
    Object.fromEntries(Array.from({ length: 70 }, (_, i) => [`x-${i}`, ''])),
  ])('that is not the agent’s to send, or no header, sends nothing: %j', async (headers) => {
    const server = await started((_request, response) => response.end())
    await expect(
      request({ url: `http://api.example.com:${server.port}/`, headers: headers }),
    ).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(server.requests).toEqual([])
  })

  test('of the agent’s own arrives as it was given', async () => {
    const server = await started((_request, response) => response.end())
    const headers = { Authorization: 'Bearer t', 'X-Fn': 'é', 'X-Original': 'a', 'Accept-Encoding': 'none' }
    await request({ url: `http://api.example.com:${server.port}/`, headers })
    expect(server.requests[0]?.headers).toMatchObject({
      authorization: 'Bearer t',
      'x-fn': 'é',
      'x-original': 'a',
    })
  })

  test('that asks for a part is refused where results are redacted', async () => {
    await expect(
      request(
        { url: 'http://api.example.com/', headers: { range: 'bytes=5-9' } },
        { grant: { redacts: true } },
      ),
    ).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  test.for(['GET', 'HEAD'] as const)('or a body of a %s is refused', async (method) => {
    await expect(request({ url: 'http://api.example.com/', method, body: 'x' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
  })
})

describe('a response that would harm the gateway', () => {
  const zeros = Buffer.alloc(200 * 1024 * 1024)
  const packed = {
    gzip: gzipSync(zeros),
    br: brotliCompressSync(zeros),
    deflate: deflateSync(zeros),
    zstd: zstdCompressSync(zeros),
  }

  test.for(Object.entries(packed))('is unpacked no further than the cap: %s', async ([encoding, bytes]) => {
    const server = await started((_request, response) =>
      response.setHeader('content-encoding', encoding).end(bytes),
    )
    const beforeBytes = process.memoryUsage().rss
    const { cut } = await request(
      { url: `http://api.example.com:${server.port}/` },
      { grant: { maxBytes: 100_000 } },
    )
    expect(cut).toBe(true)
    expect(process.memoryUsage().rss - beforeBytes).toBeLessThan(60 * 1024 * 1024)
  })

  test('without an end is cut, at a character and before half a secret', async () => {
    const server = await started((_request, response) => {
      const more = () => {
        while (!response.destroyed && response.write('line é\n'.repeat(1_000)));
      }
      response.on('drain', more)
      more()
    })
    const url = `http://api.example.com:${server.port}/`
    const whole = await request({ url }, { grant: { maxBytes: 6 } })
    expect(whole).toMatchObject({ data: { body: 'line ' }, cut: true })
    const redacted = await request({ url }, { grant: { maxBytes: 1_002, redacts: true } })
    expect(redacted.data.body).toMatch(/é\n$/)
  })

  test.for(['head', 'body'])('that comes too slowly is not waited for: %s', async (part) => {
    const server = await started((_request, response) => {
      if (part === 'body') response.write('x')
    })
    await expect(
      request({ url: `http://api.example.com:${server.port}/` }, { grant: { timeoutMs: 150 } }),
    ).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  })

  test('is not waited for when the client goes away', async () => {
    const gone = new AbortController()
    const server = await started(() => gone.abort())
    await expect(
      request({ url: `http://api.example.com:${server.port}/` }, { grant: { signal: gone.signal } }),
    ).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  test.for([
    ['many headers', `HTTP/1.1 200 OK\r\n${'x: yyyyyyyyyy\r\n'.repeat(10_000)}\r\n`],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'],
    ['no HTTP', 'SSH-2.0-OpenSSH\r\n'],
    ['nothing', ''],
    ['broken packing', 'HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nabcd'],
    ['unknown packing', 'HTTP/1.1 200 OK\r\ncontent-encoding: gzip, gzip\r\ncontent-length: 4\r\n\r\nabcd'],
    ['a body that breaks off', 'HTTP/1.1 200 OK\r\ncontent-length: 400\r\n\r\nabcd'],
  ] as const)('is an answer, not a crash: %s', async ([, bytes]) => {
    const port = await rawServer(bytes)
    await expect(request({ url: `http://api.example.com:${port}/` })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    })
  })
})

test('proxies of the environment have no part in a request', async () => {
  const trap = await started((_request, response) => response.end('proxied'))
  const server = await started((_request, response) => response.end('direct'))
  const names = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'ALL_PROXY', 'NODE_USE_ENV_PROXY']
  const before = names.map((name) => process.env[name])
  for (const name of names)
    process.env[name] = name === 'NODE_USE_ENV_PROXY' ? '1' : `http://127.0.0.1:${trap.port}`
  try {
    expect((await request({ url: `http://api.example.com:${server.port}/` })).data.body).toBe('direct')
  } finally {
    names.forEach((name, index) => {
      if (before[index] === undefined) delete process.env[name]
      else process.env[name] = before[index]
    })
  }
  expect(trap.requests).toEqual([])
})

test('a call that the decision does not name one URL of is not run', async () => {
  const run = (urls: UrlFact[]) =>
    networkConnector({ name: 'web', kind: 'http', url: null, path: null, options: {} }, stubNames(API)).run(
      'network.request',
      { url: 'http://api.example.com/' },
      makeGrant({ urls }),
    )
  await expect(run([])).rejects.toMatchObject(denied)
})

/** A server that says the same bytes to everybody and hangs up. */
async function rawServer(bytes: string): Promise<number> {
  const server: Server = createTcpServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.end(bytes))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  disposables.push({ [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) })
  return (server.address() as AddressInfo).port
}
