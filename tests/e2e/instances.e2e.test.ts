// Any number of gateways are one: two of them behind a proxy that hands out requests in turn, with nothing shared but the
// bus, Redis and the services. Whatever a client begins at one goes on at the other; one that is killed takes nothing with
// it but what was under way there.
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Supervised } from '@mcpshield/infra/dev/process.ts'
import { startFixture, type Fixture } from '../mcp/fixture-server.ts'
import { startAnotherGateway, startCaddy } from './another-gateway.ts'
import { openEvents, type Events } from './event-stream.ts'
import { runLoad, type Load } from './gateway-load.ts'
import { openSpeaker, type Heard, type Json, type Speaker } from './mcp-wire.ts'
import { decisionIn, startWorld, type Key, type World, type WorldProject } from './mcp-world.ts'
import { startRoundRobin, type RoundRobin } from './round-robin.ts'

const FIRST_PORT = 22_140
const PORTS = { a: FIRST_PORT + 1, b: FIRST_PORT + 10, relay: FIRST_PORT + 11, caddy: FIRST_PORT + 12 }
const SLUG = 'rec'
const SOON = { timeout: 10_000, interval: 10 }
/** What is changed is in force everywhere within a second; reading the clock and asking takes some more. */
const IN_FORCE_MS = 1_500
const ALLOW_ALL = '{ id: all, method: "*", tool: "*", decision: allow }'
const FORM = { elicitation: { form: {} } }

let world: World
let project: WorldProject
let fixture: Fixture
let b: Supervised
let relay: RoundRobin
const opened: AsyncDisposable[] = []

beforeAll(async () => {
  process.env['MCP_ALLOWED_HOSTS'] = `127.0.0.1:${PORTS.relay},127.0.0.1:${PORTS.caddy}`
  world = await startWorld(FIRST_PORT)
  opened.push(world)
  b = await startAnotherGateway(world.stack, PORTS.b)
  opened.push(b)
  relay = await startRoundRobin(PORTS.relay, [PORTS.a, PORTS.b])
  opened.push(relay)
  // Of the legacy era: its sessions, streams and questions are what is hard to share.
  fixture = await startFixture({ era: 'legacy' })
  opened.push(fixture)
  project = await world.project('instances')
  await project.addUpstream(SLUG, { url: fixture.url })
  await project.policy(ALLOW_ALL)
  await inForceAt('b', ALLOW_ALL)
})
afterAll(async () => {
  for (const each of opened.toReversed()) await each[Symbol.asyncDispose]()
})
beforeEach(() => fixture.forget())

type Place = 'a' | 'b' | 'relay'
const urlAt = (place: Place) => `http://127.0.0.1:${PORTS[place]}/mcp/${SLUG}`
const at = (place: Place, speaker: Partial<Parameters<typeof openSpeaker>[0]> = {}): Promise<Speaker> =>
  openSpeaker({ url: urlAt(place), key: project.key.secret, era: 'legacy', ...speaker })
const tool = (name: string, args: Json = {}) => ({ name, arguments: args })
const textIn = ({ result }: Heard) => (result?.['content'] as { text: string }[] | undefined)?.[0]?.text

