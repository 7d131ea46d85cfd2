// What was tried against the running product, and must stay without effect.
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { connectBus } from '@mcpshield/bus/connect'
import { auth } from '@mcpshield/contracts/auth'
import { flow } from '@mcpshield/contracts/flow'
import { ApiRefusal, signIn, type RestClient } from '@mcpshield/infra/dev/rest-client.ts'
import { startProduct, type Product } from './product.ts'
import { startRecordingUpstream, type RecordingUpstream } from './recording-upstream.ts'

const PORT = 25_000
let product: Product
let upstream: RecordingUpstream
let stranger: RestClient

beforeAll(async () => {
  upstream = await startRecordingUpstream()
  product = await startProduct(PORT)
  await product.demo.api.send('POST', `${product.at}/upstreams`, {
    slug: 'rec',
    transport: 'http',
    url: upstream.url,
  })
  stranger = await otherPerson()
})
afterAll(async () => {
  await product[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})
beforeEach(() => {
  upstream.called = []
  upstream.received = []
})

/** A person of another organisation. */
async function otherPerson(): Promise<RestClient> {
  const person = { email: 'other@example.com', password: 'a pass phrase of another person' }
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
  const creds = readFileSync(product.stack.credsFile('operator'), 'utf8')
  const url = product.stack.backing.natsUrl
  await using bus = await connectBus({ url, creds, name: 'operator', log }, flow.operator)
  await bus.call(auth.rpc.createUser, { ...person, first_name: 'Other', last_name: 'Person' })
  const client = await signIn(product.stack.api, person)
  await vi.waitFor(() => client.get('/projects'), { timeout: 5_000 })
  return client
}

async function policy(...rules: string[]): Promise<void> {
  await product.setPolicy(`version: 1\nrules:\n${rules.map((rule) => `  - ${rule}`).join('\n')}\n`)
  await new Promise((resolve) => setTimeout(resolve, 400))
}

type Answer = {
  status: number
  error?: { code: number; message: string }
  result?: { isError?: boolean; content: { text: string }[]; structuredContent?: { rows: object[] } }
}

async function rpc(method: string, params: object, options: { path?: string; headers?: object } = {}) {
  const response = await fetch(`${product.stack.mcp}${options.path ?? ''}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-api-key': product.demo.account.api_key,
      ...options.headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  })
  return { status: response.status, ...((await response.json()) as object) } as Answer
}
const call = (name: string, args: object, options = {}) =>
  rpc('tools/call', { name, arguments: args }, options)

/** What the gateway says to exactly these bytes, until it closes or `forMs` have passed. */
function raw(text: string, forMs = 500): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(PORT + 1, '127.0.0.1')
    let answer = ''
    const timer = setTimeout(() => socket.destroy(), forMs)
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()))
    socket.on('error', () => undefined)
    socket.on('close', () => {
      clearTimeout(timer)
      resolve(answer)
    })
    socket.write(text)
  })
}

function head(lines: string[], body: string, key = product.demo.account.api_key): string {
  const fixed = [
    'POST /mcp/rec HTTP/1.1',
    `Host: localhost:${PORT + 1}`,
    'Content-Type: application/json',
    ...(key === '' ? [] : [`X-API-Key: ${key}`]),
    `Content-Length: ${Buffer.byteLength(body)}`,
  ]
  return `${[...fixed, ...lines].join('\r\n')}\r\n\r\n${body}`
}

const ECHO =
  '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe_echo","arguments":{"text":"x"}}}'

describe('the bytes of a request', () => {
  beforeAll(() => policy('{ tool: "rec/safe_echo", decision: allow }'))

  test('the same bytes, unharmed, are answered', async () => {
    expect(await raw(head([], ECHO))).toMatch(/^HTTP\/1\.1 200/)
    expect(upstream.called).toEqual(['safe_echo'])
  })

  test.for([
    ['a second host', ['Host: evil.example']],
    ['a second key', ['X-API-Key: mcps_other']],
    ['another credential beside the key', ['Authorization: Bearer mcps_other']],
    ['two credentials of one kind', ['Authorization: Bearer mcps_a', 'Authorization: Bearer mcps_b']],
    ['a second content type', ['Content-Type: text/plain']],
    ['two lengths', ['Content-Length: 5']],
    ['a length and chunks', ['Transfer-Encoding: chunked']],
    ['a folded header', ['X-Other: a', ' b']],
    ['a foreign origin', ['Origin: http://localhost:25001']],
  ] as const)('%s: refused, and nothing runs', async ([, lines]) => {
    expect(await raw(head([...lines], ECHO))).toMatch(/^HTTP\/1\.1 4\d\d/)
    expect(upstream.called).toEqual([])
  })

  test('a stranger is refused before a body is read, on every method', async () => {
    const started = `${head(['X-Slow: yes'], ECHO, '').split('\r\n\r\n')[0]}\r\n\r\n{`
    expect(await raw(started)).toMatch(/^HTTP\/1\.1 401/)
    for (const method of ['GET', 'DELETE', 'PUT']) {
      expect((await fetch(product.stack.mcp, { method })).status).toBe(401)
    }
  })

  test('a request whose header and body are not of one revision is refused by name', async () => {
    const _meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' }
    const params = { name: 'safe_echo', arguments: {} }
    for (const [more, headers] of [
      [{ _meta }, {}],
      [{}, { 'mcp-protocol-version': '2026-07-28' }],
    ] as const) {
      const answer = await rpc('tools/call', { ...params, ...more }, { path: '/rec', headers })
      expect(answer.status).toBe(400)
      expect([-32020, -32602]).toContain(answer.error?.code)
    }
    expect(upstream.called).toEqual([])
  })

  test('only what was judged is sent on, and what the protocol lets a call carry', async () => {
    const carried = { _meta: { 'example.org/trace': 'kept' }, task: { ttl: 1 } }
    const more = { Name: 'danger_delete', other: 'canary', ...carried }
    await rpc('tools/call', { name: 'safe_echo', arguments: { a: 1 }, ...more }, { path: '/rec' })
    const sent = upstream.received[0] ?? ''
    // The headers come first.
    const { params } = JSON.parse(sent.slice(sent.indexOf('}{') + 1)) as { params: unknown }
    expect(params).toEqual({ name: 'safe_echo', arguments: { a: 1 }, ...carried })
    expect(upstream.received.join()).not.toMatch(/danger_delete|canary/)
  })

  test.for(['/..%2f', '/rec%2Fsafe_echo', '/rec%00', '/postgres', '/__proto__', '/rec/', '/%ff'])(
    'the path %s reaches nothing',
    async (path) => {
      const { status, result } = await call('safe_echo', {}, { path })
      expect(status >= 400 || result?.isError).toBe(true)
      expect(upstream.called).toEqual([])
    },
  )
})

describe('another’s things', () => {
  const newKey = async (settings: object) => {
    const key = await product.demo.api.send<{ id: string; api_key: string }>(
      'POST',
      `${product.at}/keys`,
      settings,
    )
    const known = async () => (await rpc('ping', {}, { headers: { 'x-api-key': key.api_key } })).status
    await expect.poll(known, { timeout: 1_000, interval: 20 }).toBe(200)
    return key
  }

  test('a session belongs to its key, and a key to its upstreams', async () => {
    await policy('{ tool: "*", decision: allow, conditions: { resources: ["*"] } }')
    const { api_key } = await newKey({ name: 'narrow', upstreams: ['files'] })
    const opened = await fetch(product.stack.mcp, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': product.demo.account.api_key },
      body: '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}',
    })
    const session = opened.headers.get('mcp-session-id') ?? ''
    const headers = { 'x-api-key': api_key }
    expect((await rpc('ping', {}, { headers: { ...headers, 'mcp-session-id': session } })).status).toBe(404)
    for (const [name, args] of [
      ['rec__safe_echo', {}],
      ['postgres__query', { sql: 'select 1' }],
    ] as const) {
      expect((await call(name, args, { headers })).result?.content[0]?.text).toContain('key_upstreams')
    }
    expect(upstream.called).toEqual([])
  })

  test('a connection that stays open does not outlive its key', async () => {
    const { id, api_key } = await newKey({ name: 'kept-alive' })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const status = () =>
      new Promise<number | undefined>((resolve, reject) => {
        const headers = { 'content-type': 'application/json', 'x-api-key': api_key }
        const options = { host: '127.0.0.1', port: PORT + 1, path: '/mcp', method: 'POST', agent, headers }
        const sent = request(options, (response) => {
          response.resume().on('end', () => resolve(response.statusCode))
        })
        sent.on('error', reject).end('{"jsonrpc":"2.0","id":1,"method":"ping"}')
      })
    expect(await status()).toBe(200)
    await product.demo.api.send('DELETE', `${product.at}/keys/${id}`)
    await expect.poll(status, { timeout: 1_000, interval: 20 }).toBe(401)
    agent.destroy()
  })

  test('a person of another organisation finds none of it over REST', async () => {
    const first = async (list: string) =>
      (await product.demo.api.get<{ items: { id: string }[] }>(`${product.at}/${list}`)).items[0]?.id ?? ''
    const [key, server, database] = [
      await first('keys'),
      await first('upstreams'),
      await first('connections'),
    ]
    const own = await stranger.send<{ id: string }>('POST', '/projects', { name: 'Own' })
    const attempts: [Method, string, object?][] = [
      ['GET', product.at],
      ['PATCH', product.at, { name: 'Taken' }],
      ['DELETE', product.at],
      ['GET', `${product.at}/policy`],
      ['PUT', `${product.at}/policy`, { policy_yaml: 'version: 1\nrules: []\n' }],
      ['POST', `${product.at}/policy/rollback`, { version: 1 }],
      ['POST', `${product.at}/keys`, { name: 'mine' }],
      ['DELETE', `${product.at}/keys/${key}`],
      ['GET', `${product.at}/upstreams/${server}`],
      ['PATCH', `${product.at}/upstreams/${server}`, { slug: 'taken' }],
      ['GET', `/projects/${own.id}/upstreams/${server}`],
      ['DELETE', `/projects/${own.id}/connections/${database}`],
      ['PATCH', `/projects/${own.id}/keys/${key}`, { name: 'taken' }],
    ]
    for (const [method, path, body] of attempts) {
      expect(await refusal(stranger, method, path, body), `${method} ${path}`).toBe(404)
    }
    const seen = await stranger.get<{ items: unknown[] }>(
      `/audits?project_id=${product.demo.account.project_id}`,
    )
    expect(seen.items).toEqual([])
  })
})

type Method = 'GET' | Parameters<RestClient['send']>[0]

/** The status of a refusal; 200 where there is none. */
async function refusal(by: RestClient, method: Method, path: string, body?: object): Promise<number> {
  try {
    await (method === 'GET' ? by.get(path) : by.send(method, path, body, { 'if-match': '*' }))
    return 200
  } catch (error) {
    if (error instanceof ApiRefusal) return error.status
    throw error
  }
}

describe('input that something further in cannot store or send', () => {
  test.for([
    ['/projects', { name: 'a\u0000b' }],
    ['/projects', { name: 'a\ud800b' }],
    ['/upstreams', { slug: 'network', transport: 'http', url: 'http://127.0.0.1:9/' }],
    ['/upstreams', { slug: 'x', transport: 'http', url: 'http://127.0.0.1:9/', headers: { Host: 'evil' } }],
    [
      '/upstreams',
      { slug: 'x', transport: 'http', url: 'http://127.0.0.1:9/', headers: { 'Content-Length': '3' } },
    ],
  ] as const)('%s refuses it as the caller’s', async ([path, body]) => {
    const at = path === '/projects' ? path : `${product.at}${path}`
    expect(await refusal(product.demo.api, 'POST', at, body)).toBe(400)
  })
})

describe('a column that is redacted', () => {
  beforeAll(() =>
    policy(
      '{ tool: postgres.query, decision: allow, conditions: { operations: [read], resources: ["public.*"] }, redact: [{ fields: ["*.phone"] }] }',
      '{ tool: sqlite.query, decision: allow, conditions: { operations: [read], resources: ["*"] }, redact: [{ fields: ["*.bank_account"] }] }',
    ),
  )

  test.for([
    'select c from customers c',
    'select c::text, to_jsonb(c), row_to_json(c) from customers c',
    "select string_agg(phone, ','), max(phone), array_agg(phone) from customers",
    'select name from customers union all select phone from customers',
    'select x from (select name as x from customers union select phone from customers) s',
    'with recursive n(x) as (select name from customers union select phone from customers) select x from n',
    'select (select phone from customers limit 1) as name',
    'select phone from customers a full join customers b using (phone)',
    'select phone as name, name as phone from customers',
    'select phone as "__proto__", (c).phone as a from customers c',
    'select v.name from customers c, lateral (values (c.phone)) v(name)',
    'select phone::int from customers',
    'select phone::date from customers',
    "select to_date(phone, 'YYYY-MM') from customers",
    "select jsonb_path_query('{}'::jsonb, phone::jsonpath) from customers",
    'select make_date(substr(phone, 4, 3)::int, 13, 1) from customers',
    "select chr(regexp_replace(phone, '\\D', '', 'g')::int) from customers",
  ])('does not show in PostgreSQL: %s', async (sql) => {
    const text = JSON.stringify(await call('postgres__query', { sql }))
    expect(text).not.toMatch(/555|0100|1\d{7}/)
    expect(text).not.toContain('Denied')
  })

  test.for([
    'select name from products union all select bank_account from suppliers',
    'select x from (select bank_account as x from suppliers union all select name from products)',
    'select (values (bank_account), (name)) as name from suppliers',
    'select name, bank_account as name from suppliers',
    'select value as name from suppliers, json_each(json_array(bank_account))',
    "select json_extract('{}', bank_account) from suppliers",
  ])('does not show in SQLite: %s', async (sql) => {
    const text = JSON.stringify(await call('sqlite__query', { sql }))
    expect(text).not.toContain('not for agents')
    expect(text).not.toContain('Denied')
  })
})

test('no statement takes the gateway down, or keeps it from the next one', async () => {
  await policy(
    '{ tool: [postgres.query, sqlite.query], decision: allow, conditions: { operations: [read], resources: ["*"] }, limits: { timeout: 2s } }',
  )
  const harmful = [
    call('postgres__query', { sql: "select repeat('x', 100000000) from customers" }),
    call('postgres__query', { sql: "select repeat('x', 60000000)::int from customers" }),
    call('postgres__query', { sql: "select (repeat('[', 6000) || repeat(']', 6000))::json from customers" }),
    call('sqlite__query', { sql: "select printf('%.*c', 900000000, 'x')" }),
    call('sqlite__query', {
      sql: 'with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c',
    }),
  ]
  for (const { status, result } of await Promise.all(harmful)) {
    expect({ status, isError: result?.isError }).toEqual({ status: 200, isError: true })
  }
  const orders = await call('postgres__query', { sql: 'select id from orders order by id limit 1' })
  expect(orders.result?.structuredContent?.rows).toEqual([{ id: 1 }])
  const products = await call('sqlite__query', { sql: 'select count(*) as n from products' })
  expect(products.result?.structuredContent?.rows).toEqual([{ n: 3 }])
})

test('the record keeps no secret, wherever a client puts it', async () => {
  await policy('{ tool: "rec/safe_echo", decision: allow, conditions: { path_prefix: "/srv/" } }')
  const secret = `ghp_${'a1B2c3D4e5F6'.repeat(3)}`
  await call(`safe_${secret}`, {}, { path: '/rec' })
  await call('safe_echo', { path: `/tmp/${secret}`, [secret]: secret }, { path: '/rec' })
  const asked = await fetch(`${product.stack.decisions}/policy/evaluate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': product.demo.account.api_key },
    body: JSON.stringify({
      tool: 'rec/marked',
      arguments: {},
      context: { agent: secret, request_id: secret },
    }),
  })
  const { decision_id } = (await asked.json()) as { decision_id: string }
  await expect
    .poll(() => product.demo.api.get(`/audits/${decision_id}`).catch(() => undefined), { timeout: 5_000 })
    .toBeDefined()
  const { items } = await product.demo.api.get<{ items: object[] }>(
    `/audits?project_id=${product.demo.account.project_id}&limit=10`,
  )
  expect(items.length).toBeGreaterThanOrEqual(3)
  expect(JSON.stringify(items)).not.toContain(secret)
  expect(JSON.stringify(items)).toContain('[redacted:')
})
