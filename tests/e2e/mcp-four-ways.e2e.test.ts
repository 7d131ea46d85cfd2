// A client of either era on a server of either era, over HTTP and over stdio: what the one says the other hears, and
// nothing else.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  Client,
  LOG_LEVEL_META_KEY,
  StreamableHTTPClientTransport,
  type ClientCapabilities,
} from '@modelcontextprotocol/client'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { MODERN_VERSION, type Era } from '@mcpshield/mcp/messages'
import { anything, connectClient } from '../mcp/fixture-client.ts'
import { startFixture, type Fixture } from '../mcp/fixture-server.ts'
import { openSpeaker, type Json, type Speaker } from './mcp-wire.ts'
import { startWorld, type Key, type World, type WorldProject } from './mcp-world.ts'

type Transport = 'http' | 'stdio'
type Side = {
  slug: string
  transport: Transport
  era: Era
  /** Methods of what the server was sent, in order. */
  heard(): string[]
  /** A client of the server's own era that speaks with it without a gateway. */
  direct: Client
}

const ERAS: Era[] = ['legacy', 'modern']
const OPEN = '{ id: open, method: "*", tool: "*", decision: allow }'
const WATCHED = 'test://watched-resource'
const TASKING = { extensions: { 'io.modelcontextprotocol/tasks': {} } }
const PAGE = 'https://example.com/sign-in'
const SOON = { timeout: 15_000, interval: 20 }

let world: World
let project: WorldProject
const sides = new Map<string, Side>()
const stack = new AsyncDisposableStack()

beforeAll(async () => {
  world = stack.use(await startWorld(22_020))
  project = await world.project('four ways')
  await project.policy(OPEN)
  for (const era of ERAS) await Promise.all([openHttp(era), openStdio(era)])
})
afterAll(() => stack.disposeAsync())

async function openHttp(era: Era): Promise<void> {
  const fixture: Fixture = stack.use(await startFixture({ era }))
  const slug = `http-${era}`
  await project.addUpstream(slug, { url: fixture.url })
  const direct = await connectClient({ url: fixture.url }, era)
  stack.defer(() => direct.close())
  const heard = () => fixture.calls().flatMap(({ method }) => (method === undefined ? [] : [method]))
  sides.set(slug, { slug, transport: 'http', era, heard, direct })
}

async function openStdio(era: Era): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'mcpshield-stdio-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const record = join(folder, 'received.jsonl')
  const slug = `stdio-${era}`
  const args = [join(import.meta.dirname, '../mcp/fixture-stdio.ts'), '--era', era, '--record', record]
  await project.addUpstream(slug, { command: process.execPath, args })
  const direct = await connectClient({ stdio: ['--era', era] }, era)
  stack.defer(() => direct.close())
  const heard = () => linesOf(record).flatMap(({ method }) => (typeof method === 'string' ? [method] : []))
  sides.set(slug, { slug, transport: 'stdio', era, heard, direct })
}

function linesOf(file: string): Json[] {
  const whole = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
  return whole.map((line) => JSON.parse(line) as Json)
}

/** A client through the gateway that answers whatever it is asked. */
function throughGateway(slug: string, era: Era): Promise<Client> {
  return connectClient({ url: project.url(slug), headers: { 'x-api-key': project.key.secret } }, era)
}

/** One that can do what it is said to, and answers nothing. */
async function muteClient(slug: string, era: Era, capabilities: ClientCapabilities = {}): Promise<Client> {
  const versionNegotiation = { mode: era === 'legacy' ? ('legacy' as const) : { pin: MODERN_VERSION } }
  const client = new Client({ name: 'mute', version: '1' }, { versionNegotiation, capabilities })
  const requestInit = { headers: { 'x-api-key': project.key.secret } }
  await client.connect(new StreamableHTTPClientTransport(new URL(project.url(slug)), { requestInit }))
  return client
}

const WAYS = ERAS.flatMap((client) =>
  (['http', 'stdio'] as const).flatMap((transport) =>
    ERAS.map((server) => [client, transport, server] as const),
  ),
)

