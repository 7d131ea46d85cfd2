// Clients of the official SDKs through `wrap` onto a server with every feature of the protocol.
import { LOG_LEVEL_META_KEY } from '@modelcontextprotocol/client'
import { describe, expect, test, vi } from 'vitest'
import { anything, newClient, oldClient, wrappedFixture, type Era } from './sdk-clients.ts'

vi.setConfig({ testTimeout: 40_000 })

const policy = `version: 1
rules:
  - { id: no-delete, tool: fix/danger_delete, decision: deny }
  - { id: shut, tool: 'fix/test://static-*', method: '*', decision: deny }
  - { id: all, tool: 'fix/*', method: '*', decision: allow }
`
const WATCHED = 'test://watched-resource'
const SOON = { timeout: 10_000 }

describe.each(['legacy', 'modern'] as const)('a client and a server of the %s era', (era) => {
  const texts = ({ content }: { content: { type: string }[] }) =>
    content.map((each) => ('text' in each ? (each.text as string) : each.type))

  test('call tools with _meta, extensions and methods that no revision knows', async () => {
    using fixture = wrappedFixture(policy, era)
    await using connected = await newClient(fixture, era)
    const { client } = connected
    expect((await client.listTools()).tools.length).toBeGreaterThan(50)
    const args = { path: '/tmp/ä', nested: { list: [1, 'zwei', null] } }
    const _meta = { 'com.example/trace': 'abc' }
    expect(await client.callTool({ name: 'echo', arguments: args, _meta })).toMatchObject({
      structuredContent: { arguments: args, _meta },
      _meta: { ..._meta, 'com.example/fixture': { kept: true } },
      fixtureExtension: { kept: true },
    })
    const echoed = await client.request({ method: 'fixture/echo', params: { said: 'hello' } }, anything)
    expect(echoed).toMatchObject({ echoed: { said: 'hello' }, fixtureExtension: { kept: true } })
    const denied = await client.callTool({ name: 'danger_delete', arguments: { path: 'canary' } })
    expect(denied).toMatchObject({
      isError: true,
      _meta: { 'io.mcpshield/decision': { rule: 'no-delete' } },
    })
    await expect(client.readResource({ uri: 'test://static-text' })).rejects.toMatchObject({ code: -31_403 })
    expect(fixture.received()).not.toMatch(/danger_delete|canary|static-text/)
  })

  test('ask and answer within tools, prompts and resources, in one round and in several', async () => {
    using fixture = wrappedFixture(policy, era)
    await using connected = await newClient(fixture, era)
    const { client } = connected
    const call = async (name: string, args = {}) => texts(await client.callTool({ name, arguments: args }))
    expect(await call('test_input_required_result_multiple_inputs')).toEqual(['Good day Ada, with 1 roots'])
    expect(await call('test_input_required_result_multi_round')).toEqual(['Ada likes green'])
    expect(await call('test_input_required_result_request_state')).toEqual(['state-ok: confirmed=true'])
    expect(await call('test_sampling', { prompt: 'hi' })).toEqual(['LLM response: Good day'])
    expect((await client.getPrompt({ name: 'test_input_required_result_prompt' })).messages).toHaveLength(1)
    expect((await client.readResource({ uri: 'test://guarded' })).contents[0]).toMatchObject({
      text: 'For Ada',
    })
  })

  test('report progress, log, cancel and complete', async () => {
    using fixture = wrappedFixture(policy, era)
    await using connected = await newClient(fixture, era)
    const { client } = connected
    const seen: number[] = []
    const levels: string[] = []
    client.setNotificationHandler('notifications/message', ({ params }) => void levels.push(params.level))
    await client.callTool(
      { name: 'test_tool_with_progress' },
      { onprogress: ({ progress }) => void seen.push(progress) },
    )
    expect(seen).toEqual([0, 50, 100])
    if (era === 'legacy') await client.setLoggingLevel('warning')
    const _meta = era === 'legacy' ? {} : { [LOG_LEVEL_META_KEY]: 'warning' }
    await client.callTool({ name: 'test_logging_tool', _meta })
    expect(levels).toEqual(['warning', 'error'])
    const cancel = new AbortController()
    const slow = client.callTool(
      { name: 'slow', arguments: { ms: 60_000, label: 'mine' } },
      { signal: cancel.signal, onprogress: () => cancel.abort() },
    )
    await expect(slow).rejects.toThrow()
    const recorded = async () => texts(await client.callTool({ name: 'recorded_cancellations' }))
    await expect.poll(recorded, SOON).toEqual(['mine'])
    const ref = { type: 'ref/prompt' as const, name: 'test_simple_prompt' }
    const { completion } = await client.complete({ ref, argument: { name: 'a', value: 'par' } })
    expect(completion.values).toContain('paris')
  })

  test('tell of changes to who asked for them, and of none of a resource that is denied', async () => {
    using fixture = wrappedFixture(policy, era)
    await using connected = await newClient(fixture, era)
    const { client } = connected
    const told: string[] = []
    client.setNotificationHandler('notifications/resources/updated', ({ params }) => {
      told.push(params.uri)
    })
    client.setNotificationHandler('notifications/tools/list_changed', () => void told.push('tools'))
    const shut = 'test://static-text'
    const streams =
      era === 'modern'
        ? [
            await client.listen({ resourceSubscriptions: [shut, WATCHED] }),
            await client.listen({ toolsListChanged: true }),
          ]
        : await client.subscribeResource({ uri: WATCHED }).then(() => [])
    if (era === 'legacy')
      await expect(client.subscribeResource({ uri: shut })).rejects.toMatchObject({ code: -31_403 })
    for (const uri of [shut, WATCHED]) await client.callTool({ name: 'touch_resource', arguments: { uri } })
    await client.callTool({ name: 'test_trigger_tool_change' })
    await expect.poll(() => told, SOON).toEqual([WATCHED, 'tools'])
    expect(subscribed(fixture.received())).not.toContain(shut)
    for (const stream of streams) await stream.close()
    await expect
      .poll(() => fixture.received().match(/notifications\/cancelled/g)?.length ?? 0, SOON)
      .toBe(streams.length)
  })
})

/** What was asked to be told of: the lines that subscribe. */
function subscribed(received: string): string {
  const lines = received
    .split('\n')
    .filter((line) => /"method":"(resources\/subscribe|subscriptions)/.test(line))
  expect(lines.length).toBeGreaterThan(0)
  return lines.join('\n')
}

test('a client of the 1.x SDK sees the same server, and nothing of what is denied', async () => {
  using fixture = wrappedFixture(policy, 'both')
  await using connected = await oldClient(fixture)
  const { client } = connected
  expect((await client.listTools()).tools.length).toBeGreaterThan(50)
  const result = await client.callTool({ name: 'test_input_required_result_multiple_inputs' })
  expect(result).toMatchObject({ content: [{ text: 'Good day Ada, with 1 roots' }] })
  expect(await client.callTool({ name: 'danger_delete' })).toMatchObject({ isError: true })
  expect(fixture.received()).not.toContain('danger_delete')
})

test.for<[Era, Era]>([
  ['legacy', 'modern'],
  ['modern', 'legacy'],
])('a %s client in front of a %s server gets the server’s own answer', async ([client, server]) => {
  using fixture = wrappedFixture(policy, server)
  await expect(newClient(fixture, client)).rejects.toThrow()
})
