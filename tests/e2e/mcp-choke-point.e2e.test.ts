// Every method by every way in, for every reason to deny: no byte of a denied call reaches a server, the answer says
// why in the form of its method, and there is one record of each decision. Beside each stands the nearest allowed call.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { startFixture, type Fixture } from '../mcp/fixture-server.ts'
import {
  COVERED,
  IMPLEMENTED_IN,
  METHODS,
  UNKNOWN_METHODS,
  WAYS,
  type MethodCase,
  type Way,
} from './mcp-methods.ts'
import { modernHeaders, openSpeaker, type Heard, type Json, type Speaker } from './mcp-wire.ts'
import { decisionIn, startWorld, type Key, type World, type WorldProject } from './mcp-world.ts'

const SLUG = 'rec'
const CAPABILITIES = { extensions: { 'io.modelcontextprotocol/tasks': {} } }
const OPEN = '{ id: open, method: "*", tool: "*", decision: allow }'
/** Templates stand for many resources: each is decided when it is read. */
const LISTS = ['tools/list', 'resources/list', 'prompts/list']
const DENIED = -31403
const INVALID_PARAMS = -32602

let world: World
let project: WorldProject
let fixture: Fixture
let elsewhere: Fixture
/** Reaches the recording server; its own switch and list of servers are changed by the tests. */
let key: Key

/** How often each mark must stand in the record at the end; -1 where that is no matter of this test. */
const recorded = new Map<string, number>()
let malformed = 0
/** Of calls that carry no mark. */
let unmarkedDenials = 0

beforeAll(async () => {
  fixture = await startFixture({ era: 'both' })
  world = await startWorld(22_000)
  project = await world.project('choke point')
  await project.addUpstream(SLUG, { url: fixture.url })
  elsewhere = await startFixture({ era: 'both' })
  await project.addUpstream('other', { url: elsewhere.url })
  key = await project.addKey({ name: 'switched' })
  await project.policy(OPEN)
  await makeTasks()
})
afterAll(async () => {
  await world?.[Symbol.asyncDispose]()
  await fixture?.[Symbol.asyncDispose]()
  await elsewhere?.[Symbol.asyncDispose]()
})

/** A word that is in no other call, and looks like no secret. */
function newMark(times: number): string {
  const letters = [...String(1_000 + recorded.size)].map((digit) => 'abcdefghij'[Number(digit)])
  const mark = `canary${letters.join('')}z`
  recorded.set(mark, times)
  return mark
}

const speakers = new Map<string, Promise<Speaker>>()
function speakerFor(way: Way): Promise<Speaker> {
  const known = speakers.get(way.name)
  if (known !== undefined) return known
  const url = project.url(way.common ? undefined : SLUG)
  const { era, withSession } = way
  const opening = openSpeaker({ url, key: key.secret, era, withSession, capabilities: CAPABILITIES })
  speakers.set(way.name, opening)
  return opening
}

const cases = METHODS.flatMap((method) =>
  WAYS.filter((way) => method.eras.includes(way.era) && (!way.common || !method.onlyAtUpstream)).map(
    (way) => [`${method.name} at ${way.name}`, method, way] as const,
  ),
)

const taskIds = new Map<string, string>()

/** Sends the method's own request, with the mark in it; a subscription is closed once it was acknowledged. */
async function sendMarked(method: MethodCase, way: Way, mark: string): Promise<Heard> {
  const speaker = await speakerFor(way)
  const taskId = taskIds.get(`${way.era} ${method.name}`) ?? ''
  const params = method.params({
    mark,
    taskId,
    prefix: way.common ? `${SLUG}__` : '',
    slug: way.common ? SLUG : null,
  })
  if (method.method !== 'subscriptions/listen') return speaker.send(method.method, params)
  const over = new AbortController()
  const told: Heard['told'] = []
  const onTold = (message: Heard['told'][number]) => {
    told.push(message)
    over.abort()
  }
  try {
    return await speaker.send(method.method, params, { signal: over.signal, onTold })
  } catch (error) {
    if (told.length === 0) throw error
    return { status: 200, headers: {}, told, text: JSON.stringify(told) }
  }
}

