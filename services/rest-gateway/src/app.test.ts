import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { AppError } from '@mcpshield/contracts/errors'
import { edge } from '../test/edge.ts'

const id = randomUUID()
const login = { method: 'POST', url: '/auth/login' } as const
const json = { 'content-type': 'application/json' }

async function signedIn(options: Parameters<typeof edge>[0] = {}) {
  const made = await edge(options)
  const headers = { authorization: `Bearer ${await made.sign()}` }
  return { ...made, headers }
}

describe('input', () => {
  test('path, query, body and mapped headers become one input, typed as the contract says', async () => {
    const { app, asked, headers } = await signedIn()
    await app.inject({ url: `/projects/${id}/policy/versions/7`, headers })
    await app.inject({ url: '/projects?limit=5&cursor=12', headers })
    await app.inject({
      method: 'PUT',
      url: `/projects/${id}/policy`,
      headers: { ...headers, 'if-match': '"3"' },
      payload: { policy_yaml: 'x' },
    })
    expect(asked.map(({ subject, input }) => [subject, input])).toEqual([
      ['rpc.projects.getPolicyVersion', { project_id: id, version: 7 }],
      ['rpc.projects.listProjects', { limit: 5, cursor: '12' }],
      ['rpc.projects.savePolicy', { project_id: id, policy_yaml: 'x', if_match: '"3"' }],
    ])
  })

  test.for<[string, object, string | undefined]>([
    [
      'a field in the path and in the body',
      { method: 'PATCH', url: `/projects/${id}`, payload: { project_id: id } },
      'project_id',
    ],
    ['a field in the path and in the query', { url: `/projects/${id}?project_id=${id}` }, 'project_id'],
    [
      'a header’s field in the body too',
      {
        method: 'PUT',
        url: `/projects/${id}/policy`,
        payload: { if_match: '*' },
        headers: { 'if-match': '*' },
      },
      'if_match',
    ],
    ['a field given twice in the query', { url: '/projects?limit=1&limit=2' }, 'limit'],
    ['a query where a body belongs', { method: 'POST', url: '/projects?name=x', payload: {} }, 'name'],
    ['a body where none belongs', { method: 'DELETE', url: `/projects/${id}`, payload: { a: 1 } }, undefined],
    ['a body that is a list', { method: 'POST', url: '/projects', payload: [] }, undefined],
    ['a body that is no JSON', { method: 'POST', url: '/projects', payload: '{', headers: json }, undefined],
    [
      'a key repeated in the body',
      { method: 'POST', url: '/projects', payload: '{"name":"a","name":"b"}', headers: json },
      undefined,
    ],
    [
      'a key repeated by escapes',
      { method: 'POST', url: '/projects', payload: '{"name":"a","n\\u0061me":"b"}', headers: json },
      undefined,
    ],
    [
      'a body nested too deeply',
      { method: 'POST', url: '/projects', payload: `${'['.repeat(70)}${']'.repeat(70)}`, headers: json },
      undefined,
    ],
    ['a path that is no text', { url: '/projects/%ff' }, undefined],
  ])('%s is refused', async ([, request, path]) => {
    const { app, asked, headers } = await signedIn()
    const own = (request as { headers?: object }).headers
    const answer = await app.inject({ ...request, headers: { ...headers, ...own } })
    expect(answer.statusCode).toBe(400)
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8')
    if (path !== undefined) expect(answer.json()).toMatchObject({ errors: [{ path }] })
    expect(asked).toEqual([])
  })

  test('only JSON is taken, and no more than 1 MiB of it', async () => {
    const { app, asked } = await edge()
    const send = (type: string, payload: string) =>
      app.inject({ ...login, payload, headers: { 'content-type': type } })
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/xml',
    ])
      expect((await send(type, '{}')).statusCode, type).toBe(415)
    expect((await send('application/json', `"${'x'.repeat(1024 * 1024)}"`)).statusCode).toBe(413)
    expect((await send('application/json; charset=utf-8', '{}')).statusCode).toBe(200)
    expect(asked).toHaveLength(1)
  })
})

describe('answers', () => {
  const answering = (error: Error) => signedIn({ answer: () => Promise.reject(error) })

  test('a refusal keeps its code, its type, its fields and its patience', async () => {
    const { app } = await answering(
      new AppError('RATE_LIMITED', 'Wait.', {
        type: 'slow_down',
        retry_after_ms: 1_200,
        errors: [{ path: 'a', message: 'b' }],
      }),
    )
    const answer = await app.inject({ ...login, payload: {} })
    expect(answer.statusCode).toBe(429)
    expect(answer.headers['retry-after']).toBe('2')
    expect(answer.json()).toEqual({
      type: 'urn:mcpshield:error:slow_down',
      title: 'Too many requests',
      status: 429,
      detail: 'Wait.',
      errors: [{ path: 'a', message: 'b' }],
      request_id: answer.headers['x-request-id'],
    })
  })

  test('a bug is told as one, and nothing of what it said', async () => {
    const { app } = await answering(new TypeError('select * from users where password = 1'))
    const answer = await app.inject({ ...login, payload: {} })
    expect(answer.statusCode).toBe(500)
    expect(answer.body).not.toMatch(/select|TypeError|stack/)
  })

  test('what is not there is a problem document too', async () => {
    const { app } = await edge()
    const answer = await app.inject('/nothing/here')
    expect(answer.statusCode).toBe(404)
    expect(answer.json()).toMatchObject({ type: 'urn:mcpshield:error:not_found', status: 404 })
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
  })

  test('statuses and entity tags are those of the contract', async () => {
    const { app, headers } = await signedIn({ answer: async () => ({ version: 4 }) })
    const policy = await app.inject({ url: `/projects/${id}/policy`, headers })
    expect(policy.headers.etag).toBe('"4"')
    expect((await app.inject({ method: 'POST', url: '/projects', headers, payload: {} })).statusCode).toBe(
      201,
    )
    const gone = await app.inject({ method: 'DELETE', url: `/projects/${id}`, headers })
    expect([gone.statusCode, gone.body]).toEqual([204, ''])
    const out = await app.inject({ method: 'POST', url: '/auth/logout', headers: { ...headers, ...json } })
    expect(out.statusCode).toBe(204)
  })
})

