// The assistant through the whole product: over REST with a real session, as server-sent events, with a real HTTP server that
// plays the model.
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { EventSourceParserStream } from 'eventsource-parser/stream'
import { AiEvent } from '@mcpshield/contracts/ai'
import { hangs, says, startOllamaServer, waits, type OllamaServer } from '@mcpshield/testkit/ollama-server'
import { httpOf, type Http } from './http.ts'
import { createMember, createPerson, send, type Person } from './people.ts'
import { startProduct, type Product } from './product.ts'

const ORDERS = {
  reply: 'I propose to allow reads of public.orders.',
  rules: [
    {
      id: 'all-orders',
      tool: 'postgres.query',
      decision: 'allow',
      conditions: { operations: ['read', 'write'], resources: ['public.orders'] },
    },
  ],
  tests: [],
}

let ollama: OllamaServer
let product: Product
let http: Http
let owner: Person
let projectId: string

beforeAll(async () => {
  ollama = await startOllamaServer()
  Object.assign(process.env, { TRUST_PROXY: 'loopback', OLLAMA_URL: ollama.url, AI_TIMEOUT_MS: '60000' })
  product = await startProduct(21_090)
  http = httpOf(product.stack.api)
  owner = await createPerson(product.stack, http, 'Owner')
  projectId = (await send<{ id: string }>(http, owner.token, 'POST', '/projects', { name: 'Assisted' })).id
  await send(http, owner.token, 'POST', '/billing/subscribe', { plan: 'pro' })
})
afterAll(async () => {
  await product[Symbol.asyncDispose]()
  await ollama[Symbol.asyncDispose]()
})
beforeEach(() => ollama.behave(says(ORDERS)))

/** That its reader is gone is noticed while the others are tested. */
let leftBefore: number
beforeAll(async () => {
  ollama.behave(hangs())
  const leaving = new AbortController()
  leftBefore = ollama.left()
  const body = { project_id: projectId, prompt: 'agents may use orders' }
  const response = await ask({ token: owner.token, path: '/ai/policies', body, signal: leaving.signal })
  await eventsOf(response).next()
  await vi.waitFor(() => expect(ollama.asked.length).toBeGreaterThan(0), { timeout: 20_000, interval: 50 })
  leaving.abort()
})

type Asked = { token: string; path: string; body: object; signal?: AbortSignal }

function ask({ token, path, body, signal }: Asked): Promise<Response> {
  return fetch(product.stack.api + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  })
}

type Seen = { id: string; event: AiEvent; atMs: number }

async function* eventsOf(response: Response): AsyncGenerator<Seen> {
  if (response.body === null) throw new Error('no body')
  const events = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream())
  for await (const { id = '', data, event } of events) {
    const parsed = AiEvent.parse(JSON.parse(data))
    expect(event).toBe(parsed.type)
    yield { id, event: parsed, atMs: performance.now() }
  }
}

async function allOf(events: AsyncGenerator<Seen>): Promise<Seen[]> {
  const all: Seen[] = []
  for await (const each of events) all.push(each)
  return all
}

async function whole(asked: Asked): Promise<Seen[]> {
  const response = await ask(asked)
  expect(response.status, response.ok ? '' : await response.text()).toBe(200)
  return allOf(eventsOf(response))
}

const draft = (person: Person, prompt: string, more: object = {}) =>
  whole({ token: person.token, path: '/ai/policies', body: { project_id: projectId, prompt, ...more } })
const find = <T extends AiEvent['type']>(seen: readonly Seen[], type: T) =>
  seen.map(({ event }) => event).find((each): each is Extract<AiEvent, { type: T }> => each.type === type)
const usage = (person: Person) =>
  send<{ used: number; limit: number; model: { state: string; template: boolean } }>(
    http,
    person.token,
    'GET',
    '/ai/usage',
  )

describe('a draft over REST', () => {
  test('is an event stream that nothing stores, and its events come as they happen', async () => {
    ollama.behave(waits(1_500, says(ORDERS)))
    const response = await ask({
      token: owner.token,
      path: '/ai/policies',
      body: { project_id: projectId, prompt: 'agents may use orders' },
    })
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('content-disposition')).toBeNull()
    const seen = await allOf(eventsOf(response))
    const writing = seen.find(({ event }) => event.type === 'step' && event.step === 'writing')
    const drafted = seen.find(({ event }) => event.type === 'draft')
    expect((drafted?.atMs ?? 0) - (writing?.atMs ?? 0)).toBeGreaterThan(1_000)
    expect(seen.at(-1)?.event).toEqual({ type: 'done', outcome: 'completed' })
  })

  test('is checked as saving checks it, saves nothing, and can be saved by a person', async () => {
    const before = await send<{ version: number; policy_yaml: string }>(
      http,
      owner.token,
      'GET',
      `/projects/${projectId}/policy`,
    )
    const { draft: proposed } = find(await draft(owner, 'agents may use orders'), 'draft') ?? {}
    expect(proposed).toMatchObject({ valid: true, compared: true })
    expect(proposed?.newly_allowed.map(({ text }) => text).join()).toContain(
      'Allows reads or writes of public.orders by postgres.query',
    )
    expect(await send(http, owner.token, 'GET', `/projects/${projectId}/policy`)).toEqual(before)
    const saved = await send<{ version: number }>(
      http,
      owner.token,
      'PUT',
      `/projects/${projectId}/policy`,
      { policy_yaml: proposed?.policy, note: 'From the assistant' },
      { 'if-match': `"${before.version}"` },
    )
    expect(saved.version).toBe(before.version + 1)
  })

  test('goes on in its conversation, which is the person’s own', async () => {
    const first = await draft(owner, 'agents may use orders')
    const conversation_id = find(first, 'conversation')?.conversation_id ?? ''
    await draft(owner, 'and customers', { conversation_id })
    const path = `/ai/conversations/${conversation_id}`
    const kept = await send<{ items: { role: string }[] }>(http, owner.token, 'GET', path)
    expect(kept.items.map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant'])
    const colleague = await createMember(product.stack, http, owner, 'admin')
    expect((await http({ method: 'GET', path, token: colleague.token })).status).toBe(404)
    await send(http, owner.token, 'DELETE', path)
    expect((await http({ method: 'GET', path, token: owner.token })).status).toBe(404)
  })

  test('is found again after the connection broke, by the id of the last event', async () => {
    ollama.behave(waits(1_000, says(ORDERS)))
    const leaving = new AbortController()
    const body = { project_id: projectId, prompt: 'agents may use orders' }
    const response = await ask({ token: owner.token, path: '/ai/policies', body, signal: leaving.signal })
    const events = eventsOf(response)
    const first = (await events.next()).value as Seen
    leaving.abort()
    const { used } = await usage(owner)
    const rest = await whole({
      token: owner.token,
      path: '/ai/policies',
      body: { ...body, cursor: first.id },
    })
    expect(find(rest, 'draft')?.draft.valid).toBe(true)
    expect(find(rest, 'conversation')).toBeUndefined()
    expect((await usage(owner)).used).toBe(used)
  })
})