const tool = (name: string, mark: string) => ({ name, arguments: { text: mark } })

/** The messages of the upstream side that have the mark in them, wherever. */
const reached = (mark: string) =>
  [...fixture.calls(), ...elsewhere.calls()].filter(({ body, headers }) =>
    (body + JSON.stringify(headers)).includes(mark),
  )

function expectDenied(heard: Heard, method: MethodCase, rule: string, decision = 'deny'): void {
  if (method.method === 'subscriptions/listen') {
    // What is not allowed is left out of what is honoured.
    expect(heard.told[0]?.method, heard.text).toBe('notifications/subscriptions/acknowledged')
    expect(heard.text).not.toContain('resourceSubscriptions')
    return
  }
  expect(decisionIn(heard), heard.text).toMatchObject({ decision, rule })
  if (method.method === 'tools/call') {
    expect(heard.result?.['isError']).toBe(true)
    expect(JSON.stringify(heard.result?.['content'])).toContain(rule)
  } else {
    expect(heard.error?.code).toBe(DENIED)
    expect(heard.error?.message).toContain(rule)
  }
}

describe('the enumeration', () => {
  test.for(IMPLEMENTED_IN)('has every method that %s names', (file) => {
    const text = readFileSync(join(import.meta.dirname, '../..', file), 'utf8')
    const named = [...text.matchAll(/'((?:[a-z]+\/)+[a-zA-Z]+|ping|initialize)'/g)].map(([, name]) => name)
    const methods = [...new Set(named)].filter(
      (name) => name !== undefined && !/^(ref|notifications)\//.test(name),
    )
    expect(methods.length).toBeGreaterThan(0)
    expect(methods.filter((name) => !COVERED.has(name ?? ''))).toEqual([])
  })
})

describe('allowed', () => {
  test.for(cases)('%s reaches the server', async ([, method, way]) => {
    const mark = newMark(1)
    const heard = await sendMarked(method, way, mark)
    expect(heard.error, heard.text).toBeUndefined()
    if (method.method !== 'subscriptions/listen') expect(decisionIn(heard)).toBeUndefined()
    expect(reached(mark).length).toBe(1)
  })
})

/** A task for each method about tasks, in each era, made by an allowed call. */
async function makeTasks(): Promise<void> {
  for (const way of WAYS.filter(({ common, withSession }) => !common && !withSession)) {
    const speaker = await speakerFor(way)
    for (const { name } of METHODS.filter(
      ({ method, eras }) => method.startsWith('tasks/') && eras.includes(way.era),
    )) {
      const seconds = name === 'tasks/result' ? 0 : 600
      const heard = await speaker.send('tools/call', {
        name: 'slow_compute',
        arguments: { seconds, label: newMark(1) },
        ...(way.era === 'legacy' ? { task: {} } : {}),
      })
      const { taskId } = (heard.result?.['task'] ?? heard.result ?? {}) as { taskId?: string }
      expect(taskId, heard.text).toBeTypeOf('string')
      taskIds.set(`${way.era} ${name}`, taskId ?? '')
    }
  }
}

type Reason = {
  name: string
  rule: string
  begin(): Promise<unknown>
  end(): Promise<unknown>
}

const REASONS: Reason[] = [
  {
    name: 'no rule allows it',
    rule: 'default',
    begin: () => project.policy('{ id: elsewhere, method: "*", tool: "other/*", decision: allow }'),
    end: () => project.policy(OPEN),
  },
  {
    name: 'a rule denies it',
    rule: 'never',
    begin: () => project.policy(`{ id: never, method: "*", tool: "${SLUG}/*", decision: deny }`, OPEN),
    end: () => project.policy(OPEN),
  },
  {
    name: 'its key is for other servers',
    rule: 'key_upstreams',
    begin: () => patchKey({ upstreams: ['other'] }, 'key_upstreams'),
    end: () => patchKey({ upstreams: null }, 'in-force'),
  },
  {
    name: 'its key is killed',
    rule: 'killed',
    begin: () => patchKey({ killed: true }, 'killed'),
    end: () => patchKey({ killed: false }, 'in-force'),
  },
  {
    name: 'its project is killed',
    rule: 'killed',
    begin: () => patchProject({ killed: true }, 'killed'),
    end: () => patchProject({ killed: false }, 'in-force'),
  },
  {
    name: 'its organisation is killed',
    rule: 'killed',
    begin: () => patchOrganization({ killed: true }, 'killed'),
    end: () => patchOrganization({ killed: false }, 'in-force'),
  },
  {
    name: 'its project is killed, though it only monitors',
    rule: 'killed',
    begin: () => patchProject({ killed: true, mode: 'monitor' }, 'killed'),
    end: () => patchProject({ killed: false, mode: 'enforce' }, 'in-force'),
  },
]