describe('the client’s address', () => {
  const forwarded = { 'x-forwarded-for': '203.0.113.9' }

  test('is what connected, whatever the client says of itself', async () => {
    const { app, asked } = await edge()
    await app.inject({ ...login, payload: {}, headers: forwarded, remoteAddress: '192.0.2.1' })
    expect(asked[0]?.caller).toMatchObject({ kind: 'anonymous', address: '192.0.2.1' })
  })

  test('comes with what the program says of itself, cut short', async () => {
    const { app, asked } = await edge()
    const says = (agent: string) => app.inject({ ...login, payload: {}, headers: { 'user-agent': agent } })
    await says('a-client/1.0')
    await says('x'.repeat(10_000))
    expect(asked.map(({ caller }) => (caller as { user_agent: string }).user_agent)).toEqual([
      'a-client/1.0',
      'x'.repeat(500),
    ])
  })

  test('is what a named proxy says, and only that', async () => {
    const { app, asked } = await edge({ trustProxy: ['10.0.0.0/8'] })
    await app.inject({ ...login, payload: {}, headers: forwarded, remoteAddress: '10.1.2.3' })
    await app.inject({ ...login, payload: {}, headers: forwarded, remoteAddress: '192.0.2.1' })
    const chain = { 'x-forwarded-for': '198.51.100.1, 203.0.113.9' }
    await app.inject({ ...login, payload: {}, headers: chain, remoteAddress: '10.1.2.3' })
    expect(asked.map(({ caller }) => (caller as { address: string }).address)).toEqual([
      '203.0.113.9',
      '192.0.2.1',
      '203.0.113.9',
    ])
  })
})

describe('about itself', () => {
  test('health names each dependency, and tells nothing else of it', async () => {
    const broken = { ok: false, detail: 'connect ECONNREFUSED 10.0.0.7:5432' }
    const { app } = await edge({
      checks: { nats: async () => 1 },
      services: {
        auth: async () => ({ ok: true, dependencies: { redis: { ok: true } } }),
        projects: async () => ({ ok: false, dependencies: { postgres: broken } }),
        ingest: () => Promise.reject(new Error('no responders at 10.0.0.8')),
      },
    })
    const answer = await app.inject('/health')
    expect(answer.statusCode).toBe(503)
    expect(answer.json()).toEqual({
      status: 'failing',
      version: '1.2.3',
      dependencies: {
        nats: { ok: true },
        auth: { ok: true },
        'auth.redis': { ok: true },
        projects: { ok: false },
        'projects.postgres': { ok: false },
        ingest: { ok: false },
      },
    })
    expect((await (await edge()).app.inject('/health')).statusCode).toBe(200)
  })

  test('it says when it cannot answer', async () => {
    expect((await (await edge()).app.inject('/ready')).statusCode).toBe(200)
    expect((await (await edge({ ready: () => false })).app.inject('/ready')).statusCode).toBe(503)
  })

  test('metrics have routes for labels, never ids', async () => {
    const { app, headers } = await signedIn()
    await app.inject({ url: `/projects/${id}`, headers })
    await app.inject('/made/up/path')
    const { body } = await app.inject('/metrics')
    expect(body).toContain('route="/projects/:project_id"')
    expect(body).not.toContain(id)
    expect(body).not.toContain('made')
  })

  test('the documentation asks nobody else, and its script is served here', async () => {
    const { app } = await edge()
    const page = await app.inject('/docs')
    expect(page.statusCode).toBe(200)
    expect(page.body).not.toMatch(/https?:\/\//)
    expect(page.headers['content-security-policy']).toMatch(/connect-src 'self'/)
    const sources = [...page.body.matchAll(/src="([^"]+)"/g)].map((match) => match[1] ?? '')
    expect(sources).toHaveLength(1)
    const script = await app.inject(sources[0] ?? '')
    expect(script.headers['content-type']).toMatch(/javascript/)
    expect(script.body.length).toBeGreaterThan(100_000)
    const document = (await app.inject('/openapi.json')).json<{ openapi: string; paths: object }>()
    expect(document.openapi).toBe('3.1.0')
    expect(Object.keys(document.paths)).toContain('/projects/{project_id}/policy')
  })

  test('the first page says what this is', async () => {
    const { app } = await edge()
    expect((await app.inject('/')).json()).toEqual({
      name: 'MCPShield API',
      version: '1.2.3',
      docs: '/docs',
      openapi: '/openapi.json',
    })
  })
})