describe('what is refused before a stream begins is a problem like any other', () => {
  test('a project of others is not there', async () => {
    const stranger = await createPerson(product.stack, http, 'Stranger')
    for (const [path, more] of [
      ['/ai/policies', { prompt: 'x' }],
      ['/ai/analyze', {}],
      ['/ai/advise', { question: 'x' }],
    ] as const) {
      const answer = await http({
        method: 'POST',
        path,
        token: stranger.token,
        body: { project_id: projectId, ...more },
      })
      expect(answer.status, answer.text).toBe(404)
      expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
    }
  })

  test('a viewer may have it analysed and ask for advice, and may not have it changed', async () => {
    const viewer = await createMember(product.stack, http, owner, 'viewer')
    const body = { project_id: projectId, prompt: 'x' }
    expect((await http({ method: 'POST', path: '/ai/policies', token: viewer.token, body })).status).toBe(403)
    const source = 'template'
    const analysis = { token: viewer.token, path: '/ai/analyze', body: { project_id: projectId, source } }
    expect(find(await whole(analysis), 'done')).toMatchObject({ outcome: 'completed' })
    const advice = { project_id: projectId, source, question: 'How do I protect files?' }
    expect(find(await whole({ ...analysis, path: '/ai/advise', body: advice }), 'text')?.delta).toContain(
      'Files',
    )
  })

  test('a plan that is used up is 402, and the templates answer all the same', async () => {
    const person = await createPerson(product.stack, http, 'Free')
    const { id } = await send<{ id: string }>(http, person.token, 'POST', '/projects', { name: 'Small' })
    const body = { project_id: id, prompt: 'agents may use orders' }
    for (let i = 0; i < 3; i++) await whole({ token: person.token, path: '/ai/policies', body })
    expect(await usage(person)).toMatchObject({
      used: 3,
      limit: 3,
      model: { state: 'ready', template: false },
    })
    const answer = await http({ method: 'POST', path: '/ai/policies', token: person.token, body })
    expect(answer.status).toBe(402)
    expect(answer.json()).toMatchObject({ type: expect.stringContaining('ai_calls_used_up') as string })
    const seen = await whole({
      token: person.token,
      path: '/ai/policies',
      body: { ...body, prompt: 'deny all writes', source: 'template' },
    })
    expect(find(seen, 'draft')?.draft).toMatchObject({ valid: true, source: 'template' })
  })
})

describe('what the assistant knows', () => {
  test('are the names of tables and columns of what is connected, and not what is in them', async () => {
    const token = product.demo.account
    const signedIn = await http({
      method: 'POST',
      path: '/auth/login',
      body: { email: token.email, password: token.password },
    })
    const { access_token } = signedIn.json<{ access_token: string }>()
    ollama.asked.splice(0)
    const body = { project_id: token.project_id, prompt: 'agents may read orders' }
    await whole({ token: access_token, path: '/ai/policies', body })
    const told = ollama.asked[0]?.messages[1]?.content ?? ''
    expect(told).toContain('public.customers on')
    expect(told).toMatch(/public\.orders on [\w-]+: id, customer_id, total_cents, placed_at/)
    expect(told).toMatch(/products on /)
    expect(told).not.toContain('a.sample@example.com')
    expect(told).not.toMatch(/postgres:\/\//)
  })

  test('a use leaves an administrative record without what was said', async () => {
    const from = new Date().toISOString()
    await draft(owner, 'agents may use the orders of mister Quibble')
    const drafts = async () => {
      const path = `/audits?tool=ai.draftPolicy&from=${from}`
      return (await send<{ items: object[] }>(http, owner.token, 'GET', path)).items
    }
    await expect.poll(drafts, { timeout: 30_000 }).toHaveLength(1)
    const items = await drafts()
    expect(items[0]).toMatchObject({
      method: 'draftPolicy',
      arguments: { source: 'model', outcome: 'completed' },
    })
    expect(JSON.stringify(items)).not.toContain('Quibble')
  })
})

test('a draft whose reader has left has its model stopped', async () => {
  await expect.poll(() => ollama.left(), { timeout: 45_000 }).toBeGreaterThan(leftBefore)
})