async function patchKey(change: Json, rule: string): Promise<void> {
  await project.send('PATCH', `/keys/${key.id}`, change)
  await project.untilRule(key, rule)
}
async function patchProject(change: Json, rule: string): Promise<void> {
  await project.send('PATCH', '', change)
  await project.untilRule(key, rule)
}
async function patchOrganization(change: Json, rule: string): Promise<void> {
  await world.send('PATCH', '/organization', change)
  await project.untilRule(key, rule)
}

describe.each(REASONS)('denied, as $name', ({ rule, begin, end }) => {
  beforeAll(async () => {
    await begin()
    fixture.forget()
  })
  afterAll(end)

  test.for(cases)('%s reaches no server', async ([, method, way]) => {
    const mark = newMark(outOfReach(method, way, rule) ? 0 : 1)
    const heard = await sendMarked(method, way, mark)
    if (outOfReach(method, way, rule)) expect(heard.error?.code, heard.text).toBe(DENIED)
    else expectDenied(heard, method, rule)
    expect(reached(mark)).toEqual([])
  })

  test.for(cases.filter(([, { method }]) => method === 'subscriptions/listen'))(
    '%s asks no server for subscriptions',
    async ([, method, way]) => {
      await sendMarked(method, way, newMark(outOfReach(method, way, rule) ? 0 : 1))
      const subscribed = fixture.calls().filter(({ body }) => body.includes('resourceSubscriptions'))
      expect(subscribed).toEqual([])
    },
  )

  test('nothing of it is listed', async () => {
    fixture.forget()
    const mayAsk = rule === 'default' || rule === 'never'
    for (const way of WAYS) {
      const speaker = await speakerFor(way)
      for (const method of LISTS) {
        const { result, error } = await speaker.send(method)
        const listed = Object.values(result ?? {})
          .filter(Array.isArray)
          .flat()
        const own = listed.filter((entry) => JSON.stringify(entry).includes(`${SLUG}__`) || !way.common)
        expect(own, `${method} at ${way.name}`).toEqual([])
        if (!way.common && !mayAsk) expect(error?.code).toBe(INVALID_PARAMS)
      }
      // A name that no list told makes the lists be read again, at most once a second, as far as the asker may have them.
      if (way.common && !mayAsk) await pause(400)
      if (way.common) await speaker.send('tools/call', tool(`${SLUG}__new_01234567`, newMark(1)))
    }
    const asked = fixture.calls().filter(({ method }) => method?.endsWith('/list'))
    if (!mayAsk) expect(asked).toEqual([])
  })
})

/** An endpoint of its own that the asker may not use at all has no stream that things could be left out of. */
function outOfReach({ method }: MethodCase, { common }: Way, rule: string): boolean {
  return method === 'subscriptions/listen' && !common && (rule === 'killed' || rule === 'key_upstreams')
}

describe('held for a person who refuses', () => {
  beforeAll(async () => {
    await project.policy(`{ id: held, method: "*", tool: "${SLUG}/*", decision: ask }`)
    fixture.forget()
  })
  afterAll(() => project.policy(OPEN))

  test.for(cases)('%s reaches no server', async ([, method, way]) => {
    const mark = newMark(1)
    const answered = sendMarked(method, way, mark)
    // Nobody can be asked to let part of a subscription in.
    if (method.method !== 'subscriptions/listen') await decideNext('refuse')
    expectDenied(await answered, method, 'held', 'ask')
    expect(reached(mark)).toEqual([])
  })

  test.for(cases.filter(([, { method }]) => method !== 'subscriptions/listen'))(
    '%s reaches the server once a person has approved it',
    async ([, method, way]) => {
      // Asked, and then allowed.
      const mark = newMark(2)
      const answered = sendMarked(method, way, mark)
      await decideNext('approve')
      expect((await answered).error).toBeUndefined()
      expect(reached(mark).length).toBe(1)
    },
  )
})