/** The same session, spoken in at both. */
async function sessionAtBoth(capabilities: Json = {}) {
  const atA = await at('a', { withSession: true, capabilities })
  const session = atA.session ?? ''
  const headers = { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' }
  const bare = await at('b')
  const atB = {
    send: (method: string, params: Json = {}) => bare.send(method, params, { headers }),
    say: (message: Json) => bare.raw(JSON.stringify({ jsonrpc: '2.0', ...message }), headers),
  }
  return { atA, atB, session, headers }
}

const listen = (place: Place, headers: Record<string, string>, key: Key = project.key): Promise<Events> =>
  openEvents(urlAt(place), { ...headers, 'x-api-key': key.secret })

/** Waits until a call is decided at this instance by what was saved. */
async function inForceAt(place: Place, _rule: string): Promise<void> {
  const speaker = await at(place)
  await vi.waitFor(
    async () => expect(textIn(await speaker.send('tools/call', tool('safe_echo', { text: 'x' })))).toBe('x'),
    SOON,
  )
}

describe('a legacy session', () => {
  test('goes on, whichever instance each of its requests comes to', async () => {
    const before = relay.given()
    const client = new Client({ name: 'alternating', version: '1' }, { capabilities: {} })
    const requestInit = { headers: { 'x-api-key': project.key.secret } }
    await client.connect(new StreamableHTTPClientTransport(new URL(urlAt('relay')), { requestInit }))
    expect((await client.listTools()).tools.length).toBeGreaterThan(10)
    for (let turn = 0; turn < 10; turn++) {
      const { content } = await client.callTool({ name: 'safe_echo', arguments: { text: `turn ${turn}` } })
      expect(content).toEqual([{ type: 'text', text: `turn ${turn}` }])
    }
    await client.close()
    expect(relay.given().every((given, index) => given - (before[index] ?? 0) >= 4)).toBe(true)
  })

  test('hears at one what its calls at the other have caused', async () => {
    const { atA, atB, headers } = await sessionAtBoth()
    await using events = await listen('a', headers)
    await atB.send('resources/subscribe', { uri: 'test://watched-resource' })
    const hears = () => events.messages().some(({ method }) => method === 'notifications/resources/updated')
    // Whoever listens for the client at the server begins when it hears that the client does.
    await vi.waitFor(async () => {
      await atB.send('tools/call', tool('touch_resource'))
      expect(hears()).toBe(true)
    }, SOON)
    await atB.send('tools/call', tool('change_resource_list'))
    await events.until((message) => message['method'] === 'notifications/resources/list_changed')
    await atA.end()
  })

  test('is asked at one and answers at the other', async () => {
    const { atA, atB, headers } = await sessionAtBoth(FORM)
    const params = tool('test_elicitation', { message: 'Who?' })
    await using call = await openEvents(
      urlAt('a'),
      { ...headers, 'x-api-key': project.key.secret },
      { jsonrpc: '2.0', id: 7, method: 'tools/call', params },
    )
    const { id } = await call.until((message) => message['method'] === 'elicitation/create')
    await atB.say({ id, result: { action: 'accept', content: { username: 'ada', email: 'a@b.example' } } })
    const { result } = await call.until((message) => message['id'] === 7)
    expect(JSON.stringify(result)).toContain('action=accept')
    await atA.end()
  })

  test('cancels at one what runs at the other', async () => {
    const { atA, atB } = await sessionAtBoth()
    const label = 'cancelled elsewhere'
    const body = {
      jsonrpc: '2.0',
      id: 'slow',
      method: 'tools/call',
      params: { ...tool('slow', { ms: 60_000, label }), _meta: { progressToken: 'p' } },
    }
    const slow = atA.raw(JSON.stringify(body))
    await vi.waitFor(() => expect(fixture.calls().some((call) => call.body.includes(label))).toBe(true), SOON)
    await atB.say({ method: 'notifications/cancelled', params: { requestId: 'slow' } })
    await expect.poll(() => fixture.world.cancelled, SOON).toContain(label)
    const { result, error } = await slow
    expect({ result, error }).toEqual({ result: undefined, error: undefined })
    await atA.end()
  })

  test('sets its log level at one for both', async () => {
    const { atA, atB } = await sessionAtBoth()
    const levels = async () => {
      const { told } = await atA.send('tools/call', tool('test_logging_tool'))
      return told.map(({ params }) => params?.['level'])
    }
    await atB.send('logging/setLevel', { level: 'error' })
    await expect.poll(levels, SOON).toEqual(['error'])
    await atB.send('logging/setLevel', { level: 'warning' })
    await expect.poll(levels, SOON).toEqual(['warning', 'error'])
    await atA.end()
  })

  test('that is ended at one is over at both, its stream too', async () => {
    const { atA, atB, headers } = await sessionAtBoth()
    await using events = await listen('a', headers)
    expect((await atB.send('ping')).status).toBe(200)
    await atA.end()
    await events.ended
    await expect.poll(async () => (await atB.send('ping')).status, SOON).toBe(404)
    expect((await atA.send('ping')).status).toBe(404)
  })

  test('gets at one what it missed of a call at the other', async () => {
    const { atA, headers } = await sessionAtBoth()
    const params = { ...tool('slow', { ms: 500, label: 'missed' }), _meta: { progressToken: 'p' } }
    const broken = await openEvents(
      urlAt('a'),
      { ...headers, 'x-api-key': project.key.secret },
      { jsonrpc: '2.0', id: 7, method: 'tools/call', params },
    )
    await broken.until((message) => message['method'] === 'notifications/progress')
    const lastId = broken.lastId()
    await broken[Symbol.asyncDispose]()
    await using resumed = await listen('b', { ...headers, 'last-event-id': lastId })
    const answer = await resumed.until((message) => message['id'] === 7)
    expect(answer['result']).toMatchObject({ content: [{ text: 'done after 500 ms' }] })
    await atA.end()
  })
})

describe('a call that is held open at one instance', () => {
  test('of a server that asks goes on with a retry at the other', async () => {
    const options = { era: 'modern', capabilities: FORM } as const
    const [first, second] = [await at('a', options), await at('b', options)]
    const name = 'test_input_required_result_elicitation'
    const { result, text } = await first.send('tools/call', tool(name))
    expect(result?.['resultType'], text).toBe('input_required')
    const [key] = Object.keys(result?.['inputRequests'] as Json)
    const retry = {
      requestState: result?.['requestState'],
      inputResponses: { [key ?? '']: { action: 'accept', content: { name: 'Ada' } } },
    }
    expect(textIn(await second.send('tools/call', { ...tool(name), ...retry }))).toBe('Hello, Ada!')
  })

  test('for a person runs once it is approved, and a second one at the other joins it', async () => {
    await project.policy('{ id: asked, tool: "rec/safe_echo", decision: ask, timeout: 1m }', ALLOW_ALL)
    const [atA, atB] = [await at('a'), await at('b')]
    const held = atA.send('tools/call', tool('safe_echo', { text: 'held at a' }))
    const approval = await vi.waitFor(async () => {
      const { items } = await project.send<{ items: { id: string; state: string }[] }>(
        'GET',
        '/approvals?state=pending',
      )
      expect(items).toHaveLength(1)
      return items[0]
    }, SOON)
    const joined = atB.send('tools/call', tool('safe_echo', { text: 'held at a' }))
    await project.send('POST', `/approvals/${approval?.id}/approve`, {})
    const heard = await Promise.all([held, joined])
    // The word is for one call.
    expect(heard.filter((each) => textIn(each) === 'held at a').length).toBeGreaterThan(0)
    expect(fixture.calls().filter(({ body }) => body.includes('held at a'))).toHaveLength(
      heard.filter((each) => textIn(each) === 'held at a').length,
    )
    await project.policy(ALLOW_ALL)
  })
})

test('a limit of 50 lets exactly 50 of 200 calls pass at both together', async () => {
  await project.policy(
    '{ id: fifty, tool: "rec/safe_echo", decision: allow, limits: { rate_limit: { calls: 50, per: 1h, by: key } } }',
  )
  const speakers = [await at('a'), await at('b')]
  await expect
    .poll(async () => {
      const { result } = await (speakers[1] as Speaker).send('tools/call', tool('echo'))
      return result?.['isError']
    }, SOON)
    .toBe(true)
  const heard = await Promise.all(
    Array.from({ length: 200 }, (_, index) =>
      (speakers[index % 2] as Speaker).send('tools/call', tool('safe_echo', { text: `limited-${index}-` })),
    ),
  )
  expect(heard.filter((each) => decisionIn(each)?.rule === 'fifty')).toHaveLength(150)
  expect(fixture.calls().filter(({ body }) => body.includes('limited-'))).toHaveLength(50)
  await project.policy(ALLOW_ALL)
})

describe('what is stopped is stopped at both within a second, and hears nothing more', () => {
  const stops: { what: string; stop(key: Key): Promise<unknown>; undo(key: Key): Promise<unknown> }[] = [
    {
      what: 'a key by its switch',
      stop: (key) => project.send('PATCH', `/keys/${key.id}`, { killed: true }),
      undo: async () => undefined,
    },
    {
      what: 'a key that is revoked',
      stop: (key) => project.send('DELETE', `/keys/${key.id}`),
      undo: async () => undefined,
    },
    {
      what: 'a project',
      stop: () => project.send('PATCH', '', { killed: true }),
      undo: () => project.send('PATCH', '', { killed: false }),
    },
    {
      what: 'an organisation',
      stop: () => world.send('PATCH', '/organization', { killed: true }),
      undo: () => world.send('PATCH', '/organization', { killed: false }),
    },
  ]
  test.for(stops)('$what', async ({ stop, undo }) => {
    const key = await project.addKey({ name: 'to be stopped' })
    const secret = { key: key.secret }
    const session = await at('a', { ...secret, withSession: true })
    const headers = { 'mcp-session-id': session.session ?? '', 'mcp-protocol-version': '2025-11-25' }
    const other = await at('b', secret)
    await vi.waitFor(async () => expect((await other.send('ping')).status).toBe(200), SOON)
    const get = await listen('b', headers, key)
    const listening = await openListen('a', key)
    const serves = async (speaker: Speaker) =>
      textIn(await speaker.send('tools/call', tool('safe_echo', { text: 'x' }))) === 'x'
    expect([await serves(session), await serves(other)]).toEqual([true, true])
    await stop(key)
    const stoppedAt = performance.now()
    const took = async (over: Promise<unknown>) => {
      await over
      return performance.now() - stoppedAt
    }
    const denied = (speaker: Speaker) =>
      vi.waitFor(async () => expect(await serves(speaker)).toBe(false), SOON)
    const times = await Promise.all([
      took(denied(session)),
      took(denied(other)),
      took(get.ended),
      took(listening.ended),
    ])
    expect(Math.max(...times), JSON.stringify(times)).toBeLessThan(IN_FORCE_MS)
    fixture.forget()
    expect([await serves(session), await serves(other)]).toEqual([false, false])
    expect(fixture.calls().filter(({ method }) => method === 'tools/call')).toEqual([])
    await undo(key)
    await project.untilRule(project.key, 'in-force')
    await vi.waitFor(async () => expect(await serves(await at('b'))).toBe(true), SOON)
  })
})

/** A stream of the modern era, once it is acknowledged. */
async function openListen(place: Place, key: Key): Promise<Events> {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'listener', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const params = { notifications: { resourcesListChanged: true }, _meta }
  const headers = {
    'x-api-key': key.secret,
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'subscriptions/listen',
  }
  const events = await openEvents(urlAt(place), headers, {
    jsonrpc: '2.0',
    id: 1,
    method: 'subscriptions/listen',
    params,
  })
  await events.until((message) => message['method'] === 'notifications/subscriptions/acknowledged')
  return events
}

test('one that is killed under load loses no decision, lets nothing through, and its clients are served again', async () => {
  await project.policy(
    '{ tool: "rec/danger_delete", decision: deny }',
    '{ id: echoed, tool: "rec/safe_echo", decision: allow }',
  )
  await inForceAt('b', 'echoed')
  fixture.forget()
  const load: Load = await runLoad({
    clients: 32,
    url: urlAt('relay'),
    key: project.key.secret,
    beforeMs: 1_500,
    afterMs: 2_500,
    kill: () => process.kill(b.pid ?? 0, 'SIGKILL'),
  })
  expect(load.answered.allowed.length).toBeGreaterThan(50)
  expect(load.answered.denied.length).toBeGreaterThan(25)
  expect(load.recoveredInMs.length).toBeGreaterThan(0)
  expect(load.failures).toBeGreaterThan(0)
  expect(Math.max(...load.recoveredInMs)).toBeLessThan(5_000)
  const reached = fixture
    .calls()
    .flatMap(({ method, params }) =>
      method === 'tools/call' ? [params as { name: string; arguments: { text: string } }] : [],
    )
  expect(reached.filter(({ name }) => name === 'danger_delete')).toEqual([])
  const answered = [...load.answered.allowed, ...load.answered.denied]
  // What reached the server was recorded before it was sent, be it answered or not.
  const owed = new Set([...answered, ...reached.map(({ arguments: { text } }) => text)])
  await vi.waitFor(
    async () => {
      const recorded = new Set((await project.audits()).map((audit) => audit.arguments?.['text']))
      expect([...owed].filter((text) => !recorded.has(text))).toEqual([])
    },
    { timeout: 30_000, interval: 500 },
  )
})

test('behind Caddy a session goes on as behind any proxy', async ({ skip }) => {
  const caddy = await startCaddy(world.stack, PORTS.caddy, [PORTS.a, PORTS.b])
  if ('missing' in caddy) return skip(`there is no Caddy here, and ${caddy.missing}`)
  await using _ = caddy
  await project.policy(ALLOW_ALL)
  const client = new Client({ name: 'behind-caddy', version: '1' }, { capabilities: {} })
  const requestInit = { headers: { 'x-api-key': project.key.secret } }
  const url = new URL(`http://127.0.0.1:${PORTS.caddy}/mcp/${SLUG}`)
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit }))
  const progress: number[] = []
  for (let turn = 0; turn < 6; turn++) {
    const { content } = await client.callTool({ name: 'test_tool_with_progress' }, undefined, {
      onprogress: (each) => void progress.push(each.progress),
    })
    expect(content).toEqual([{ type: 'text', text: 'Progress reported.' }])
  }
  expect(progress).toHaveLength(18)
  await client.close()
})
