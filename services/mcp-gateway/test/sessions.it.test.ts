// Two instances with nothing in common but the bus and Redis: whatever a client sends may come to either.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { Client as HttpClient } from 'undici'
import { writeAnswer } from '@mcpshield/mcp/json-rpc'
import type { RpcAnswer } from '@mcpshield/mcp/messages'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Client, Exchange, Session } from '../src/client.ts'
import { questions } from '../src/questions.ts'
import { sessionDigest, sessionIds } from '../src/session-id.ts'
import { connectSessionStore } from '../src/session-store.ts'
import { sessions as sessionsOf } from '../src/session.ts'
import {
  begin,
  echo,
  modern,
  noLog,
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
let a: Gateway
let b: Gateway
let key: string
let otherKey: string

/** Sessions as each instance gave them to whoever answers, and requests that run. */
const sessions = new Map<string, Map<string, Session>>()
const running = new Map<string, Exchange>()
const ended: string[] = []
const notified: string[] = []

const answers =
  (at: () => string): Answer =>
  async (exchange) => {
    const { session } = exchange.client
    const { method, params } = exchange.request
    if (session !== null) {
      const here = sessions.get(at()) ?? new Map<string, Session>()
      sessions.set(at(), here)
      if (!here.has(session.digest)) session.onEnd(() => ended.push(`${at()} ${session.digest}`))
      here.set(session.digest, session)
    }
    if (method === 'tell') {
      for (let n = 0; n < Number(params['times'] ?? 1); n++)
        exchange.notify({ method: 'notifications/message', params: { n } })
      return result({ told: true })
    }
    if (method === 'ask') return asked(await exchange.ask(QUESTION, exchange.signal))
    if (method === 'ask outside' && session !== null)
      return asked(await session.ask(QUESTION, exchange.signal))
    if (method === 'setLevel') await session?.setLogLevel(textOf(params['level']))
    if (method === 'setLevel' || method === 'level') return result({ level: session?.logLevel ?? null })
    if (method === 'run') return run(exchange, textOf(params['name']))
    if (method === 'fail') return writeAnswer({ error: { code: -1, message: 'No.' } })
    return echo(exchange)
  }

const textOf = (value: unknown) => (typeof value === 'string' ? value : '')
const QUESTION = { method: 'elicitation/create', params: { message: 'Sure?' } }
const asked = (answer: RpcAnswer) => ('result' in answer ? result(answer.result) : writeAnswer(answer))

/** Tells that it runs, and goes on until it is stopped or told to end. */
async function run(exchange: Exchange, name: string) {
  running.set(name, exchange)
  const { params } = exchange.request
  if (params['tells'] === true) exchange.notify({ method: 'notifications/message', params: { name } })
  const { promise, resolve } = Promise.withResolvers<string>()
  exchange.signal.addEventListener('abort', () => resolve('aborted'))
  ends.set(name, () => resolve('ended'))
  const how = await promise
  outcomes.set(name, how)
  return result({ name, how })
}
const ends = new Map<string, () => void>()
const outcomes = new Map<string, string>()
const isRunning = (name: string) => vi.waitFor(() => expect(running.has(name)).toBe(true))
const outcome = (name: string) =>
  vi.waitFor(() => expect(outcomes.get(name)).toBeDefined()).then(() => outcomes.get(name))

beforeAll(async () => {
  all = await startInstances()
  const answerNotification = async (client: Client, _only: string | null, method: string) =>
    void notified.push(`${client.agent} ${method}`)
  const times = { streams: { runOnMs: 400, keepMs: 5_000 }, keepAliveMs: 100 }
  a = await all.start(
    answers(() => 'a'),
    { times, answerNotification },
  )
  b = await all.start(
    answers(() => 'b'),
    { times, answerNotification },
  )
  key = await all.key()
  otherKey = await all.key()
})
afterAll(async () => {
  await a?.[Symbol.asyncDispose]()
  await b?.[Symbol.asyncDispose]()
  await all?.[Symbol.asyncDispose]()
})

type Headers = Record<string, string>
const call = async (
  at: Gateway,
  headers: Headers,
  method: string,
  params: JsonObject = {},
  id: string | number = 1,
) => (await send(at, { headers, body: request(method, params, id) })).json()
const open = (
  at: Gateway,
  headers: Headers,
  method: string,
  params: JsonObject = {},
  id: string | number = 1,
) => stream(at, { headers, body: request(method, params, id) })
const follow = (at: Gateway, headers: Headers) => stream(at, { method: 'GET', headers })
const status = async (at: Gateway, headers: Headers) =>
  (await send(at, { headers, body: request('ping') })).status
/** The session as an instance gave it to whoever answers. */
const sessionAt = async (at: 'a' | 'b', headers: Headers): Promise<Session> => {
  await call(at === 'a' ? a : b, headers, 'ping')
  return sessions.get(at)?.get(sessionDigest(headers['mcp-session-id'] ?? '')) as Session
}

describe('a session', () => {
  test('is known at every instance, with what the client said of itself', async () => {
    const headers = await begin(a, key)
    for (const at of [a, b])
      expect(await call(at, headers, 'ping')).toMatchObject({
        result: { agent: 'legacy', version: '2025-11-25' },
      })
  })

  test('is a new one after each initialize, whatever session is named', async () => {
    const first = await begin(a, key)
    const reply = await send(a, {
      headers: first,
      body: request('initialize', { protocolVersion: '2025-11-25' }),
    })
    expect(reply.headers['mcp-session-id']).toMatch(/^[\x21-\x7e]+$/)
    expect(reply.headers['mcp-session-id']).not.toBe(first['mcp-session-id'])
    const chosen = await send(a, {
      headers: { 'x-api-key': key, 'mcp-session-id': 'chosen' },
      body: request('initialize', {}),
    })
    expect(chosen.status).toBe(200)
    expect(chosen.headers['mcp-session-id']).not.toBe('chosen')
  })

  test('is spoken in the revision that was asked for, where that has sessions', async () => {
    for (const [wanted, got] of [
      ['2024-11-05', '2024-11-05'],
      ['2025-03-26', '2025-03-26'],
      ['2026-07-28', '2025-11-25'],
      ['1999-01-01', '2025-11-25'],
    ] as const) {
      const reply = await send(a, {
        headers: { 'x-api-key': key },
        body: request('initialize', { protocolVersion: wanted }),
      })
      expect(reply.json()).toMatchObject({ result: { version: got } })
    }
  })

  test('of another key, guessed or changed is 404, and nothing happens to it', async () => {
    const headers = await begin(a, key)
    const id = headers['mcp-session-id'] ?? ''
    for (const at of [a, b]) {
      expect(await status(at, { ...headers, 'x-api-key': otherKey })).toBe(404)
      expect(await status(at, { ...headers, 'mcp-session-id': `${id.slice(0, -1)}x` })).toBe(404)
      const stolen = { ...headers, 'x-api-key': otherKey }
      expect((await send(at, { method: 'DELETE', headers: stolen })).status).toBe(404)
      expect((await send(at, { method: 'GET', headers: stolen })).status).toBe(404)
      expect(await status(at, headers)).toBe(200)
    }
  })

  test('that was ended is 404 at once, everywhere, and what listened to it is closed', async () => {
    const headers = await begin(a, key)
    const session = await sessionAt('b', headers)
    await using listening = await follow(b, headers)
    expect((await send(a, { method: 'DELETE', headers })).status).toBe(204)
    await vi.waitFor(async () =>
      expect([await status(a, headers), await status(b, headers)]).toEqual([404, 404]),
    )
    await listening.closed
    expect(ended).toContain(`b ${session.digest}`)
    expect((await send(b, { method: 'DELETE', headers })).status).toBe(404)
    await using c = await all.start(echo)
    expect(await status(c, headers)).toBe(404)
  })

  test('stops what runs in it when it ends', async () => {
    const headers = await begin(a, key)
    await using waiting = await open(b, headers, 'run', { name: 'of an ended session', tells: true })
    await waiting.message(0)
    await send(a, { method: 'DELETE', headers })
    expect(await outcome('of an ended session')).toBe('aborted')
    await waiting.closed
  })

  test('that could not begin is not told', async () => {
    await using c = await all.start(async () => writeAnswer({ error: { code: -1, message: 'No.' } }))
    const reply = await send(c, { headers: { 'x-api-key': key }, body: request('initialize') })
    expect(reply.headers).not.toHaveProperty('mcp-session-id')
  })

  test('has one log level, wherever it was set', async () => {
    const headers = await begin(a, key)
    expect(await call(b, headers, 'level')).toMatchObject({ result: { level: null } })
    await call(a, headers, 'setLevel', { level: 'debug' })
    await vi.waitFor(async () =>
      expect(await call(b, headers, 'level')).toMatchObject({ result: { level: 'debug' } }),
    )
    await using c = await all.start(answers(() => 'c'))
    expect(await call(c, headers, 'level')).toMatchObject({ result: { level: 'debug' } })
    expect(await call(c, await begin(a, key), 'level')).toMatchObject({ result: { level: null } })
  })

  test('works with what is known where Redis does not answer', async () => {
    const store = await connectSessionStore('redis://127.0.0.1:1', noLog)
    await using c = await all.start(
      answers(() => 'c'),
      { store },
    )
    const headers = await begin(c, key)
    expect(await call(c, headers, 'setLevel', { level: 'error' })).toMatchObject({
      result: { level: 'error' },
    })
    expect(await status(c, await begin(a, key))).toBe(200)
    expect((await send(c, { method: 'DELETE', headers })).status).toBe(204)
    expect(await status(c, headers)).toBe(404)
    await store[Symbol.asyncDispose]()
  })

  test('has its notifications given on', async () => {
    const headers = await begin(a, key)
    const tell = (method: string) => send(a, { headers, body: { jsonrpc: '2.0', method } })
    expect((await tell('notifications/roots/list_changed')).status).toBe(202)
    await vi.waitFor(() => expect(notified).toContain('legacy notifications/roots/list_changed'))
  })
})

describe('an answer that is preceded by something', () => {
  test('comes on a stream, with ids from the first event on', async () => {
    const headers = await begin(a, key)
    await using told = await open(a, headers, 'tell', { times: 2 }, 'x')
    await told.closed
    expect(told.said.map(({ message }) => message)).toEqual([
      null,
      { jsonrpc: '2.0', method: 'notifications/message', params: { n: 0 } },
      { jsonrpc: '2.0', method: 'notifications/message', params: { n: 1 } },
      { jsonrpc: '2.0', id: 'x', result: { told: true } },
    ])
    const [, name] = (told.said[0]?.id ?? '').split('_')
    expect(told.said.map(({ id }) => id)).toEqual([0, 1, 2, 3].map((n) => `${a.instance}_${name}_${n}`))
  })

  test('has no ids in the modern era, without a session, or in a revision that knows none; nor a first event before 2025-11-25', async () => {
    const tell = { times: 1 }
    const plain = [
      await stream(a, { ...modern('tell', tell), headers: { ...modern('tell').headers, 'x-api-key': key } }),
      await open(a, { 'x-api-key': key }, 'tell', tell),
      await open(a, await begin(a, key, { protocolVersion: '2024-11-05' }), 'tell', tell),
    ]
    for (const each of plain) {
      await each.closed
      expect(each.said).toHaveLength(2)
      expect(each.said.map(({ id }) => id)).toEqual([undefined, undefined])
    }
    const older = await open(a, await begin(a, key, { protocolVersion: '2025-06-18' }), 'tell', tell)
    await older.closed
    expect(older.said).toHaveLength(2)
    expect(older.said[0]?.id).toMatch(/_1$/)
  })

  test('is plain JSON for who takes no stream: then nothing is told, and nothing can be asked', async () => {
    const headers = { ...(await begin(a, key)), accept: 'application/json' }
    expect(await call(a, headers, 'tell')).toMatchObject({ result: { told: true } })
    expect(await call(a, headers, 'ask')).toMatchObject({
      error: { message: expect.stringContaining('takes no') },
    })
  })

  test('is not preceded by questions in the modern era', async () => {
    const { headers, body } = modern('ask')
    const reply = await send(a, { headers: { ...headers, 'x-api-key': key }, body })
    expect(reply.json()).toHaveProperty('error')
  })

  test('is kept alive while nothing is said', async () => {
    const headers = await begin(a, key)
    await using waiting = await open(a, headers, 'run', { name: 'quiet', tells: true })
    await vi.waitFor(() => expect(waiting.comments()).toBeGreaterThan(2))
    ends.get('quiet')?.()
    expect(await waiting.message(1)).toMatchObject({ result: { how: 'ended' } })
  })
})

describe('a client that goes away', () => {
  test('from plain JSON or a stream it cannot come back for has its request stopped', async () => {
    const modernRun = (name: string) => {
      const { headers, body } = modern('run', { name, tells: true })
      return stream(a, { headers: { ...headers, 'mcp-name': name, 'x-api-key': key }, body })
    }
    for (const headers of [await begin(a, key), { 'x-api-key': key }]) {
      const name = `plain ${Object.keys(headers).length}`
      const client = new HttpClient(a.url)
      const body = JSON.stringify(request('run', { name }))
      const sent = { 'content-type': 'application/json', accept: 'text/event-stream', ...headers }
      const answer = client.request({ method: 'POST', path: '/mcp', headers: sent, body })
      answer.catch(() => undefined)
      await isRunning(name)
      await client.destroy()
      expect(await outcome(name)).toBe('aborted')
    }
    const waiting = await modernRun('modern')
    await isRunning('modern')
    await waiting.break()
    expect(await outcome('modern')).toBe('aborted')
    const withoutSession = await open(a, { 'x-api-key': key }, 'run', { name: 'no session', tells: true })
    await withoutSession.break()
    expect(await outcome('no session')).toBe('aborted')
  })

  test('and comes back gets what it missed, once, and the answer', async () => {
    const headers = await begin(a, key)
    const broken = await open(a, headers, 'run', { name: 'resumed', tells: true })
    await broken.message(0)
    await broken.break()
    ends.get('resumed')?.()
    expect(await outcome('resumed')).toBe('ended')
    const back = { method: 'GET', headers: { ...headers, 'last-event-id': broken.lastId() } }
    await using again = await stream(a, back)
    await again.closed
    expect(again.said.map(({ message }) => message)).toEqual([
      { jsonrpc: '2.0', id: 1, result: { name: 'resumed', how: 'ended' } },
    ])
    await using later = await stream(a, { ...back, headers: { ...headers, 'last-event-id': again.lastId() } })
    await later.closed
    expect(later.said).toEqual([])
  })

  test('and comes back to another instance gets the same', async () => {
    const headers = await begin(a, key)
    const broken = await open(a, headers, 'run', { name: 'elsewhere', tells: true })
    await broken.message(0)
    const first = broken.said[0]?.id ?? ''
    await broken.break()
    await using again = await stream(b, { method: 'GET', headers: { ...headers, 'last-event-id': first } })
    expect(await again.message(0)).toMatchObject({ params: { name: 'elsewhere' } })
    ends.get('elsewhere')?.()
    expect(await again.message(1)).toMatchObject({ result: { how: 'ended' } })
    await again.closed
    expect(again.lastId()).toBe(first.replace(/0$/, '2'))
  })

  test('and does not come back has its request stopped after a while', async () => {
    const headers = await begin(a, key)
    const broken = await open(a, headers, 'run', { name: 'abandoned', tells: true })
    await broken.message(0)
    await broken.break()
    expect(outcomes.has('abandoned')).toBe(false)
    expect(await outcome('abandoned')).toBe('aborted')
  })

  test('is not stopped while it is there, however long', async () => {
    const headers = await begin(a, key)
    const broken = await open(a, headers, 'run', { name: 'patient', tells: true })
    await broken.message(0)
    await broken.break()
    await using again = await stream(b, {
      method: 'GET',
      headers: { ...headers, 'last-event-id': broken.lastId() },
    })
    // Longer than a request runs whose client is gone.
    await vi.waitFor(() => expect(again.comments()).toBeGreaterThan(6), { timeout: 5_000 })
    ends.get('patient')?.()
    expect(await again.message(0)).toMatchObject({ result: { how: 'ended' } })
  })

  test('gets nothing of another session’s or another key’s stream', async () => {
    const [headers, sibling, stranger] = [await begin(a, key), await begin(a, key), await begin(a, otherKey)]
    const broken = await open(a, headers, 'run', { name: 'secret', tells: true })
    await broken.message(0)
    const first = broken.said[0]?.id ?? ''
    for (const at of [a, b])
      for (const thief of [sibling, stranger]) {
        const reply = await send(at, { method: 'GET', headers: { ...thief, 'last-event-id': first } })
        expect(reply.status).toBe(400)
        expect(reply.text).not.toContain('secret')
      }
    ends.get('secret')?.()
    expect(await broken.message(1)).toMatchObject({ result: { name: 'secret' } })
    await broken.break()
  })

  test('from its GET stream gets nothing of another’s, and a new stream where its own is forgotten', async () => {
    const [headers, stranger] = [await begin(a, key), await begin(a, otherKey)]
    const session = await sessionAt('a', headers)
    await using listening = await follow(a, headers)
    session.notify({ method: 'notifications/message', params: { text: 'secret' } })
    await listening.message(0)
    const first = listening.said[0]?.id ?? ''
    expect((await send(a, { method: 'GET', headers: { ...stranger, 'last-event-id': first } })).status).toBe(
      400,
    )
    await using elsewhere = await stream(b, {
      method: 'GET',
      headers: { ...stranger, 'last-event-id': first },
    })
    const theirs = await sessionAt('b', stranger)
    theirs.notify({ method: 'notifications/message', params: { text: 'own' } })
    expect(await elsewhere.message(0)).toMatchObject({ params: { text: 'own' } })
    session.notify({ method: 'notifications/message', params: { text: 'secret too' } })
    expect(await listening.message(1)).toMatchObject({ params: { text: 'secret too' } })
    const lost = { ...headers, 'last-event-id': `${a.instance}_gzzz_7` }
    await using again = await stream(a, { method: 'GET', headers: lost })
    expect(again.status).toBe(200)
  })

  test('and names an event that is none of ours is told so', async () => {
    const headers = await begin(a, key)
    for (const id of ['1', 'x_y_z', `${a.instance}_p999_0`, `zzzzzzzzzzzz_p0_0`, `${a.instance}_p0_-1`])
      expect(
        (await send(a, { method: 'GET', headers: { ...headers, 'last-event-id': id } })).status,
        id,
      ).toBe(400)
  })
})

describe('what a client is told outside of its requests', () => {
  test('comes on its GET stream, from whichever instance', async () => {
    const headers = await begin(a, key)
    const [here, there] = [await sessionAt('a', headers), await sessionAt('b', headers)]
    expect([here.isFollowed(), there.isFollowed()]).toEqual([false, false])
    const followed: string[] = []
    here.onFollow(() => followed.push('a'))
    there.onFollow(() => followed.push('b'))
    await using listening = await follow(b, headers)
    await vi.waitFor(() => expect([here.isFollowed(), there.isFollowed()]).toEqual([true, true]))
    expect(followed.sort()).toEqual(['a', 'b'])
    here.notify({ method: 'notifications/tools/list_changed' })
    expect(await listening.message(0)).toEqual({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })
    there.notify({ method: 'notifications/prompts/list_changed' })
    expect(await listening.message(1)).toMatchObject({ method: 'notifications/prompts/list_changed' })
    await listening.break()
    await vi.waitFor(() => expect([here.isFollowed(), there.isFollowed()]).toEqual([false, false]))
  })

  test('is lost where nobody listens, and goes to no other session', async () => {
    const [headers, sibling] = [await begin(a, key), await begin(a, key)]
    const session = await sessionAt('a', headers)
    await using listening = await follow(a, sibling)
    session.notify({ method: 'notifications/tools/list_changed' })
    const own = await sessionAt('b', sibling)
    await vi.waitFor(() => expect(own.isFollowed()).toBe(true))
    own.notify({ method: 'notifications/prompts/list_changed' })
    expect(await listening.message(0)).toMatchObject({ method: 'notifications/prompts/list_changed' })
  })

  test('comes in one place: where the client listened last', async () => {
    const headers = await begin(a, key)
    const session = await sessionAt('a', headers)
    const first = await follow(a, headers)
    await using second = await follow(a, headers)
    await first.closed
    await using third = await follow(b, headers)
    await second.closed
    session.notify({ method: 'notifications/tools/list_changed' })
    expect(await third.message(0)).toMatchObject({ method: 'notifications/tools/list_changed' })
    await first.break()
  })

  test('and missed while the connection was broken is told again, here or elsewhere', async () => {
    const headers = await begin(a, key)
    const session = await sessionAt('a', headers)
    const told = (n: number) => session.notify({ method: 'notifications/message', params: { n } })
    const broken = await follow(a, headers)
    told(1)
    await broken.message(0)
    await broken.break()
    await vi.waitFor(() => expect(session.isFollowed()).toBe(false))
    told(2)
    const again = await stream(a, {
      method: 'GET',
      headers: { ...headers, 'last-event-id': broken.lastId() },
    })
    expect(await again.message(0)).toMatchObject({ params: { n: 2 } })
    await again.break()
    await vi.waitFor(() => expect(session.isFollowed()).toBe(false))
    told(3)
    await using elsewhere = await stream(b, {
      method: 'GET',
      headers: { ...headers, 'last-event-id': again.lastId() },
    })
    expect(await elsewhere.message(0)).toMatchObject({ params: { n: 3 } })
    await vi.waitFor(() => expect(session.isFollowed()).toBe(true))
    told(4)
    expect(await elsewhere.message(1)).toMatchObject({ params: { n: 4 } })
  })

  test('goes on on a new stream where the one before is lost with its instance', async () => {
    const headers = await begin(a, key)
    const lost = { ...headers, 'last-event-id': 'zzzzzzzzzzzz_g0_5' }
    await using listening = await stream(a, { method: 'GET', headers: lost })
    expect(listening.status).toBe(200)
  })

  test('ends when the key is revoked, killed, or its project is', async () => {
    const own = await all.key()
    const revoked = await follow(a, await begin(a, own))
    await all.revoke(own)
    await revoked.closed
    const other = await all.key()
    const headers = await begin(a, other)
    const [killed, request] = [
      await follow(a, headers),
      await open(a, headers, 'run', { name: 'killed', tells: true }),
    ]
    await all.changeKey(other, { killed: true })
    await killed.closed
    expect(await outcome('killed')).toBe('aborted')
    await request.break()
    expect((await send(a, { method: 'GET', headers })).status).toBe(403)
    const stopped = await follow(a, await begin(a, key))
    await all.project({ killed: true })
    await stopped.closed
    await all.project()
  })
})

describe('a client that is asked', () => {
  const answer = (
    at: Gateway,
    headers: Headers,
    id: unknown,
    value: object = { result: { action: 'accept' } },
  ) => send(at, { headers, body: { jsonrpc: '2.0', id, ...value } })

  test('in the middle of its request answers to any instance', async () => {
    for (const at of [a, b]) {
      const headers = await begin(a, key)
      await using waiting = await open(a, headers, 'ask')
      const question = await waiting.message(0)
      expect(question).toMatchObject({ ...QUESTION, id: expect.stringMatching(`^${a.instance}\\.`) })
      expect((await answer(at, headers, question['id'])).status).toBe(202)
      expect(await waiting.message(1)).toMatchObject({ id: 1, result: { action: 'accept' } })
    }
  })

  test('without a session answers as who it is', async () => {
    for (const at of [a, b]) {
      await using waiting = await open(a, { 'x-api-key': key }, 'ask')
      const { id } = await waiting.message(0)
      await answer(at, { 'x-api-key': otherKey }, id, { result: { action: 'stolen' } })
      await answer(at, await begin(a, key), id, { result: { action: 'another session' } })
      await answer(at, { 'x-api-key': key }, id)
      expect(await waiting.message(1)).toMatchObject({ result: { action: 'accept' } })
    }
  })

  test('is not answered for by another session, or twice', async () => {
    const [headers, sibling, stranger] = [await begin(a, key), await begin(a, key), await begin(a, otherKey)]
    await using waiting = await open(a, headers, 'ask')
    const { id } = await waiting.message(0)
    for (const at of [a, b])
      for (const thief of [sibling, stranger, { 'x-api-key': key }])
        expect((await answer(at, thief, id, { result: { action: 'stolen' } })).status).toBe(202)
    expect((await answer(b, headers, id, { error: { code: -7, message: 'Declined.' } })).text).toBe('')
    await answer(a, headers, id, { result: { action: 'late' } })
    expect(await waiting.message(1)).toMatchObject({ error: { code: -7, message: 'Declined.' } })
  })

  test('outside of its requests is asked on its GET stream, wherever that is', async () => {
    for (const at of [a, b]) {
      const headers = await begin(a, key)
      await using listening = await follow(at, headers)
      const session = await sessionAt('a', headers)
      await vi.waitFor(() => expect(session.isFollowed()).toBe(true))
      const answered = call(a, headers, 'ask outside')
      const question = await listening.message(0)
      expect(question).toMatchObject(QUESTION)
      await answer(b, headers, question['id'])
      expect(await answered).toMatchObject({ result: { action: 'accept' } })
    }
  })

  test.for(['a', 'b'] as const)(
    'hears at %s what it was told and asked before it listened',
    async (place) => {
      const headers = await begin(a, key)
      const session = await sessionAt('a', headers)
      session.notify({ method: 'notifications/tools/list_changed' })
      const answered = call(a, headers, 'ask outside')
      const at = place === 'a' ? a : b
      await using listening = await follow(at, headers)
      expect(await listening.message(0)).toMatchObject({ method: 'notifications/tools/list_changed' })
      const question = await listening.message(1)
      expect(question).toMatchObject(QUESTION)
      await answer(at, headers, question['id'])
      expect(await answered).toMatchObject({ result: { action: 'accept' } })
    },
  )

  test('and does not listen is not waited for longer than clients need to come', async () => {
    const headers = await begin(a, key)
    expect(await call(a, headers, 'ask outside')).toMatchObject({
      error: { message: expect.stringContaining('not listen') },
    })
  })

  test('and went away for good is not waited for', async () => {
    const waiting = await open(a, { 'x-api-key': key }, 'ask')
    await waiting.message(0)
    await waiting.break()
    const headers = await begin(a, key)
    const resumable = await open(a, headers, 'ask')
    await resumable.message(0)
    await resumable.break()
    await using again = await stream(a, {
      method: 'GET',
      headers: { ...headers, 'last-event-id': resumable.lastId() },
    })
    expect(again.status).toBe(200)
  })
})

describe('requests of several sessions', () => {
  test('with the same ids never cross: 2 clients, 1,000 calls', async () => {
    const [one, other] = [await begin(a, key), await begin(a, otherKey)]
    const calls = Array.from({ length: 500 }, (_, n) =>
      [one, other].map(async (headers, who) => {
        const reply = await call(n % 2 === 0 ? a : b, headers, 'ping', { who, n }, n % 10)
        expect(reply).toMatchObject({ id: n % 10, result: { params: { who, n } } })
      }),
    )
    await Promise.all(calls.flat())
  })

  test('are taken back by their own client alone, at whichever instance', async () => {
    for (const at of [a, b]) {
      const [headers, sibling, stranger] = [
        await begin(a, key),
        await begin(a, key),
        await begin(a, otherKey),
      ]
      const name = `taken back at ${at === a ? 'a' : 'b'}`
      const cancel = (from: Headers, id: unknown) =>
        send(at, {
          headers: from,
          body: { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } },
        })
      const answer = open(a, headers, 'run', { name }, 7)
      await isRunning(name)
      for (const [from, id] of [
        [sibling, 7],
        [stranger, 7],
        [{ 'x-api-key': key }, 7],
        [headers, '7'],
        [headers, 8],
        [headers, null],
      ] as const)
        expect((await cancel(from, id)).status).toBe(202)
      // Something that came after these has arrived.
      await call(a, headers, 'ping', {}, 9)
      expect(running.get(name)?.signal.aborted).toBe(false)
      await cancel(headers, 7)
      expect(await outcome(name)).toBe('aborted')
      await using unanswered = await answer
      await unanswered.closed
      expect(unanswered.said).toEqual([])
    }
  })
})