/** Decides the one call that waits. */
async function decideNext(word: 'approve' | 'refuse'): Promise<void> {
  const pending = await vi.waitFor(
    async () => {
      const { items } = await project.send<{ items: { id: string }[] }>('GET', '/approvals?state=pending')
      expect(items.length).toBe(1)
      return items[0]
    },
    { timeout: 10_000, interval: 10 },
  )
  await project.send('POST', `/approvals/${pending?.id}/${word}`, {})
}

describe('over a rate limit', () => {
  beforeAll(async () => {
    const limit = 'limits: { rate_limit: { calls: 1, per: 1h, by: key } }'
    const methods = [...new Set(METHODS.map(({ ruledAs }) => ruledAs))]
    await project.policy(
      ...methods.map(
        (method) =>
          `{ id: once-${method.replace('/', '-')}, method: "${method}", tool: "${SLUG}/*", decision: allow, ${limit} }`,
      ),
    )
    fixture.forget()
  })
  afterAll(() => project.policy(OPEN))

  const allowed = new Set<string>()
  test.for(cases)('%s passes once for all ways in, and never again', async ([, method, way]) => {
    const isFirst = !allowed.has(method.ruledAs)
    allowed.add(method.ruledAs)
    const mark = newMark(1)
    const heard = await sendMarked(method, way, mark)
    if (isFirst) {
      expect(reached(mark).length, heard.text).toBe(1)
      return
    }
    expectDenied(heard, method, `once-${method.ruledAs.replace('/', '-')}`)
    if (method.method !== 'subscriptions/listen') {
      expect(decisionIn(heard)?.retry_after_ms).toBeGreaterThan(0)
      expect(decisionIn(heard)?.reason).toContain('rate_limited')
    }
    expect(reached(mark)).toEqual([])
  })
})

describe('in quarantine', () => {
  const calls = cases.filter(([, { method }]) => method === 'tools/call')
  beforeAll(async () => {
    await change({ description: 'Reads your mail too' })
    await untilQuarantined(true)
  })
  afterAll(async () => {
    fixture.world.restoreLists()
    fixture.world.bus.publish({ kind: 'tools_list_changed' })
    await untilQuarantined(false)
  })

  async function change(definition: Json): Promise<void> {
    const tool = fixture.world.tools.get('safe_echo')
    if (tool === undefined) throw new Error('there is no safe_echo')
    fixture.world.tools.set('safe_echo', { ...tool, definition: { ...tool.definition, ...definition } })
    fixture.world.bus.publish({ kind: 'tools_list_changed' })
  }
  async function untilQuarantined(is: boolean): Promise<void> {
    const speaker = await openSpeaker({ url: project.url(SLUG), key: key.secret, era: 'modern' })
    const look = async () => {
      const heard = await speaker.send('tools/call', {
        name: 'safe_echo',
        arguments: { text: newMark(1) },
      })
      expect(decisionIn(heard)?.rule).toBe(is ? 'quarantined' : undefined)
    }
    await vi.waitFor(look, { timeout: 15_000, interval: 200 })
    fixture.forget()
  }

  test.for(calls)('%s reaches no server', async ([, method, way]) => {
    const mark = newMark(1)
    expectDenied(await sendMarked(method, way, mark), method, 'quarantined')
    expect(reached(mark)).toEqual([])
  })
  test('another tool of the same server is called', async () => {
    const mark = newMark(1)
    const speaker = await openSpeaker({ url: project.url(SLUG), key: key.secret, era: 'legacy' })
    const { result } = await speaker.send('tools/call', { name: 'echo', arguments: { text: mark } })
    expect(result?.['isError']).not.toBe(true)
    expect(reached(mark).length).toBe(1)
  })
})

