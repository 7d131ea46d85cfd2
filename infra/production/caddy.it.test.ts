// The Caddyfile in a real Caddy, in front of servers that tell what they were asked.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { request as requestTls } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { supervise, type Supervised } from '../dev/process.ts'
import { ROOT } from './compose-file.ts'
import { caddyProgram } from './test-programs.ts'
import { asking, type Ask } from './verify/asking.ts'

const run = promisify(execFile)
const CADDYFILE = join(ROOT, 'Caddyfile')
const folder = mkdtempSync(join(tmpdir(), 'mcpshield-caddy-'))
const program = await caddyProgram(process.env)
const missing = typeof program === 'string' ? undefined : program.missing
if (missing !== undefined)
  console.warn(`SKIPPED: the Caddyfile's tests. There is no Caddy here, and ${missing}.`)

const APP = 'https://app.localhost'
const API = 'https://api.localhost'
const MCP = 'https://mcp.localhost'
const SIEM = 'https://siem.localhost'

type Seen = { url: string; method: string; headers: IncomingMessage['headers']; bytes: number }
type Behind = {
  server: Server
  port: number
  seen: Seen[]
  answer: (response: ServerResponse, seen: Seen) => void
}

let behind: Record<'app' | 'api' | 'mcp' | 'decision' | 'siem', Behind>
let caddy: Supervised
let ask: Ask
let door: { port: number; plainPort: number; authority: string }
const environment: Record<string, string> = {
  APP_DOMAIN: 'app.localhost',
  API_DOMAIN: 'api.localhost',
  MCP_DOMAIN: 'mcp.localhost',
  ACME_EMAIL: 'ops@example.com',
}

async function listen(): Promise<Behind> {
  const seen: Seen[] = []
  const self: Behind = {
    seen,
    port: 0,
    server: createServer((request, response) => {
      let bytes = 0
      request.on('data', (chunk: Buffer) => (bytes += chunk.length))
      request.on('error', () => undefined)
      request.on('end', () => {
        const asked = {
          url: request.url ?? '',
          method: request.method ?? '',
          headers: request.headers,
          bytes,
        }
        seen.push(asked)
        self.answer(response, asked)
      })
    }),
    answer: (response) => response.setHeader('content-type', 'application/json').end('{}'),
  }
  self.server.listen(0, '127.0.0.1')
  await once(self.server, 'listening')
  self.port = (self.server.address() as AddressInfo).port
  return self
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((done) => server.close(done))
  return port
}

