import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { AppError } from '@mcpshield/contracts/errors'
import { edge } from '../test/edge.ts'

describe('a method that a path does not have', () => {
  test.for<['POST' | 'PUT' | 'DELETE' | 'PATCH', string, string]>([
    ['PUT', '/projects', 'GET, HEAD, OPTIONS, POST'],
    ['DELETE', '/audits', 'GET, HEAD, OPTIONS'],
    ['POST', `/projects/${randomUUID()}`, 'DELETE, GET, HEAD, OPTIONS, PATCH'],
    ['POST', '/health', 'GET, HEAD, OPTIONS'],
    ['DELETE', '/', 'GET, HEAD, OPTIONS'],
  ])('%s %s is told which it has', async ([method, url, allow]) => {
    const { app } = await edge()
    const answer = await app.inject({ method, url })
    expect(answer.statusCode).toBe(405)
    expect(answer.headers.allow).toBe(allow)
    expect(answer.json()).toMatchObject({ type: 'urn:mcpshield:error:method_not_allowed', status: 405 })
  })

  test('a path that is not there is 404 for every method', async () => {
    const { app } = await edge()
    for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS'] as const)
      expect((await app.inject({ method, url: '/projects/a/b/c' })).statusCode, method).toBe(404)
  })

  test('OPTIONS names the methods to whom is no page', async () => {
    const { app } = await edge()
    const answer = await app.inject({ method: 'OPTIONS', url: '/projects' })
    expect([answer.statusCode, answer.body, answer.headers.allow]).toEqual([
      204,
      '',
      'GET, HEAD, OPTIONS, POST',
    ])
  })

  test('HEAD is GET without the body, and is not there for a stream', async () => {
    const { app, sign } = await edge({ answer: async () => ({ items: [] }) })
    const headers = { authorization: `Bearer ${await sign()}` }
    const head = await app.inject({ method: 'HEAD', url: '/projects', headers })
    expect([head.statusCode, head.body]).toEqual([200, ''])
    for (const url of ['/audits/live', '/audits/export']) {
      const refused = await app.inject({ method: 'HEAD', url, headers })
      expect([refused.statusCode, refused.headers.allow], url).toEqual([405, 'GET, OPTIONS'])
    }
  })
})

describe('input', () => {
  const event = { event_id: randomUUID(), type: 'api_call', tool: 'x', timestamp: '2026-11-27T09:00:00Z' }

  test('that is one of several things comes as it is', async () => {
    const { app, asked, addKey } = await edge()
    addKey('mcps_good')
    const send = (payload: object) =>
      app.inject({
        method: 'POST',
        url: '/events/ingest',
        payload,
        headers: { 'x-api-key': 'mcps_good' },
      })
    expect((await send(event)).statusCode).toBe(202)
    expect((await send({ events: [event] })).statusCode).toBe(202)
    expect(asked.map(({ input }) => input)).toEqual([event, { events: [event] }])
  })

  test('of a DELETE that asks for the password comes in the body, never in the query', async () => {
    const { app, asked, sign } = await edge()
    const headers = { authorization: `Bearer ${await sign()}` }
    const gone = await app.inject({ method: 'DELETE', url: '/me', headers, payload: { password: 'x' } })
    expect(gone.statusCode).toBe(204)
    expect(asked).toMatchObject([{ subject: 'rpc.auth.deleteMe', input: { password: 'x' } }])
    expect((await app.inject({ method: 'DELETE', url: '/me?password=x', headers })).statusCode).toBe(400)
    expect(asked).toHaveLength(1)
  })

  test.for<[string, object]>([
    ['a NUL in a value', { name: 'a\0b' }],
    ['a NUL deep inside', { name: 'x', infrastructure: ['a', '\0'] }],
    ['half of a surrogate pair', { name: '\ud800' }],
    ['a name that is no text', { 'na\0me': 'x' }],
  ])('with %s is refused before anybody is asked', async ([, payload]) => {
    const { app, asked, sign } = await edge()
    const headers = { authorization: `Bearer ${await sign()}` }
    const answer = await app.inject({ method: 'POST', url: '/projects', headers, payload })
    expect(answer.statusCode).toBe(400)
    expect(asked).toEqual([])
  })

  test('of a program comes as it is: what an agent asks for is decided, whatever it is', async () => {
    const { app, asked, addKey } = await edge()
    addKey('mcps_good')
    const payload = { tool: 'x', arguments: { a: '\0', b: '\ud800' } }
    const headers = { 'x-api-key': 'mcps_good' }
    const answer = await app.inject({ method: 'POST', url: '/policy/evaluate', headers, payload })
    expect(answer.statusCode).toBe(200)
    expect(asked[0]?.input).toEqual(payload)
  })

  test('with a NUL in the path or the query is refused; an emoji, right-to-left text and quotes pass', async () => {
    const { app, asked, sign } = await edge()
    const headers = { authorization: `Bearer ${await sign()}` }
    const get = async (url: string) => (await app.inject({ url, headers })).statusCode
    expect(await get('/audits?q=%00')).toBe(400)
    expect(await get('/projects/%00')).toBe(400)
    expect(asked).toEqual([])
    const name = "🛡️ \u202eمرحبا\u202c '; drop table users; -- \r\n"
    expect(
      (await app.inject({ method: 'POST', url: '/projects', headers, payload: { name } })).statusCode,
    ).toBe(201)
    expect(asked[0]?.input).toEqual({ name })
  })
})