test('of a request that was taken back nothing more is told, nor kept', async () => {
  const headers = await begin(a, key)
  const cancel = (id: number) =>
    send(a, {
      headers,
      body: { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } },
    })
  await using told = await open(a, headers, 'run', { name: 'told before', tells: true }, 1)
  await told.message(0)
  await cancel(1)
  await told.closed
  expect(told.said).toHaveLength(2)
  const back = { method: 'GET', headers: { ...headers, 'last-event-id': told.lastId() } }
  expect((await send(a, back)).status).toBe(400)
  const asJson = call(a, { ...headers, accept: 'application/json' }, 'run', { name: 'as JSON' }, 2)
  await isRunning('as JSON')
  await cancel(2)
  expect(await asJson).toMatchObject({ id: 2, result: { how: 'aborted' } })
})

test('a key has at most 1,000 streams open: the next is refused or plain JSON, another key’s is not', async () => {
  await using c = await all.start(answers(() => 'c'))
  const headers = await begin(c, key)
  const opened = await Promise.all(
    Array.from({ length: 1_000 }, (_, n) =>
      open(c, { 'x-api-key': key }, 'run', { name: `of many ${n}`, tells: true }),
    ),
  )
  expect((await send(c, { method: 'GET', headers })).status).toBe(429)
  expect(await call(c, headers, 'tell')).toMatchObject({ result: { told: true } })
  const other = await follow(c, await begin(c, otherKey))
  expect(other.status).toBe(200)
  await opened[0]?.break()
  await vi.waitFor(async () => {
    const next = await follow(c, headers)
    await next.break()
    expect(next.status).toBe(200)
  })
  await Promise.all([other, ...opened].map((each) => each.break()))
})