describe.skipIf(missing !== undefined)('the Caddyfile', () => {
  beforeAll(async () => {
    const made = await Promise.all([listen(), listen(), listen(), listen(), listen()])
    behind = { app: made[0], api: made[1], mcp: made[2], decision: made[3], siem: made[4] }
    const [port, plainPort, healthPort] = [await freePort(), await freePort(), await freePort()]
    for (const name of ['logs', 'run']) mkdirSync(join(folder, name))
    Object.assign(environment, {
      HOME: folder,
      XDG_DATA_HOME: folder,
      XDG_CONFIG_HOME: folder,
      CADDY_ADMIN: `unix/${join(folder, 'admin.sock')}`,
      CADDY_HEALTH_PORT: String(healthPort),
      CADDY_GLOBAL_OPTIONS: `local_certs\nskip_install_trust\nhttp_port ${plainPort}\nhttps_port ${port}`,
      WEB_UPSTREAM: `127.0.0.1:${behind.app.port}`,
      REST_GATEWAY_UPSTREAM: `127.0.0.1 ${behind.api.port}`,
      MCP_GATEWAY_UPSTREAM: `127.0.0.1 ${behind.mcp.port}`,
      DECISION_UPSTREAM: `127.0.0.1 ${behind.decision.port}`,
      SIEM_DOMAIN: 'siem.localhost',
      SIEM_SITE: 'siem',
      SIEM_UPSTREAM: `127.0.0.1:${behind.siem.port}`,
    })
    const authority = join(folder, 'caddy/pki/authorities/local/root.crt')
    caddy = await supervise({
      name: 'caddy',
      dataDir: folder,
      launch: () => ({
        command: program as string,
        args: ['run', '--config', CADDYFILE, '--adapter', 'caddyfile'],
        env: environment,
      }),
      async ready() {
        if (!existsSync(authority)) throw new Error('there is no authority yet')
        await fetch(`http://127.0.0.1:${healthPort}/`)
      },
      progress: () => undefined,
    })
    door = { port, plainPort, authority: readFileSync(authority, 'utf8') }
    ask = asking({ host: '127.0.0.1', ...door })
    // Certificates are made after the start.
    for (const url of [APP, API, MCP, SIEM])
      await vi.waitFor(() => ask(`${url}/`), { timeout: 10_000, interval: 100 })
    for (const each of Object.values(behind)) each.seen.length = 0
  })
  afterAll(async () => {
    await caddy[Symbol.asyncDispose]()
    for (const { server } of Object.values(behind)) {
      server.closeAllConnections()
      server.close()
    }
    rmSync(folder, { recursive: true, force: true })
  })

  test('is valid, and laid out as Caddy does it', async () => {
    const options = { env: { ...environment, CADDY_ADMIN: 'off' } }
    await run(program as string, ['validate', '--config', CADDYFILE, '--adapter', 'caddyfile'], options)
    await run(program as string, ['validate', '--config', CADDYFILE, '--adapter', 'caddyfile'], {
      env: { ...options.env, SIEM_SITE: '', SIEM_DOMAIN: '' },
    })
    const { stdout } = await run(program as string, ['fmt', CADDYFILE], options)
    expect(stdout).toBe(readFileSync(CADDYFILE, 'utf8'))
  })

  test.for([
    [`${APP}/app/projects?x=1`, 'app'],
    [`${API}/projects`, 'api'],
    [`${API}/policy/evaluate`, 'decision'],
    [`${API}/policy/evaluated`, 'api'],
    [`${MCP}/mcp/github`, 'mcp'],
    [`${MCP}/p/x/mcp`, 'mcp'],
  ] as const)('%s is asked of %s, unchanged and of nobody else', async ([url, name]) => {
    for (const each of Object.values(behind)) each.seen.length = 0
    expect((await ask(url)).status).toBe(200)
    const { pathname, search, host } = new URL(url)
    const asked = Object.entries(behind).flatMap(([who, { seen }]) =>
      seen.map((each) => [who, each.url, each.headers.host]),
    )
    expect(asked).toEqual([[name, pathname + search, host]])
  })

  test('http leads to https, and nothing is passed on without', async () => {
    behind.api.seen.length = 0
    const { status, headers } = await ask('http://api.localhost/projects?x=1')
    expect(status).toBe(308)
    expect(headers['location']?.[0]).toMatch(/^https:\/\/api\.localhost(:\d+)?\/projects\?x=1$/)
    expect(behind.api.seen).toEqual([])
  })

  test('a name that is none of ours is not answered', async () => {
    await expect(ask('https://other.localhost/')).rejects.toThrow()
  })

  test.for([APP, API, MCP])(
    '%s: what the server did not say is added, and what it said is said once',
    async (url) => {
      const name = url.slice('https://'.length).split('.')[0] as 'app'
      const before = behind[name].answer
      const wanted = [
        'strict-transport-security',
        'x-content-type-options',
        'x-frame-options',
        'referrer-policy',
        'content-security-policy',
      ]
      try {
        const bare = await ask(`${url}/`)
        for (const each of wanted) expect(bare.headers[each], each).toHaveLength(1)
        expect(bare.headers['strict-transport-security']).toEqual(['max-age=63072000; includeSubDomains'])
        behind[name].answer = (response) => {
          for (const each of wanted) response.setHeader(each, 'of the server')
          response.setHeader('server', 'Something/1').end()
        }
        const said = await ask(`${url}/`)
        for (const each of wanted) expect(said.headers[each], each).toEqual(['of the server'])
        expect(said.headers['server']).toBeUndefined()
        expect(said.headers['via']).toBeUndefined()
      } finally {
        behind[name].answer = before
      }
    },
  )

  test('what a client says of proxies in front of it is not believed', async () => {
    behind.api.seen.length = 0
    await ask(`${API}/`, {
      headers: {
        'x-forwarded-for': '203.0.113.9, 10.0.0.1',
        'x-forwarded-proto': 'http',
        'x-forwarded-host': 'evil.example',
      },
    })
    const { headers } = behind.api.seen[0]!
    expect(headers['x-forwarded-for']).toBe('127.0.0.1')
    expect(headers['x-forwarded-proto']).toBe('https')
    expect(headers['x-forwarded-host']).toBe('api.localhost')
  })

  test.for([
    [APP, 5],
    [API, 2],
    [MCP, 2],
  ] as const)(
    '%s takes bodies up to %i megabytes, and no more reach the server',
    async ([url, megabytes]) => {
      const name = url.slice('https://'.length).split('.')[0] as 'app'
      behind[name].seen.length = 0
      const bytes = megabytes * 1_000_000
      expect((await ask(`${url}/`, { method: 'POST', body: 'x'.repeat(bytes - 1_000) })).status).toBe(200)
      const refused = await ask(`${url}/`, { method: 'POST', body: 'x'.repeat(bytes + 100_000) }).catch(
        () => undefined,
      )
      // Refused in words, or the connection is ended while it still sends.
      expect([undefined, 413, 502]).toContain(refused?.status)
      expect(behind[name].seen.map((each) => each.bytes)).toEqual([bytes - 1_000 + 2])
    },
  )

  test('what Caddy itself refuses is a problem with the same headers', async () => {
    const before = behind.mcp.answer
    behind.mcp.answer = (response) => void response.socket?.destroy()
    try {
      const { status, headers, text } = await ask(`${MCP}/mcp`, { method: 'POST', body: {} })
      expect(status).toBe(502)
      expect(headers['content-type']).toEqual(['application/problem+json'])
      expect(headers['strict-transport-security']).toHaveLength(1)
      expect(JSON.parse(text)).toMatchObject({ status: 502 })
    } finally {
      behind.mcp.answer = before
    }
  })

  test('a call that was sent is never sent again', async () => {
    const before = behind.mcp.answer
    behind.mcp.seen.length = 0
    behind.mcp.answer = (response) => void response.socket?.destroy()
    try {
      await ask(`${MCP}/mcp`, { method: 'POST', body: { method: 'tools/call' } })
      expect(behind.mcp.seen).toHaveLength(1)
    } finally {
      behind.mcp.answer = before
    }
  })

  test('a server that is being restarted is waited for, and the call is made there once', async () => {
    const { server, port, seen } = behind.mcp
    seen.length = 0
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
    const asked = ask(`${MCP}/mcp`, { method: 'POST', body: {} })
    await vi.waitFor(() => fetch(`http://127.0.0.1:${environment['CADDY_HEALTH_PORT']}/`))
    server.listen(port, '127.0.0.1')
    expect((await asked).status).toBe(200)
    expect(seen).toHaveLength(1)
  })

  test('metrics are nobody’s outside', async () => {
    behind.api.seen.length = 0
    expect((await ask(`${API}/metrics`)).status).toBe(404)
    expect((await ask(`${API}/metrics/x`)).status).toBe(404)
    expect(behind.api.seen).toEqual([])
  })

  test('the API’s JSON is compressed where a client likes it', async () => {
    const before = behind.api.answer
    behind.api.answer = (response) =>
      response.setHeader('content-type', 'application/json').end(JSON.stringify('a'.repeat(10_000)))
    try {
      const plain = await ask(`${API}/`)
      expect(plain.headers['content-encoding']).toBeUndefined()
      const zipped = await ask(`${API}/`, { headers: { 'accept-encoding': 'gzip' } })
      expect(zipped.headers['content-encoding']).toEqual(['gzip'])
    } finally {
      behind.api.answer = before
    }
  })

  test.for([API, MCP, APP])(
    '%s: events arrive as they are sent, and whoever leaves is gone behind it, too',
    async (url) => {
      const name = url.slice('https://'.length).split('.')[0] as 'app'
      const before = behind[name].answer
      const left = Promise.withResolvers<void>()
      let send: (text: string) => void = () => undefined
      behind[name].answer = (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.flushHeaders()
        send = (text) => void response.write(text)
        response.once('close', () => left.resolve())
      }
      try {
        const { stream, end } = await openStream(`${url}/events`)
        expect(stream.headers['content-encoding']).toBeUndefined()
        for (const text of ['data: one\n\n', 'data: two\n\n']) {
          const arrives = once(stream, 'data')
          send(text)
          expect(String((await arrives)[0])).toBe(text)
        }
        end()
        await left.promise
      } finally {
        behind[name].answer = before
      }
    },
  )

  test('speaks HTTP/2, and says that it speaks HTTP/3', async () => {
    const session = connectHttp2(`https://127.0.0.1:${door.port}`, {
      ca: door.authority,
      servername: 'api.localhost',
    })
    const stream = session.request({ ':path': '/', ':authority': 'api.localhost' })
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
    expect(headers[':status']).toBe(200)
    expect(String(headers['alt-svc'])).toMatch(/^h3=/)
    stream.resume()
    session.close()
    await once(session, 'close')
  })

  test('holders of SIEM credentials are let through to their socket alone', async () => {
    behind.siem.seen.length = 0
    expect((await ask(`${SIEM}/`)).status).toBe(404)
    expect(behind.siem.seen).toEqual([])
    const upgraded = Promise.withResolvers<string | undefined>()
    behind.siem.server.once('upgrade', (request, socket) => {
      upgraded.resolve(request.url)
      socket.destroy()
    })
    const headers = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
      'sec-websocket-version': '13',
    }
    await ask(`${SIEM}/`, { headers }).catch(() => undefined)
    expect(await upgraded.promise).toBe('/')
  })
})

/** A response that is read while it goes on. */
async function openStream(address: string): Promise<{ stream: IncomingMessage; end(): void }> {
  const url = new URL(address)
  const request = requestTls({
    host: '127.0.0.1',
    port: door.port,
    servername: url.hostname,
    ca: door.authority,
    path: url.pathname,
    headers: { host: url.host, accept: 'text/event-stream', 'accept-encoding': 'gzip' },
    agent: false,
  })
  request.on('error', () => undefined)
  request.end()
  const [stream] = (await once(request, 'response')) as [IncomingMessage]
  stream.on('error', () => undefined)
  return { stream, end: () => request.destroy() }
}
