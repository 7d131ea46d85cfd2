import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { egressFetch } from '../src/egress.ts'

/** A server on this machine that counts who connects. */
async function startServer(handle: (request: IncomingMessage, response: ServerResponse) => void) {
  const counted = { connections: 0, url: '', port: 0 }
  const server = createServer(handle).on('connection', () => counted.connections++)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  counted.port = (server.address() as AddressInfo).port
  counted.url = `http://127.0.0.1:${counted.port}`
  return Object.assign(counted, {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  })
}

const hello = (_request: IncomingMessage, response: ServerResponse) => void response.end('hello')
const leadsTo =
  (...addresses: string[]) =>
  () =>
    Promise.resolve(addresses)

describe('what an upstream on the internet names', () => {
  const own = 'https://mcp.example.com/mcp'
  const publicOwn = (other: string[]) => (host: string) =>
    Promise.resolve(host === 'mcp.example.com' ? ['1.1.1.1'] : other)

  test.for([
    ['127.0.0.1', 'http://127.0.0.1'],
    ['this machine by name', 'http://localhost'],
    ['this machine in another notation', 'http://2130706433'],
    ['this machine by IPv6', 'http://[::ffff:127.0.0.1]'],
    ['a name that leads to this machine', 'http://trap.example'],
  ] as const)('is not connected to at %s', async ([, origin]) => {
    await using trap = await startServer(hello)
    const fetch = egressFetch({ own, lookup: publicOwn(['127.0.0.1']) })
    await expect(fetch(`${origin}:${trap.port}/`)).rejects.toMatchObject({ kind: 'forbidden' })
    expect(trap.connections).toBe(0)
  })

  test.for([
    'http://169.254.169.254/latest/meta-data',
    'http://[fd00:ec2::254]/',
    'http://10.1.2.3/',
    'http://[fe80::1]/',
  ])('is not connected to at %s', async (url) => {
    const startedMs = performance.now()
    const fetch = egressFetch({ own, lookup: publicOwn([]) })
    await expect(fetch(url)).rejects.toMatchObject({ kind: 'forbidden' })
    expect(performance.now() - startedMs).toBeLessThan(1_000)
  })

  test('is not connected to when one of its addresses is not public', async () => {
    await using trap = await startServer(hello)
    const fetch = egressFetch({ own, lookup: publicOwn(['1.1.1.1', '127.0.0.1']) })
    await expect(fetch(`http://trap.example:${trap.port}/`)).rejects.toMatchObject({ kind: 'forbidden' })
    expect(trap.connections).toBe(0)
  })

  test.for([
    'file:///etc/passwd',
    'ftp://example.com/',
    'gopher://example.com/',
    'data:,x',
    'https://a:b@example.com/',
  ])('is not asked as %s', async (url) => {
    await expect(egressFetch({ own, lookup: publicOwn(['1.1.1.1']) })(url)).rejects.toMatchObject({
      kind: 'forbidden',
    })
  })
})

describe('the neighbourhood of an upstream', () => {
  test('on this machine is this machine, and no other network', async () => {
    await using server = await startServer(hello)
    for (const own of ['http://localhost:1/mcp', 'http://127.0.0.1/mcp']) {
      const fetch = egressFetch({ own })
      expect(await (await fetch(server.url)).text()).toBe('hello')
      await expect(fetch('http://10.0.0.1/')).rejects.toMatchObject({ kind: 'forbidden' })
      await expect(fetch('http://169.254.169.254/')).rejects.toMatchObject({ kind: 'forbidden' })
    }
  })

  test('is this machine only by its own name: one of somebody else’s that leads here opens nothing', async () => {
    await using trap = await startServer(hello)
    const fetch = egressFetch({ own: 'http://mcp.example.com/mcp', lookup: leadsTo('127.0.0.1') })
    for (const host of ['127.0.0.1', 'mcp.example.com', 'other.example'])
      await expect(fetch(`http://${host}:${trap.port}/`)).rejects.toMatchObject({ kind: 'forbidden' })
    expect(trap.connections).toBe(0)
  })

  test('in a private network is private networks, and not this machine', async () => {
    await using trap = await startServer(hello)
    const signal = AbortSignal.timeout(300)
    const fetch = egressFetch({ own: 'http://mcp.internal/mcp', lookup: leadsTo('10.255.255.1'), signal })
    await expect(fetch(trap.url)).rejects.toMatchObject({ kind: 'forbidden' })
    await expect(fetch('http://169.254.169.254/')).rejects.toMatchObject({ kind: 'forbidden' })
    // Tried, whatever is there.
    const tried = await fetch('http://sso.internal:1/').catch((error: unknown) => error)
    expect(tried).not.toMatchObject({ kind: 'forbidden' })
    expect(trap.connections).toBe(0)
  })

  test('partly in a private network is none', async () => {
    const fetch = egressFetch({ own: 'http://mcp.example/mcp', lookup: leadsTo('1.1.1.1', '10.0.0.1') })
    await expect(fetch('http://10.0.0.1:1/')).rejects.toMatchObject({ kind: 'forbidden' })
  })
})

