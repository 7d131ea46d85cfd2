// The main job: a call of a real MCP client is decided, enforced and recorded.
import { join } from 'node:path'
import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startProduct, type Product } from './product.ts'
import { startRecordingUpstream, type RecordingUpstream } from './recording-upstream.ts'

let product: Product
let upstream: RecordingUpstream
let client: Client

beforeAll(async () => {
  upstream = await startRecordingUpstream()
  product = await startProduct(21_000)
  await product.demo.api.send('POST', `${product.at}/upstreams`, {
    slug: 'rec',
    transport: 'http',
    url: upstream.url,
    headers: { 'x-upstream-secret': 'only for the upstream' },
  })
  client = await product.client()
})
afterAll(async () => {
  await client.close()
  await product[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})
beforeEach(() => {
  upstream.called = []
  upstream.received = []
  upstream.mood = 'good'
  upstream.raw = undefined
  upstream.answer = { content: [{ type: 'text', text: 'done' }] }
})

type Result = {
  content: { type: string; text: string }[]
  isError?: boolean
  structuredContent?: { rows: object[]; cut?: boolean }
}
type Meta = { _meta?: { 'io.mcpshield/decision'?: { decision: string; rule: string; decision_id: string } } }

async function call(name: string, args: object = {}, by = client): Promise<Result & Meta> {
  return (await by.callTool({ name, arguments: { ...args } })) as Result & Meta
}
const decisionOf = (result: Meta) => result._meta?.['io.mcpshield/decision']

/** Saves a policy of these rules and waits until calls are decided by it. */
async function policy(...rules: string[]): Promise<void> {
  const version = await product.setPolicy(
    `version: 1\nrules:\n${rules.map((rule) => `  - ${rule}`).join('\n')}\n`,
  )
  await expect
    .poll(
      async () => {
        const answer = await evaluate('nothing.here', {})
        return answer.policy_version
      },
      { timeout: 1_000, interval: 10 },
    )
    .toBe(version)
  // The gateway watches the same bucket; its own view is at most a moment behind.
  await new Promise((resolve) => setTimeout(resolve, 100))
}

async function evaluate(
  tool: string,
  args: object,
): Promise<{ decision: string; rule: string; policy_version: number; decision_id: string }> {
  const response = await fetch(`${product.stack.decisions}/policy/evaluate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': product.demo.account.api_key },
    body: JSON.stringify({ tool, arguments: args }),
  })
  expect(response.status).toBe(200)
  return (await response.json()) as {
    decision: string
    rule: string
    policy_version: number
    decision_id: string
  }
}

describe('tools/list', () => {
  test('shows only what some call could be allowed', async () => {
    await policy(
      '{ tool: "rec/safe_*", decision: allow }',
      '{ tool: "sqlite.query", decision: allow, conditions: { operations: [read] } }',
    )
    expect((await client.listTools()).tools.map((tool) => tool.name)).toEqual([
      'rec__safe_echo',
      'sqlite__query',
    ])
    await policy('{ tool: "rec/*", decision: deny }', '{ tool: "rec/safe_echo", decision: allow }')
    expect((await client.listTools()).tools).toEqual([])
  })

  test('an upstream that does not answer does not hide the others', async () => {
    await product.demo.api.send('POST', `${product.at}/upstreams`, {
      slug: 'dead',
      transport: 'http',
      url: 'http://127.0.0.1:9/mcp',
    })
    await policy(
      '{ tool: "*", decision: allow, conditions: { path_prefix: "/", allowed_domains: ["*"], resources: ["*"] } }',
    )
    const { tools } = await client.listTools()
    expect(tools.map((tool) => tool.name)).toEqual(
      expect.arrayContaining(['rec__safe_echo', 'files__read_text_file', 'postgres__query']),
    )
  })

  test('one upstream alone has its own names', async () => {
    await policy('{ tool: "rec/safe_*", decision: allow }')
    const only = await product.client({ path: '/rec' })
    expect((await only.listTools()).tools.map((tool) => tool.name)).toEqual(['safe_echo'])
    expect((await call('safe_echo', {}, only)).content[0]?.text).toBe('done')
    expect(decisionOf(await call('danger_delete', {}, only))?.decision).toBe('deny')
    await only.close()
  })
})

describe('tools/call', () => {
  test('an allowed call reaches the upstream unchanged, and its result comes back unchanged', async () => {
    await policy('{ tool: "rec/safe_echo", decision: allow }')
    upstream.answer = {
      content: [
        { type: 'text', text: 'line\nbreak "quoted" é' },
        { type: 'text', text: '2' },
      ],
    }
    const result = await call('rec__safe_echo', { text: 'hello', nested: { list: [1, null, true] } })
    expect(result.content).toEqual(upstream.answer.content)
    expect(upstream.called).toEqual(['safe_echo'])
    expect(upstream.received[0]).toContain('"arguments":{"text":"hello","nested":{"list":[1,null,true]}}')
    expect(upstream.received[0]).toContain('only for the upstream')
    expect(upstream.received[0]).not.toContain('mcps_')
  })

  test('no byte of a denied call reaches the upstream, and the client learns the rule and the reason', async () => {
    await policy('{ id: never, tool: "rec/danger_*", decision: deny }', '{ tool: "rec/*", decision: allow }')
    const result = await call('rec__danger_delete', { text: 'canary-4711' })
    expect(result.isError).toBe(true)
    expect(result.content[0]?.text).toContain('never')
    expect(decisionOf(result)).toMatchObject({ decision: 'deny', rule: 'never' })
    expect(upstream.called).toEqual([])
    expect(upstream.received.join('')).not.toContain('canary')
  })

  test('a rule on an argument decides by what was sent', async () => {
    await policy(
      '{ tool: "rec/region_query", decision: allow, conditions: { parameters: { region: { enum: [eu] } } } }',
    )
    expect((await call('rec__region_query', { region: 'eu' })).isError).not.toBe(true)
    expect(decisionOf(await call('rec__region_query', { region: 'us' }))?.decision).toBe('deny')
    expect(decisionOf(await call('rec__region_query', {}))?.decision).toBe('deny')
    expect(decisionOf(await call('rec__region_query', { region: ['eu'] }))?.decision).toBe('deny')
    expect(upstream.called).toEqual(['region_query'])
  })

  test('a result over the policy’s bytes is withheld whole, one within comes unchanged', async () => {
    await policy('{ tool: "rec/safe_echo", decision: allow, limits: { max_bytes: 200 } }')
    expect((await call('rec__safe_echo')).content[0]?.text).toBe('done')
    upstream.answer = { content: [{ type: 'text', text: 'x'.repeat(300) }] }
    const result = await call('rec__safe_echo')
    expect(result.isError).toBe(true)
    expect(result.content[0]?.text).toMatch(/withheld: it has \d+ bytes/)
  })

  test('a result nested too deeply to be passed on is an error, and recorded as one', async () => {
    await policy('{ id: deep, tool: "rec/safe_echo", decision: allow }')
    upstream.raw = `{"content":${'['.repeat(20_000)}${']'.repeat(20_000)}}`
    const result = await call('rec__safe_echo')
    expect(result.isError).toBe(true)
    expect(result.content[0]?.text).toContain('nested too deeply')
    const audits = () =>
      product.demo.api
        .get<{ items: { outcome: string | null }[] }>('/audits?rule=deep')
        .then(({ items }) => items.map((item) => item.outcome))
    await expect.poll(audits, { timeout: 5_000 }).toEqual(['error'])
  })

  test('a call that nobody approves in time is not run, and says so', async () => {
    await policy(
      '{ id: ask-first, tool: "rec/safe_echo", decision: ask, timeout: 1s }',
      '{ tool: "rec/*", decision: allow }',
    )
    const result = await call('rec__safe_echo')
    expect(decisionOf(result)).toMatchObject({ decision: 'ask', rule: 'ask-first' })
    expect(result.content[0]?.text).toContain('asks for a person’s approval')
    expect(upstream.called).toEqual([])
  })

  test('an unknown tool is denied and recorded', async () => {
    await policy('{ tool: "rec/safe_echo", decision: allow }')
    for (const name of [
      'nothing',
      'rec__nothing',
      'nowhere__x',
      'postgres__drop',
      'safe_echo',
      'REC__safe_echo',
    ]) {
      expect(decisionOf(await call(name))?.decision).toBe('deny')
    }
    expect(upstream.called).toEqual([])
  })

  test('a file outside the prefix is denied on any spelling of its path', async () => {
    const { publicFolder, folder } = product.demo.sample
    await policy(
      `{ tool: "files/read_text_file", decision: allow, conditions: { path_prefix: ${JSON.stringify(publicFolder)} } }`,
    )
    const read = (path: string) => call('files__read_text_file', { path })
    expect((await read(join(publicFolder, 'welcome.txt'))).content[0]?.text).toContain(
      'Everyone may read this',
    )
    for (const path of [
      join(folder, 'private/salaries.txt'),
      `${publicFolder}/../private/salaries.txt`,
      `${publicFolder}-evil/x`,
      'private/salaries.txt',
      '~/x',
      `${publicFolder}/x\u0000`,
    ]) {
      expect(decisionOf(await read(path))?.decision).toBe('deny')
    }
  })
})

describe('databases', () => {
  const readOrders =
    '{ id: orders, tool: postgres.query, decision: allow, conditions: { operations: [read], resources: ["public.orders"] } }'
  const sql = (text: string) => call('postgres__query', { sql: text })

  test('a table that the rule names can be read, whatever the spelling', async () => {
    await policy(readOrders)
    for (const text of [
      'select id from orders order by id',
      'select "id" from public."orders" o order by 1',
      'table orders',
    ]) {
      const result = await sql(text)
      expect(result.isError, result.content[0]?.text).not.toBe(true)
      expect(result.structuredContent?.rows).toHaveLength(3)
    }
  })

  test.for([
    'select * from hr.salaries',
    'with orders as (select * from hr.salaries) select * from orders',
    'select (select amount_cents from hr.salaries limit 1) from orders',
    'delete from orders',
    'with d as (delete from orders returning *) select * from d',
    'explain analyze delete from orders',
    'select * into copied from orders',
    'select id from orders; drop table orders',
    "select query_to_xml('select * from hr.salaries', true, true, '')",
    "select pg_read_file('/etc/passwd')",
    "select set_config('search_path', 'hr', false) from orders",
    'select * from orders for update',
    'set role postgres',
    'this is not SQL',
    '',
  ])('%s is denied before it reaches the database', async (text) => {
    expect(decisionOf(await sql(text))?.decision).toBe('deny')
  })

  test('what was decided as reading cannot write, even where the text hides it', async () => {
    await policy('{ tool: postgres.query, decision: allow, conditions: { resources: ["*"] } }')
    const result = await sql('create table public.made (id int)')
    expect(result.isError).toBe(true)
    expect(result.content[0]?.text).toMatch(/PostgreSQL: permission denied/)
  })

  test('rows are cut at the policy’s limit, and the answer says so', async () => {
    await policy(
      '{ tool: postgres.query, decision: allow, conditions: { operations: [read], resources: ["public.*"] }, limits: { max_rows: 2 } }',
    )
    const { structuredContent } = await sql('select id from orders order by id')
    expect(structuredContent).toMatchObject({ rows: [{ id: 1 }, { id: 2 }], cut: true })
  })

  test('redacted columns stay redacted under another name, and detectors cover the rest', async () => {
    await policy(
      '{ tool: postgres.query, decision: allow, conditions: { operations: [read], resources: ["public.customers"] }, redact: [email, { fields: ["*.phone"], with: mask }] }',
    )
    for (const text of [
      'select * from customers',
      'select name as a, email as b, phone as c from customers',
      "select phone || '' as x, email from customers",
    ]) {
      const result = JSON.stringify(await sql(text))
      expect(result).not.toMatch(/555|sample@/)
    }
    const named = await sql('select name from customers order by id')
    expect(named.structuredContent?.rows).toEqual([{ name: 'A. Sample' }, { name: 'B. Sample' }])
  })

  test('SQLite is held to the tables that were decided', async () => {
    await policy(
      '{ tool: sqlite.query, decision: allow, conditions: { operations: [read], resources: ["products", "main.products"] } }',
    )
    const lite = (text: string) => call('sqlite__query', { sql: text })
    expect((await lite('select name from products order by id limit 1')).structuredContent?.rows).toEqual([
      { name: 'Notebook' },
    ])
    for (const text of [
      'select * from suppliers',
      'select p.name from products p natural join suppliers',
      'select * from sqlite_master',
      "attach database '/tmp/x' as x",
      "vacuum into '/tmp/copied'",
      'pragma query_only = off',
      'insert into products (name, price_cents) values (1, 2)',
    ]) {
      expect(decisionOf(await lite(text))?.decision, text).toBe('deny')
    }
  })
})

describe('limits', () => {
  test('exactly as many calls pass as the limit says, also at once', async () => {
    await policy(
      '{ id: three, tool: "rec/safe_echo", decision: allow, limits: { rate_limit: { calls: 3, per: 1m, by: key } } }',
    )
    const results = await Promise.all(Array.from({ length: 20 }, () => call('rec__safe_echo')))
    expect(results.filter((result) => !result.isError)).toHaveLength(3)
    const refused = results.find((result) => result.isError)
    expect(refused?.content[0]?.text).toContain('rate_limited')
    expect(decisionOf(refused ?? {})).toMatchObject({
      decision: 'deny',
      rule: 'three',
      retry_after_ms: expect.any(Number),
    })
    expect(upstream.called).toHaveLength(3)
  })
})

describe('changes', () => {
  test('a policy saved over REST is in force at the gateway within a second', async () => {
    await policy('{ tool: "rec/safe_echo", decision: allow }')
    expect((await call('rec__safe_echo')).isError).not.toBe(true)
    await product.setPolicy('version: 1\nrules: []\n')
    await expect
      .poll(async () => (await call('rec__safe_echo')).isError, { timeout: 1_000, interval: 20 })
      .toBe(true)
  })

  test('a revoked key is refused within a second, and an unknown one at once', async () => {
    await policy('{ tool: "rec/safe_echo", decision: allow }')
    const { id, api_key } = await product.demo.api.send<{ id: string; api_key: string }>(
      'POST',
      `${product.at}/keys`,
      { name: 'short-lived' },
    )
    const status = async () => (await raw({ key: api_key })).status
    await expect.poll(status, { timeout: 1_000, interval: 20 }).toBe(200)
    await product.demo.api.send('DELETE', `${product.at}/keys/${id}`)
    await expect.poll(status, { timeout: 1_000, interval: 20 }).toBe(401)
    expect((await raw({ key: 'mcps_unknown' })).status).toBe(401)
    expect((await raw({ key: '' })).headers.get('www-authenticate')).toContain('Bearer')
  })

  test('the kill switch denies everything within a second, and lets go again', async () => {
    await policy('{ tool: "rec/safe_echo", decision: allow }')
    await product.demo.api.send('PATCH', product.at, { killed: true })
    await expect
      .poll(async () => decisionOf(await call('rec__safe_echo'))?.rule, { timeout: 1_000, interval: 20 })
      .toBe('killed')
    await product.demo.api.send('PATCH', product.at, { killed: false })
    await expect
      .poll(async () => (await call('rec__safe_echo')).isError, { timeout: 1_000, interval: 20 })
      .not.toBe(true)
  })

  test('the organisation’s policy is above the project’s within a second, and holds deny and ask rules only', async () => {
    await policy('{ tool: "rec/safe_echo", decision: allow }')
    const save = (policy_yaml: string, ifMatch: string) =>
      product.demo.api.send<{ version: number }>(
        'PUT',
        '/organization/policy',
        { policy_yaml },
        { 'if-match': ifMatch },
      )
    const none = await product.demo.api.get<{ version: number }>('/organization/policy')
    await expect(save('version: 1\nrules:\n  - { tool: "*", decision: allow }\n', '*')).rejects.toMatchObject(
      { status: 422 },
    )
    const saved = await save(
      'version: 1\nrules:\n  - { id: never, tool: "rec/*", decision: deny }\n',
      `"${none.version}"`,
    )
    await expect(save('version: 1\nrules: []\n', `"${none.version}"`)).rejects.toMatchObject({ status: 412 })
    await expect
      .poll(async () => decisionOf(await call('rec__safe_echo'))?.rule, { timeout: 1_000, interval: 20 })
      .toBe('organization/never')
    await save('version: 1\nrules: []\n', `"${saved.version}"`)
    await expect
      .poll(async () => (await call('rec__safe_echo')).isError, { timeout: 1_000, interval: 20 })
      .not.toBe(true)
  })

  test('a policy that does not parse is refused with line and column, and the old one stays', async () => {
    await policy('{ tool: "rec/safe_echo", decision: allow }')
    const response = await fetch(`${product.stack.api}${product.at}/policy`, {
      method: 'PUT',
      headers: await userHeaders({ 'if-match': '*' }),
      body: JSON.stringify({ policy_yaml: 'version: 1\nrules:\n  - tool: x\n    decision: maybe\n' }),
    })
    expect(response.status).toBe(422)
    const problem = (await response.json()) as {
      diagnostics: { line: number; column: number; severity: string }[]
    }
    expect(problem.diagnostics[0]).toMatchObject({ line: 4, severity: 'error' })
    expect((await call('rec__safe_echo')).isError).not.toBe(true)
  })
})

describe('bad input', () => {
  test.for([
    ['not JSON', 400, -32700],
    ['[]', 400, -32600],
    ['{"jsonrpc":"2.0","id":1}', 400, -32600],
    ['{"jsonrpc":"2.0","id":1,"method":"tools/call","method":"ping"}', 400, -32700],
  ] as const)('%s is answered %i', async ([body, status, code]) => {
    const response = await raw({ body })
    expect(response.status).toBe(status)
    expect(((await response.json()) as { error: { code: number } }).error.code).toBe(code)
  })

  test('a wrong origin, content type, method or size is refused', async () => {
    expect((await raw({ headers: { origin: 'https://evil.example' } })).status).toBe(403)
    expect((await raw({ headers: { 'content-type': 'text/plain' } })).status).toBe(415)
    expect((await raw({ body: `{"a":"${'x'.repeat(2 * 1024 * 1024)}"}` })).status).toBe(413)
    const key = { 'x-api-key': product.demo.account.api_key }
    expect((await fetch(product.stack.mcp, { headers: key })).status).toBe(406)
    const stream = { ...key, accept: 'text/event-stream' }
    expect((await fetch(product.stack.mcp, { headers: stream })).status).toBe(405)
    expect((await raw({ headers: { 'mcp-session-id': 'guessed' } })).status).toBe(404)
    expect((await raw({ headers: { 'mcp-protocol-version': '1999-01-01' } })).status).toBe(400)
    expect(upstream.called).toEqual([])
  })

  test.for(['hang', 'nonsense', 'error-status', 'cut-off'] as const)(
    'an upstream that is in the mood to %s gives a clear error',
    async (mood) => {
      await policy('{ tool: "rec/safe_echo", decision: allow }')
      upstream.mood = mood
      const result = await call('rec__safe_echo')
      expect(result.isError).toBe(true)
      expect(result.content[0]?.text).toContain('upstream rec')
      upstream.mood = 'good'
      expect((await call('rec__safe_echo')).isError).not.toBe(true)
    },
  )
})

describe('the record', () => {
  type Item = {
    id: string
    tool: string
    decision: string
    rule: string
    outcome: string | null
    agent: string | null
    arguments: unknown
  }
  const audits = async (query: string) =>
    (
      await product.demo.api.get<{ items: Item[] }>(
        `/audits?project_id=${product.demo.account.project_id}&limit=200&${query}`,
      )
    ).items

  test('each call has exactly one, with what came of it', async () => {
    await policy(
      '{ id: marked-allow, tool: "rec/safe_echo", decision: allow }',
      '{ id: marked-deny, tool: "rec/danger_delete", decision: deny }',
    )
    const named = await product.client({ name: 'a-named-agent' })
    for (let index = 0; index < 5; index++)
      await call('rec__safe_echo', { email: 'someone@example.com' }, named)
    for (let index = 0; index < 3; index++) await call('rec__danger_delete', {}, named)
    await named.close()
    const complete = async () => {
      const [allowed, denied] = [await audits('rule=marked-allow'), await audits('rule=marked-deny')]
      return [allowed.filter((item) => item.outcome === 'ok').length, allowed.length, denied.length]
    }
    await expect.poll(complete, { timeout: 5_000, interval: 50 }).toEqual([5, 5, 3])
    const [item] = await audits('rule=marked-allow')
    expect(item).toMatchObject({ tool: 'rec/safe_echo', decision: 'allow', agent: 'a-named-agent' })
    expect(JSON.stringify(item?.arguments)).not.toContain('someone@example.com')
    expect((await audits('rule=marked-deny')).every((each) => each.outcome === null)).toBe(true)
  })

  test('a decision asked for over REST is recorded before it is told', async () => {
    const { decision_id, decision } = await evaluate('rec/danger_delete', { a: 1 })
    expect(decision).toBe('deny')
    await expect
      .poll(() => product.demo.api.get<Item>(`/audits/${decision_id}`).catch(() => undefined), {
        timeout: 5_000,
      })
      .toMatchObject({ id: decision_id })
  })
})

type Raw = { key?: string; body?: string; headers?: Record<string, string> }

function raw({ key = product.demo.account.api_key, body, headers = {} }: Raw): Promise<Response> {
  return fetch(product.stack.mcp, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'x-api-key': key,
      ...headers,
    },
    body: body ?? JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }),
  })
}

async function userHeaders(more: Record<string, string>): Promise<Record<string, string>> {
  const { email, password } = product.demo.account
  const response = await fetch(`${product.stack.api}/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email, password }),
  })
  const { access_token } = (await response.json()) as { access_token: string }
  return { authorization: `Bearer ${access_token}`, 'content-type': 'application/json', ...more }
}