describe.each(WAYS)('a %s client on a server over %s of the %s era', (era, transport, serverEra) => {
  const slug = `${transport}-${serverEra}`
  let side: Side
  let client: Client

  beforeAll(async () => {
    side = sides.get(slug)!
    client = await throughGateway(slug, era)
  })
  afterAll(() => client?.close())

  type Content = { type: string; text?: string }[]
  const textOf = async (name: string, args: Json = {}, by = client) => {
    const { content } = await by.callTool({ name, arguments: args })
    return (content as Content)[0]?.text ?? ''
  }

  describe('results', () => {
    test.for([
      'test_simple_text',
      'test_image_content',
      'test_audio_content',
      'test_embedded_resource',
      'test_multiple_content_types',
      'test_error_handling',
      'resource_link',
      'structured_record',
    ])('of %s are what the server answers', async (name) => {
      const [through, direct] = await Promise.all([client.callTool({ name }), side.direct.callTool({ name })])
      expect(withoutMeta(through)).toEqual(withoutMeta(direct))
    })

    test('keep structured content, _meta and members that nobody knows', async () => {
      const args = { path: '/tmp/ä', nested: { list: [1, 'zwei', null, 1.5, true] } }
      const _meta = { 'com.example/trace': 'abc' }
      const result = await client.callTool({ name: 'echo', arguments: args, _meta })
      expect(result).toMatchObject({
        content: [{ type: 'text', text: JSON.stringify(args) }],
        structuredContent: { arguments: args, _meta },
        _meta: { ..._meta, 'com.example/fixture': { kept: true } },
        fixtureExtension: { kept: true },
      })
    })

    test('of a method that nobody knows pass; a method that the server does not know is an error', async () => {
      const asked = { method: 'fixture/echo', params: { said: 'hello', deep: { er: [1] } } }
      expect(await client.request(asked, anything)).toMatchObject({
        echoed: { said: 'hello', deep: { er: [1] } },
        fixtureExtension: { kept: true },
        _meta: { 'com.example/fixture': { kept: true } },
      })
      const speaker = await openSpeaker({ url: project.url(slug), key: project.key.secret, era })
      expect((await speaker.send('fixture/nothing')).error?.code).toBe(-32_601)
    })

    test('that are errors keep code, message and data', async () => {
      const error = { code: -31_999, message: 'As you wish', data: { why: ['a', 1], nested: { kept: true } } }
      const failing = client.callTool({ name: 'protocol_error', arguments: error })
      await expect(failing).rejects.toMatchObject({ code: error.code, data: error.data })
      await expect(client.callTool({ name: 'protocol_error', arguments: error })).rejects.toThrow(
        /As you wish/,
      )
    })
  })

  describe('while a call runs', () => {
    test('its progress is told to who asked, and to nobody else', async () => {
      const seen: number[] = []
      const onprogress = ({ progress }: { progress: number }) => void seen.push(progress)
      await Promise.all([
        client.callTool({ name: 'test_tool_with_progress' }, { onprogress }),
        client.callTool({ name: 'slow', arguments: { ms: 1 } }, { onprogress: () => undefined }),
      ])
      expect(seen).toEqual([0, 50, 100])
    })

    test('log lines come at the level that was asked for, and at no other', async () => {
      const levels: string[] = []
      client.setNotificationHandler('notifications/message', ({ params }) => void levels.push(params.level))
      const logged = async (level: 'warning' | 'error') => {
        if (era === 'legacy') await client.setLoggingLevel(level)
        const _meta = era === 'legacy' ? {} : { [LOG_LEVEL_META_KEY]: level }
        await client.callTool({ name: 'test_logging_tool', _meta })
        return levels.splice(0)
      }
      // A process that many share is believed about nobody's logs for a while after it answered somebody else.
      await vi.waitFor(async () => expect(await logged('error')).toEqual(['error']), SOON)
      expect(await logged('warning')).toEqual(['warning', 'error'])
      if (era === 'legacy') return
      // A request of the modern era that asks for no log gets none, whatever others asked for.
      await client.callTool({ name: 'test_logging_tool' })
      expect(levels).toEqual([])
    })

    test('it can be cancelled: the server learns it in the way of its era', async () => {
      const cancel = new AbortController()
      const label = `${era} to ${slug}`
      const before = side.heard().filter((method) => method === 'notifications/cancelled').length
      const slow = client.callTool(
        { name: 'slow', arguments: { ms: 60_000, label } },
        { signal: cancel.signal, onprogress: () => cancel.abort() },
      )
      await expect(slow).rejects.toThrow()
      await expect.poll(() => textOf('recorded_cancellations'), SOON).toContain(label)
      const told = side.heard().filter((method) => method === 'notifications/cancelled').length - before
      // Over HTTP the modern era closes the stream, and says nothing.
      expect(told).toBe(transport === 'http' && serverEra === 'modern' ? 0 : 1)
      await client.callTool({ name: 'slow', arguments: { ms: 1, label: `${label}, in time` } })
      expect(await textOf('recorded_cancellations')).not.toContain('in time')
    })
  })

  describe('questions', () => {
    const answerForms = (answer: Json) =>
      client.setRequestHandler('elicitation/create', () => answer as { action: 'accept' })
    const FORM = {
      action: 'accept',
      content: { name: 'Ada', color: 'green', ok: true, username: 'ada', email: 'a@b' },
    }
    beforeAll(() => answerForms(FORM))

    test.for([
      [{ action: 'accept', content: { username: 'ada', email: 'ada at home' } }, '"ada at home"'],
      [{ action: 'decline' }, 'action=decline'],
      [{ action: 'cancel' }, 'action=cancel'],
    ] as const)('a form is answered: %j', async ([answer, said]) => {
      const asked: unknown[] = []
      client.setRequestHandler('elicitation/create', ({ params }) => {
        asked.push(params.message)
        return answer
      })
      expect(await textOf('test_elicitation', { message: 'Who are you?' })).toContain(said)
      expect(asked).toEqual(['Who are you?'])
      answerForms(FORM)
    })

    test.for(['accept', 'decline', 'cancel'] as const)('a page to go to is answered: %s', async (action) => {
      const asked: unknown[] = []
      client.setRequestHandler('elicitation/create', ({ params }) => {
        asked.push([params.mode, (params as { url?: string }).url])
        return { action }
      })
      expect(await textOf('elicit_url', { url: PAGE })).toContain(`action=${action}`)
      expect(asked).toEqual([['url', PAGE]])
      answerForms(FORM)
    })

    test('for the client’s model and roots are answered', async () => {
      expect(await textOf('test_sampling', { prompt: 'How are you?' })).toBe('LLM response: Good day')
      expect(await textOf('list_roots')).toBe('file:///home/ada')
    })

    test('several at once and several rounds are answered', async () => {
      expect(await textOf('test_input_required_result_multiple_inputs')).toBe('Good day Ada, with 1 roots')
      expect(await textOf('test_input_required_result_multi_round')).toBe('Ada likes green')
      expect(await textOf('test_input_required_result_request_state')).toBe('state-ok: confirmed=true')
    })

    test('of prompts and resources are answered', async () => {
      const { messages } = await client.getPrompt({ name: 'test_input_required_result_prompt' })
      expect(messages).toHaveLength(1)
      const { contents } = await client.readResource({ uri: 'test://guarded' })
      expect(contents[0]).toMatchObject({ text: 'For Ada' })
    })

    test('a client that cannot be asked gets an end, and the server an answer', async () => {
      const mute = await muteClient(slug, era)
      const ended = mute.callTool({ name: 'test_sampling', arguments: { prompt: 'x' } }).then(
        ({ isError }) => isError,
        (error: Error) => error.message,
      )
      expect(await ended).toSatisfy((end: unknown) => end === true || typeof end === 'string')
      expect(await textOf('test_simple_text', {}, mute)).toContain('simple text')
      expect(await textOf('test_input_required_result_capabilities', {}, mute)).toContain('nothing')
      await mute.close()
    })

    test('a client is asked for nothing that it did not say it can answer', async () => {
      const speaker = await openSpeaker({
        url: project.url(slug),
        key: project.key.secret,
        era,
        withSession: true,
        capabilities: { elicitation: { form: {} } },
      })
      const params = { name: 'test_sampling', arguments: { prompt: 'x' } }
      const { result, error, told, text } = await speaker.send('tools/call', params)
      expect(error !== undefined || result?.['isError'] === true, text).toBe(true)
      expect(told.map(({ method }) => method)).not.toContain('sampling/createMessage')
      expect(text).not.toContain('sampling/createMessage"')
    })

    test('a client that goes away while it is asked ends the call', async () => {
      const label = `${era} went away from ${slug}`
      const gone = new AbortController()
      const speaker = await openSpeaker({
        url: project.url(slug),
        key: project.key.secret,
        era,
        capabilities: { elicitation: { form: {} } },
        withSession: false,
      })
      const call = speaker.send(
        'tools/call',
        { name: 'slow', arguments: { ms: 60_000, label }, _meta: { progressToken: 'p' } },
        { signal: gone.signal, onTold: () => gone.abort() },
      )
      await expect(call).rejects.toThrow()
      const cancelled = async () => {
        const { result } = await speaker.send('tools/call', { name: 'recorded_cancellations' })
        return JSON.stringify(result)
      }
      await expect.poll(cancelled, SOON).toContain(label)
    })
  })

  describe('what there is', () => {
    test('is listed and read: resources, templates, prompts, completion', async () => {
      const { resources } = await client.listResources()
      expect(resources.map(({ uri }) => uri)).toContain('test://static-text')
      const { resourceTemplates } = await client.listResourceTemplates()
      expect(resourceTemplates).toMatchObject([{ uriTemplate: 'test://template/{id}/data' }])
      for (const uri of ['test://static-text', 'test://static-binary', 'test://template/7/data']) {
        const [through, direct] = await Promise.all([
          client.readResource({ uri }),
          side.direct.readResource({ uri }),
        ])
        expect(through.contents).toEqual(direct.contents)
      }
      const { prompts } = await client.listPrompts()
      expect(prompts.map(({ name }) => name)).toContain('test_prompt_with_arguments')
      const args = { arg1: 'one', arg2: 'two' }
      const { messages } = await client.getPrompt({ name: 'test_prompt_with_arguments', arguments: args })
      expect(JSON.stringify(messages)).toContain("arg1='one', arg2='two'")
      const ref = { type: 'ref/prompt' as const, name: 'test_prompt_with_arguments' }
      const { completion } = await client.complete({ ref, argument: { name: 'arg1', value: 'par' } })
      expect(completion.values).toEqual(['paris', 'park', 'party'])
      const template = { type: 'ref/resource' as const, uri: 'test://template/{id}/data' }
      const ids = await client.complete({ ref: template, argument: { name: 'id', value: '12' } })
      expect(ids.completion.values).toEqual(['12', '123'])
    })

    test('tools are listed as the server defines them', async () => {
      const speaker = await openSpeaker({ url: project.url(slug), key: project.key.secret, era })
      const { result } = await speaker.send('tools/list')
      expect(result?.['tools']).toEqual(await definitionsOf(serverEra))
    })

    test('a resource that is not there is an error of the client’s era', async () => {
      const code =
        era === 'modern' ? -32_602 : expect.toSatisfy((each) => [-32_602, -32_002].includes(each as number))
      await expect(client.readResource({ uri: 'test://nothing' })).rejects.toMatchObject({ code })
    })
  })

  describe('changes', () => {
    test('of lists are told to who listens, and to nobody who does not', async () => {
      const told = { tools: 0, prompts: 0, resources: 0 }
      client.setNotificationHandler('notifications/tools/list_changed', () => void told.tools++)
      client.setNotificationHandler('notifications/prompts/list_changed', () => void told.prompts++)
      client.setNotificationHandler('notifications/resources/list_changed', () => void told.resources++)
      const listening =
        era === 'modern'
          ? await client.listen({ toolsListChanged: true, promptsListChanged: true })
          : await untilFollowed(
              () => told.tools > 0,
              () => textOf('test_trigger_tool_change'),
            )
      const before = { ...told }
      await textOf('test_trigger_tool_change')
      await textOf('test_trigger_prompt_change')
      await textOf('change_resource_list')
      await expect.poll(() => told.tools - before.tools, SOON).toBe(1)
      await expect.poll(() => told.prompts - before.prompts, SOON).toBe(1)
      if (era === 'legacy') await expect.poll(() => told.resources - before.resources, SOON).toBe(1)
      else expect(told.resources).toBe(0)
      await listening?.close()
    })

    test('of a resource are told to who subscribed to it, until they unsubscribe', async () => {
      const told: string[] = []
      client.setNotificationHandler(
        'notifications/resources/updated',
        ({ params }) => void told.push(params.uri),
      )
      const touch = (uri: string) => textOf('touch_resource', { uri })
      await touch(WATCHED)
      const listening =
        era === 'modern'
          ? await client.listen({ resourceSubscriptions: [WATCHED, 'test://static-binary'] })
          : undefined
      if (era === 'legacy') {
        await client.subscribeResource({ uri: WATCHED })
        await client.subscribeResource({ uri: 'test://static-binary' })
      }
      await touch('test://static-text')
      await touch(WATCHED)
      await expect.poll(() => told, SOON).toEqual([WATCHED])
      if (era === 'legacy') await client.unsubscribeResource({ uri: WATCHED })
      else await listening?.close()
      const marker =
        era === 'modern'
          ? await client.listen({ resourceSubscriptions: ['test://static-binary'] })
          : undefined
      await vi.waitFor(async () => {
        told.splice(0)
        await touch(WATCHED)
        // What comes after would come before this, were it still told.
        await touch('test://static-binary')
        await vi.waitFor(() => expect(told).toContain('test://static-binary'), { timeout: 2_000 })
        expect(told).not.toContain(WATCHED)
      }, SOON)
      await marker?.close()
    })

    test('of a resource that the policy denies by now are told no more', async () => {
      const told: string[] = []
      client.setNotificationHandler(
        'notifications/resources/updated',
        ({ params }) => void told.push(params.uri),
      )
      const both = [WATCHED, 'test://static-binary']
      const listening = era === 'modern' ? await client.listen({ resourceSubscriptions: both }) : undefined
      if (era === 'legacy') for (const uri of both) await client.subscribeResource({ uri })
      await untilFollowed(
        () => told.includes(WATCHED),
        () => textOf('touch_resource', { uri: WATCHED }),
      )
      try {
        await project.policy(
          '{ id: calls, tool: "*", decision: allow }',
          '{ id: one, method: "resources/*", tool: "*/test://static-binary", decision: allow }',
        )
        told.splice(0)
        for (const uri of both) await textOf('touch_resource', { uri })
        await expect.poll(() => told, SOON).toEqual(['test://static-binary'])
      } finally {
        await project.policy(OPEN)
      }
      await listening?.close()
      if (era === 'legacy') for (const uri of both) await client.unsubscribeResource({ uri })
    })

    test.runIf(era === 'modern')(
      'what is listened for is acknowledged as far as it is honoured',
      async () => {
        const listening = await client.listen({
          toolsListChanged: true,
          resourceSubscriptions: [WATCHED],
        })
        expect(listening.honoredFilter).toMatchObject({
          toolsListChanged: true,
          resourceSubscriptions: [WATCHED],
        })
        expect(listening.honoredFilter).not.toHaveProperty('promptsListChanged')
        await listening.close()
      },
    )
  })

  describe.runIf(era === serverEra)('tasks', () => {
    const asTask = era === 'legacy' ? { task: { ttl: 60_000 } } : {}
    /** By hand: the SDK's client knows no tasks. A session's own process knows its own tasks. */
    let speaker: Speaker
    beforeAll(async () => {
      speaker = await speakerFor(project.key)
    })
    const speakerFor = (key: Key) =>
      openSpeaker({ url: project.url(slug), key: key.secret, era, withSession: true, capabilities: TASKING })
    const ask = async (method: string, taskId: string) => {
      const { result, text } = await speaker.send(method, { taskId })
      expect(result, text).toBeDefined()
      return result ?? {}
    }

    async function begin(args: Json): Promise<string> {
      const params = { name: 'slow_compute', arguments: args, ...asTask }
      const { result, text } = await speaker.send('tools/call', params)
      const { taskId } = (result?.['task'] ?? result ?? {}) as { taskId?: string }
      expect(taskId, text).toBeTypeOf('string')
      return taskId ?? ''
    }

    test('are fetched by an id that is ours, and give the call’s result', async () => {
      const taskId = await begin({ seconds: 0, label: 'worked' })
      await expect.poll(async () => (await ask('tasks/get', taskId))['status'], SOON).toBe('completed')
      const seen = await ask('tasks/get', taskId)
      expect(seen['taskId']).toBe(taskId)
      const result = era === 'modern' ? seen['result'] : await ask('tasks/result', taskId)
      expect(result).toMatchObject({ content: [{ text: 'worked after 0 s' }] })
      expect(side.heard()).toContain('tasks/get')
    })

    test('are cancelled, and only by who may', async () => {
      const taskId = await begin({ seconds: 600 })
      const stranger = await speakerFor(await project.addKey({ name: 'other' }))
      const { error } = await stranger.send('tasks/cancel', { taskId })
      expect(error?.code).toBe(-32_602)
      expect((await ask('tasks/get', taskId))['status']).toBe('working')
      await ask('tasks/cancel', taskId)
      expect((await ask('tasks/get', taskId))['status']).toBe('cancelled')
    })
  })
})

/** A client's stream for what is told outside of requests opens beside its calls. */
async function untilFollowed(isTold: () => boolean, change: () => Promise<unknown>): Promise<undefined> {
  await vi.waitFor(async () => {
    await change()
    await vi.waitFor(() => expect(isTold()).toBe(true), { timeout: 500, interval: 10 })
  }, SOON)
}

/** What the fixture lists, by whatever transport. */
async function definitionsOf(era: Era): Promise<unknown> {
  await using fixture = await startFixture({ era })
  const speaker = await openSpeaker({ url: fixture.url, key: 'none', era, withSession: true })
  return (await speaker.send('tools/list')).result?.['tools']
}

function withoutMeta(result: object): object {
  const { _meta, resultType, ...rest } = result as Json
  void [_meta, resultType]
  return rest
}