test('a host is looked up once, and only what was looked at is connected to', async () => {
  await using server = await startServer(hello)
  const answers = [['127.0.0.1'], ['10.0.0.1']]
  const fetch = egressFetch({
    own: 'http://127.0.0.1/',
    lookup: () => Promise.resolve(answers.shift() ?? []),
  })
  expect(await (await fetch(`http://rebind.example:${server.port}/`)).text()).toBe('hello')
  expect(answers).toEqual([['10.0.0.1']])
})

describe('an answer', () => {
  const fetch = egressFetch({ own: 'http://127.0.0.1/mcp' })

  test('comes with its status and headers, for what was sent', async () => {
    await using server = await startServer((request, response) => {
      response.writeHead(401, { 'www-authenticate': 'Bearer scope="ä"' })
      void request.toArray().then((chunks) => {
        response.end(
          [request.method, request.headers['content-type'], Buffer.concat(chunks as Buffer[])].join('|'),
        )
      })
    })
    const body = new URLSearchParams({ a: 'b c' })
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const response = await fetch(server.url, { method: 'POST', headers, body })
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer scope=/)
    expect(await response.text()).toBe('POST|application/x-www-form-urlencoded|a=b+c')
  })

  test('that leads elsewhere is not followed', async () => {
    await using trap = await startServer(hello)
    await using server = await startServer((_request, response) => {
      response.writeHead(307, { location: trap.url }).end()
    })
    expect((await fetch(server.url)).status).toBe(307)
    expect(trap.connections).toBe(0)
  })

  test('of more than 256 KiB is refused, one of 256 KiB is not', async () => {
    const answering = (bytes: number) =>
      startServer((_request, response) => void response.end(Buffer.alloc(bytes, 97)))
    await using large = await answering(256 * 1024)
    await using larger = await answering(256 * 1024 + 1)
    expect(await (await fetch(large.url)).text()).toHaveLength(256 * 1024)
    await expect(fetch(larger.url)).rejects.toMatchObject({ kind: 'refused' })
  })

  test('without an end is not read for ever', async () => {
    await using server = await startServer((_request, response) => {
      const more = () => response.write('x'.repeat(65_536), more)
      more()
    })
    await expect(fetch(server.url)).rejects.toMatchObject({ kind: 'refused' })
  })

  test('that does not come is waited for no longer than it may take', async () => {
    await using server = await startServer(() => undefined)
    const hasty = egressFetch({ own: 'http://127.0.0.1/', signal: AbortSignal.timeout(50) })
    await expect(hasty(server.url)).rejects.toMatchObject({
      kind: 'unreachable',
      message: expect.stringContaining('no answer in time') as string,
    })
    await expect(fetch(server.url, { signal: AbortSignal.timeout(50) })).rejects.toMatchObject({
      kind: 'unreachable',
    })
  })

  test('of a name that is looked up for ever is not waited for', async () => {
    const signal = AbortSignal.timeout(50)
    const stuck = egressFetch({
      own: 'https://a.example/',
      signal,
      lookup: () => new Promise(() => undefined),
    })
    await expect(stuck('https://b.example/')).rejects.toMatchObject({ kind: 'unreachable' })
  })

  test('of nobody, of a broken connection, with too many headers is a failure that names the host alone', async () => {
    await using broken = await startServer((request) => request.socket.destroy())
    await using headers = await startServer((_request, response) => {
      response.writeHead(200, { x: 'y'.repeat(20_000) }).end()
    })
    for (const url of ['http://127.0.0.1:1', broken.url, headers.url]) {
      const asking = fetch(`${url}/path?code=s3cret`)
      await expect(asking).rejects.toMatchObject({ kind: 'unreachable' })
      await expect(asking).rejects.not.toMatchObject({ message: expect.stringContaining('s3cret') as string })
    }
  })
})
