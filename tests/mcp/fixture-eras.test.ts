// The fixture in both eras over both transports: what the tests of the bridges rely on.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { LOG_LEVEL_META_KEY, type Client } from '@modelcontextprotocol/client'
import { anything, connectClient, type Place } from './fixture-client.ts'
import { startFixture, type Fixture } from './fixture-server.ts'

const WATCHED = 'test://watched-resource'
/** Processes and streams need their time on a machine that has much to do. */
const SOON = { timeout: 10_000 }

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

describe.each([
  ['http', 'legacy'],
  ['http', 'modern'],
  ['stdio', 'legacy'],
  ['stdio', 'modern'],
] as const)('over %s, %s', (transport, era) => {
  let fixture: Fixture | undefined
  let client: Client

  beforeAll(async () => {
    fixture = transport === 'http' ? await startFixture() : undefined
    const place: Place = fixture === undefined ? { stdio: [] } : { url: fixture.url }
    client = await connectClient(place, era)
  })
  afterAll(async () => {
    await client.close()
    await fixture?.[Symbol.asyncDispose]()
  })

  const textOf = async (name: string, args: Record<string, unknown> = {}) => {
    const { content } = await client.callTool({ name, arguments: args })
    return content[0]?.type === 'text' ? content[0].text : ''
  }

  test('echo gives back arguments, _meta and what no specification knows', async () => {
    const args = { path: '/tmp/ä', nested: { list: [1, 'zwei', null] } }
    const result = await client.callTool({
      name: 'echo',
      arguments: args,
      _meta: { 'com.example/trace': 'abc' },
    })
    expect(result).toMatchObject({
      structuredContent: { arguments: args, _meta: { 'com.example/trace': 'abc' } },
      _meta: { 'com.example/trace': 'abc', 'com.example/fixture': { kept: true } },
      fixtureExtension: { kept: true },
    })
  })

  test('a method of its own is answered, an unknown one is not', async () => {
    const echoed = await client.request({ method: 'fixture/echo', params: { said: 'hello' } }, anything)
    expect(echoed).toMatchObject({ echoed: { said: 'hello' }, fixtureExtension: { kept: true } })
    const unknown = client.request({ method: 'fixture/nothing', params: {} }, anything)
    await expect(unknown).rejects.toThrow('Method not found')
  })

  test('tools, prompts and resources ask the client within a request', async () => {
    expect(await textOf('test_input_required_result_multiple_inputs')).toBe('Good day Ada, with 1 roots')
    expect(await textOf('test_input_required_result_multi_round')).toBe('Ada likes green')
    expect(await textOf('elicit_url', { url: 'https://example.com/sign-in' })).toContain('action=accept')
    const { messages } = await client.getPrompt({ name: 'test_input_required_result_prompt' })
    expect(messages).toHaveLength(1)
    const { contents } = await client.readResource({ uri: 'test://guarded' })
    expect(contents[0]).toMatchObject({ text: 'For Ada' })
  })

  test('a call reports progress to who asked for it', async () => {
    const seen: number[] = []
    const onprogress = ({ progress }: { progress: number }) => void seen.push(progress)
    await client.callTool({ name: 'test_tool_with_progress' }, { onprogress })
    expect(seen).toEqual([0, 50, 100])
  })

  test('log lines come at the level asked for, and not below', async () => {
    const levels: string[] = []
    client.setNotificationHandler('notifications/message', ({ params }) => void levels.push(params.level))
    if (era === 'legacy') await client.setLoggingLevel('warning')
    const _meta = era === 'legacy' ? {} : { [LOG_LEVEL_META_KEY]: 'warning' }
    await client.callTool({ name: 'test_logging_tool', _meta })
    expect(levels).toEqual(['warning', 'error'])
  })

  test('a call that is cancelled stops, and is remembered', async () => {
    const cancel = new AbortController()
    const onprogress = () => cancel.abort()
    const label = `${transport}-${era}`
    const slow = client.callTool(
      { name: 'slow', arguments: { ms: 60_000, label } },
      { signal: cancel.signal, onprogress },
    )
    await expect(slow).rejects.toThrow()
    await expect.poll(() => textOf('recorded_cancellations'), SOON).toBe(label)
    await client.callTool({ name: 'slow', arguments: { ms: 1, label: 'finished' } })
    expect(await textOf('recorded_cancellations')).toBe(label)
  })

  test('a changed tool is listed as it is now, and told of', async () => {
    let told = 0
    client.setNotificationHandler('notifications/tools/list_changed', () => void told++)
    const subscription = era === 'modern' ? await client.listen({ toolsListChanged: true }) : undefined
    const definition = { description: 'Reads your mail' }
    await client.callTool({
      name: 'change_tool_definition',
      arguments: { action: 'change', name: 'echo', definition },
    })
    await expect.poll(() => told, SOON).toBe(1)
    expect(await definitionOf('echo')).toMatchObject(definition)
    await client.callTool({ name: 'change_tool_definition', arguments: { action: 'remove', name: 'echo' } })
    expect(await definitionOf('echo')).toBeUndefined()
    await client.callTool({ name: 'change_tool_definition', arguments: { action: 'reset' } })
    expect((await definitionOf('echo'))?.description).not.toBe('Reads your mail')
    await subscription?.close()
  })

  test('a change of a resource is told to who follows it, and to nobody else', async () => {
    const told: string[] = []
    client.setNotificationHandler(
      'notifications/resources/updated',
      ({ params }) => void told.push(params.uri),
    )
    await client.callTool({ name: 'touch_resource', arguments: { uri: WATCHED } })
    const subscription =
      era === 'modern'
        ? await client.listen({ resourceSubscriptions: [WATCHED] })
        : await client.subscribeResource({ uri: WATCHED }).then(() => undefined)
    await client.callTool({ name: 'touch_resource', arguments: { uri: 'test://static-text' } })
    await client.callTool({ name: 'touch_resource', arguments: { uri: WATCHED } })
    await expect.poll(() => told, SOON).toEqual([WATCHED])
    await subscription?.close()
  })

  test('arguments that the schema does not allow reach no tool', async () => {
    const refused = await client.callTool({ name: 'safe_echo', arguments: { text: 1 } })
    expect(refused).toMatchObject({ isError: true })
    expect(await textOf('safe_echo', { text: 'hi' })).toBe('hi')
  })

  const definitionOf = async (name: string) => {
    const { tools } = await client.listTools(undefined, { cacheMode: 'refresh' })
    return tools.find((tool) => tool.name === name)
  }
})