describe('the operator', () => {
  const token = 'ab'.repeat(32)
  const ask = (app: Awaited<ReturnType<typeof edge>>['app'], authorization?: string) =>
    app.inject({
      url: '/admin/dead-letters',
      headers: authorization === undefined ? {} : { authorization },
    })

  test('is who has the token', async () => {
    const { app, asked, sign } = await edge({ session: { operatorToken: token } })
    expect((await ask(app, `Bearer ${token}`)).statusCode).toBe(200)
    expect(asked[0]?.caller).toEqual({ kind: 'operator' })
    for (const wrong of [undefined, '', 'Bearer ', token, `Bearer ${token.slice(1)}`, `Bearer ${token}0`])
      expect((await ask(app, wrong)).statusCode, wrong).toBe(401)
    expect((await ask(app, `Bearer ${await sign()}`)).statusCode).toBe(401)
    expect(asked).toHaveLength(1)
  })

  test('is nobody where no token is configured', async () => {
    const { app, asked } = await edge()
    for (const given of ['Bearer undefined', `Bearer ${token}`, 'Bearer '])
      expect((await ask(app, given)).statusCode, given).toBe(401)
    expect(asked).toEqual([])
  })

  test('is nobody elsewhere', async () => {
    const { app } = await edge({ session: { operatorToken: token } })
    const answer = await app.inject({ url: '/me', headers: { authorization: `Bearer ${token}` } })
    expect(answer.statusCode).toBe(401)
  })
})

test('the use of a key is told, a failed one is not', async () => {
  const used: string[] = []
  const { app, addKey } = await edge({ session: { keyUsed: (id) => void used.push(id) } })
  const { key_id } = addKey('mcps_good')
  const ask = (apiKey: string) =>
    app.inject({ method: 'POST', url: '/policy/evaluate', payload: {}, headers: { 'x-api-key': apiKey } })
  await ask('mcps_good')
  await ask('mcps_other')
  expect(used).toEqual([key_id])
})

test('a dependency that does not answer is 503 with patience, never a bug', async () => {
  const { app } = await edge({
    answer: () => Promise.reject(new AppError('UNAVAILABLE', 'No.', { retry_after_ms: 1_500 })),
  })
  const answer = await app.inject({ method: 'POST', url: '/auth/login', payload: {} })
  expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '2'])
})