describe('malformed', () => {
  beforeAll(() => fixture.forget())

  const wrong = cases.flatMap(([name, method, way]) =>
    method.malformed.map(
      (params) => [`${name} with ${JSON.stringify(params)}`, method, way, params] as const,
    ),
  )
  test.for(wrong)('%s is an error, and reaches no server', async ([, method, way, params]) => {
    const speaker = await speakerFor(way)
    // The headers of a modern request are right: it is the body that is wrong.
    const name = modernHeaders(method.method, params)['mcp-name'] ?? 'safe_echo'
    const headers: Record<string, string> = way.era === 'modern' ? { 'mcp-name': name } : {}
    const heard = await speaker.send(method.method, params, { headers })
    expect(heard.error, heard.text).toBeDefined()
    expect(heard.error?.code).not.toBe(DENIED)
    malformed++
    const sent = fixture.calls().filter(({ method: name }) => name === method.method)
    expect(sent).toEqual([])
  })

  test.for(WAYS)('a method that nobody knows is an error at $name, and reaches no server', async (way) => {
    const speaker = await speakerFor(way)
    for (const method of UNKNOWN_METHODS[way.era]) {
      const heard = await speaker.send(method, { uri: 'test://static-text' })
      expect(heard.error?.code, method).toBe(-32601)
      if (way.era === 'modern') expect(heard.status).toBe(404)
    }
    const sent = fixture.calls().filter(({ method: name }) => UNKNOWN_METHODS[way.era].includes(name ?? ''))
    expect(sent).toEqual([])
  })
})

describe('what is sent on is what was judged', () => {
  test.for(WAYS)('nothing else of a request at $name', async (way) => {
    fixture.forget()
    const [mark, smuggled] = [newMark(1), newMark(0)]
    const prefix = way.common ? `${SLUG}__` : ''
    const speaker = await speakerFor(way)
    const call = { ...tool(`${prefix}safe_echo`, mark), Name: smuggled, uri: smuggled, extra: { smuggled } }
    const heard = await speaker.send('tools/call', call)
    expect(heard.result?.['isError'], heard.text).not.toBe(true)
    expect(reached(mark).length).toBe(1)
    expect(reached(smuggled)).toEqual([])
  })

  test('a header that says something else than the argument is refused, and nothing is sent', async () => {
    const speaker = await speakerFor(WAYS.find(({ common, era }) => !common && era === 'modern')!)
    await speaker.send('tools/list')
    const call = (said: string | undefined, mark: string) =>
      speaker.send(
        'tools/call',
        { name: 'region_query', arguments: { region: 'eu', query: mark } },
        said === undefined ? {} : { headers: { 'mcp-param-region': said } },
      )
    for (const said of ['us', undefined]) {
      const mark = newMark(0)
      const heard = await call(said, mark)
      malformed++
      expect(heard.status).toBe(400)
      expect(heard.error?.code).toBe(-32020)
      expect(reached(mark)).toEqual([])
    }
    const mark = newMark(1)
    expect((await call('eu', mark)).error).toBeUndefined()
    expect(reached(mark).length).toBe(1)
  })

  test('a resource that climbs is not subscribed to', async () => {
    const way = WAYS.find(({ common, era }) => !common && era === 'modern')!
    const listen = METHODS.find(({ method }) => method === 'subscriptions/listen')!
    const mark = newMark(0)
    const climbing = {
      ...listen,
      params: () => ({ notifications: { resourceSubscriptions: [`test://x/../${mark}`] } }),
    }
    const heard = await sendMarked(climbing, way, mark)
    expect(heard.text).not.toContain('resourceSubscriptions')
    expect(reached(mark)).toEqual([])
  })
})