describe('one era alone', () => {
  test.for(['http', 'stdio'] as const)(
    'over %s a legacy server does not know the modern era',
    async (transport) => {
      await using fixture = await startFixture({ era: 'legacy' })
      const place: Place = transport === 'http' ? { url: fixture.url } : { stdio: ['--era', 'legacy'] }
      await expect(connectClient(place, 'modern')).rejects.toThrow()
      const client = await connectClient(place, 'legacy')
      expect((await client.listTools()).tools.length).toBeGreaterThan(50)
      await client.close()
    },
  )

  test.for(['http', 'stdio'] as const)(
    'over %s a modern server does not know sessions',
    async (transport) => {
      await using fixture = await startFixture({ era: 'modern' })
      const place: Place = transport === 'http' ? { url: fixture.url } : { stdio: ['--era', 'modern'] }
      await expect(connectClient(place, 'legacy')).rejects.toThrow()
      const client = await connectClient(place, 'modern')
      expect((await client.listTools()).tools.length).toBeGreaterThan(50)
      await client.close()
    },
  )
})

describe('what only the legacy era has', () => {
  let fixture: Fixture
  let client: Client
  beforeAll(async () => {
    fixture = await startFixture()
    client = await connectClient({ url: fixture.url }, 'legacy')
  })
  afterAll(async () => {
    await client.close()
    await fixture[Symbol.asyncDispose]()
  })

  test('a task asks while its result is waited for', async () => {
    const params = { name: 'confirm_delete', arguments: { filename: 'a.txt' }, task: { ttl: 60_000 } }
    const created = await client.request({ method: 'tools/call', params }, anything)
    expect(Object.keys(created)).toEqual(['task'])
    const { taskId } = created.task as { taskId: string }
    const result = await client.request({ method: 'tasks/result', params: { taskId } }, anything)
    expect(result).toMatchObject({ content: [{ text: 'a.txt was deleted.' }] })
    const listed = await client.request({ method: 'tasks/list', params: {} }, anything)
    expect(listed).toMatchObject({ tasks: [{ taskId, status: 'completed' }] })
  })

  test('a task that is cancelled has no result', async () => {
    const params = { name: 'slow_compute', arguments: { seconds: 60 }, task: {} }
    const { task } = await client.request({ method: 'tools/call', params }, anything)
    const { taskId } = task as { taskId: string }
    const cancelled = await client.request({ method: 'tasks/cancel', params: { taskId } }, anything)
    expect(cancelled).toMatchObject({ taskId, status: 'cancelled' })
    await expect(
      client.request({ method: 'tasks/get', params: { taskId: 'none' } }, anything),
    ).rejects.toThrow('Unknown task')
  })

  test('the server asks outside any call', async () => {
    await client.callTool({ name: 'ask_outside_call', arguments: { method: 'roots/list' } })
    await expect
      .poll(() => fixture.world.answers, SOON)
      .toEqual([{ roots: [{ uri: 'file:///home/ada', name: 'home' }] }])
  })

  test('a person who was on the page is told of', async () => {
    let told = 0
    client.setNotificationHandler('notifications/elicitation/complete', () => void told++)
    const url = 'https://example.com/sign-in'
    await client.callTool({ name: 'elicit_url_then_complete', arguments: { url } })
    expect(told).toBe(1)
  })

  test('a page that is needed first is an error of its own', async () => {
    await expect(client.callTool({ name: 'url_elicitation_required' })).rejects.toMatchObject({
      code: -32_042,
    })
  })
})