describe('an instance that has seen very many sessions', () => {
  test('forgets the idle ones, and lets go what hangs on them; what is open stays', async () => {
    await using bus = await all.bus.connect('mcp-gateway')
    await using store = await connectSessionStore(all.redisUrl, noLog)
    const over: string[] = []
    using known = sessionsOf({
      ids: sessionIds('01'.repeat(32)),
      store,
      peers: bus.peers('many'),
      questions: questions('many'),
      log: noLog,
      onEnd: (digest) => over.push(digest),
    })
    const terms = { version: '2025-11-25', info: { name: 'legacy' }, capabilities: {} }
    const [idle, held] = [known.open('key', terms), known.open('key', terms)]
    const gone: string[] = []
    idle.onEnd(() => gone.push('idle'))
    held.onEnd(() => gone.push('held'))
    held.hold()
    for (let n = 0; n < 10_000; n++) known.open(`key ${n % 20}`, terms)
    expect(gone).toEqual(['idle'])
    expect(over).toEqual([idle.digest])
    expect(known.known(held.digest)).toBe(held)
    expect(await known.find(held.id, 'key')).toBe(held)
    // It was not ended: whoever comes with its id finds it again.
    const again = await known.find(idle.id, 'key')
    expect(again).toMatchObject({ digest: idle.digest, terms })
    expect(again).not.toBe(idle)
    for (let n = 0; n < 10_000; n++) known.open(`key ${n % 20}`, terms)
    held.release()
    expect(gone).toEqual(['idle', 'held'])
    expect(known.known(held.digest)).toBeUndefined()
  })

  test('lets no asker push out another’s: who opens too many loses their own oldest', async () => {
    await using bus = await all.bus.connect('mcp-gateway')
    await using store = await connectSessionStore(all.redisUrl, noLog)
    using known = sessionsOf({
      ids: sessionIds('01'.repeat(32)),
      store,
      peers: bus.peers('greedy'),
      questions: questions('greedy'),
      log: noLog,
      onEnd: () => undefined,
    })
    const terms = { version: '2025-11-25', info: { name: 'legacy' }, capabilities: {} }
    const honest = known.open('honest', terms)
    const first = known.open('greedy', terms)
    for (let n = 0; n < 20_000; n++) known.open('greedy', terms)
    expect(known.known(honest.digest)).toBe(honest)
    expect(known.known(first.digest)).toBeUndefined()
  })
})