describe('a secret that no argument may carry', () => {
  const SECRET = `ghp_${'A1b2C3d4'.repeat(5)}`.slice(0, 40)
  beforeAll(() =>
    project.policy(
      '{ id: open, method: "*", tool: "*", decision: allow, redact: [{ detector: github_token, on: arguments, deny: true }] }',
    ),
  )
  afterAll(() => project.policy(OPEN))

  test.for([
    ['an argument', { arguments: { text: SECRET } }],
    ['_meta', { arguments: {}, _meta: { 'com.example/token': SECRET } }],
  ] as const)('is denied in %s too, and reaches no server', async ([, carrying]) => {
    for (const way of WAYS) {
      const speaker = await speakerFor(way)
      const name = `${way.common ? `${SLUG}__` : ''}safe_echo`
      const mark = newMark(-1)
      const heard = await speaker.send('tools/call', { name, ...carrying, mark })
      expect(decisionIn(heard), heard.text).toMatchObject({ decision: 'deny' })
      unmarkedDenials++
      expect(reached(SECRET)).toEqual([])
    }
  })
})

describe('a stream of changes', () => {
  test.for(['killed', 'revoked', 'made for other servers'])(
    'ends when its key is %s',
    { timeout: 10_000 },
    async (how) => {
      const own = await project.addKey({ name: how })
      const speaker = await openSpeaker({ url: project.url(SLUG), key: own.secret, era: 'modern' })
      const acknowledged = Promise.withResolvers<void>()
      const stream = speaker.send(
        'subscriptions/listen',
        { notifications: { toolsListChanged: true } },
        { onTold: () => acknowledged.resolve() },
      )
      await acknowledged.promise
      if (how === 'killed') await project.send('PATCH', `/keys/${own.id}`, { killed: true })
      else if (how !== 'revoked') await project.send('PATCH', `/keys/${own.id}`, { upstreams: ['other'] })
      else await project.send('DELETE', `/keys/${own.id}`)
      const heard = await stream
      expect(heard.told.map(({ method }) => method)).toEqual(['notifications/subscriptions/acknowledged'])
    },
  )
})

describe('a retry', () => {
  const OLD = 'old'
  let old: Fixture
  beforeAll(async () => {
    old = await startFixture({ era: 'legacy' })
    await project.addUpstream(OLD, { url: old.url })
  })
  afterAll(async () => {
    await old?.[Symbol.asyncDispose]()
  })
  const ASKING = 'test_input_required_result_elicitation'

  /** A call that waits for its client's answer, at a server of either era; `resume` gives it. */
  async function waiting(slug: string) {
    const capabilities = { elicitation: { form: {} } }
    const open = (secret: string) =>
      openSpeaker({ url: project.url(slug), key: secret, era: 'modern', capabilities })
    const speaker = await open(key.secret)
    const mark = newMark(-1)
    const params = { name: ASKING, arguments: { mark } }
    const { result, text } = await speaker.send('tools/call', params)
    expect(result?.['resultType'], text).toBe('input_required')
    const requestState = result?.['requestState'] as string | undefined
    const answer = { action: 'accept', content: { name: `answer-${mark}` } }
    const inputResponses = Object.fromEntries(
      Object.keys(result?.['inputRequests'] as object).map((name) => [name, answer]),
    )
    fixture.forget()
    old.forget()
    const answered = () =>
      [...fixture.calls(), ...old.calls()].filter(({ body }) => body.includes(`answer-${mark}`)).length
    const retry = (more: Json = {}, by = speaker) =>
      by.send('tools/call', {
        ...params,
        inputResponses,
        ...(requestState === undefined ? {} : { requestState }),
        ...more,
      })
    return { retry, answered, requestState, open, params }
  }

  test.for([SLUG, OLD])('goes on with the call (%s)', async (slug) => {
    const { retry, answered } = await waiting(slug)
    expect(JSON.stringify((await retry()).result)).toContain('Hello, answer-')
    expect(answered()).toBe(1)
  })

  test.for([SLUG, OLD])('is decided again: what is denied by now sends no answer on (%s)', async (slug) => {
    const { retry, answered } = await waiting(slug)
    await project.policy('{ id: elsewhere, method: "*", tool: "other/*", decision: allow }')
    expect(decisionIn(await retry())).toMatchObject({ decision: 'deny', rule: 'default' })
    expect(answered()).toBe(0)
    await project.policy(OPEN)
  })

  test('with a state that was changed, of another call or of another asker is refused', async () => {
    const { retry, answered, requestState = '', open, params } = await waiting(OLD)
    const stranger = await open((await project.addKey({ name: 'stranger' })).secret)
    const flipped = requestState.slice(0, -2) + (requestState.endsWith('AA') ? 'BB' : 'AA')
    const wrong: [Json, Speaker?][] = [
      [{ requestState: flipped }],
      [{ requestState: 'none' }],
      [{ requestState: 1 }],
      [{ arguments: { ...params.arguments, more: 1 } }],
      [{ name: 'echo' }],
      [{}, stranger],
    ]
    for (const [more, by] of wrong) {
      const heard = await retry(more, by)
      if (by === undefined) malformed++
      expect(heard.error?.code, JSON.stringify(more)).toBe(INVALID_PARAMS)
      expect(answered()).toBe(0)
    }
    expect((await retry()).error).toBeUndefined()
    expect(answered()).toBe(1)
  })

  test('with a state that nobody gave is refused, also for a server that keeps none', async () => {
    const { retry, answered } = await waiting(SLUG)
    const heard = await retry({ requestState: 'none' })
    malformed++
    expect(heard.error).toMatchObject({ code: INVALID_PARAMS })
    expect(answered()).toBe(0)
  })

  test('without the state of the call that is held open is refused, and begins no other call', async () => {
    const { retry } = await waiting(OLD)
    const heard = await retry({ requestState: undefined })
    expect(heard.error).toMatchObject({
      code: INVALID_PARAMS,
      message: expect.stringContaining('requestState'),
    })
    expect(old.calls()).toEqual([])
    expect((await retry()).error).toBeUndefined()
  })

  test('without a state goes to a server that keeps none: the protocol lets it', async () => {
    const { retry, answered, requestState } = await waiting(SLUG)
    expect(requestState).toBeUndefined()
    expect(JSON.stringify((await retry()).result)).toContain('Hello, answer-')
    expect(answered()).toBe(1)
  })
})

describe('a project that only monitors', () => {
  beforeAll(async () => {
    await project.policy('{ id: elsewhere, method: "*", tool: "other/*", decision: allow }')
    await project.send('PATCH', '', { mode: 'monitor' })
    const speaker = await speakerFor(WAYS[0]!)
    await vi.waitFor(
      async () => {
        const { result } = await speaker.send('tools/list')
        const tools = result?.['tools'] as { name: string }[]
        expect(tools.map(({ name }) => name)).toContain(`${SLUG}__safe_echo`)
      },
      { timeout: 10_000, interval: 50 },
    )
    fixture.forget()
  })
  afterAll(async () => {
    await project.send('PATCH', '', { mode: 'enforce' })
    await project.policy(OPEN)
  })
  test.for(cases)('%s is forwarded, and recorded as what it would have been', async ([, method, way]) => {
    const mark = newMark(1)
    const heard = await sendMarked(method, way, mark)
    expect(heard.error ?? heard.result?.['isError'], heard.text).toBeFalsy()
    expect(reached(mark).length).toBe(1)
  })
})

describe('the record', () => {
  test('has each decision once, and nothing besides', async () => {
    const last = newMark(1)
    const speaker = await speakerFor(WAYS[0]!)
    await speaker.send('tools/call', { name: `${SLUG}__safe_echo`, arguments: { text: last } })
    const texts = await vi.waitFor(
      async () => {
        const audits = await project.audits(({ key_id }) => key_id === key.id)
        const all = audits.map((audit) => ({ ...audit, text: JSON.stringify([audit.tool, audit.arguments]) }))
        expect(all.some(({ text }) => text.includes(last))).toBe(true)
        return all
      },
      { timeout: 30_000, interval: 250 },
    )
    const counted = [...recorded.keys()].map((mark) => [
      mark,
      texts.filter(({ text }) => text.includes(mark)).length,
    ])
    const wanted = [...recorded].filter(([, times]) => times >= 0)
    expect(Object.fromEntries(counted)).toMatchObject(Object.fromEntries(wanted))
    const unmarked = texts.filter(({ text }) => !text.includes('canary'))
    expect(unmarked.filter(({ rule }) => rule === 'malformed').length).toBe(malformed)
    expect(unmarked.filter(({ rule }) => rule !== 'malformed').length).toBe(unmarkedDenials)
  })
})
