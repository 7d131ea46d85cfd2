// Calls that a rule wants a person's word on: the one at the client is asked.
import { readFileSync } from 'node:fs'
import { describe, expect, test, vi } from 'vitest'
import { modern } from './modern-requests.ts'
import { newClient, oldClient, wrappedFixture } from './sdk-clients.ts'
import { decisionOf, textOf, wrapped, type Message } from './wrapped.ts'

vi.setConfig({ testTimeout: 30_000 })

const policy = `version: 1
rules:
  - { id: careful, tool: fix/safe_echo, decision: ask }
  - { id: name, tool: 'fix/test_input_required_result_multi_round', decision: ask }
  - { id: all, tool: 'fix/*', decision: allow }
`
const echo = { name: 'safe_echo', arguments: { text: 'canary' } }

describe.each([
  ['1.x client', 'legacy'],
  ['2.x client', 'legacy'],
  ['2.x client', 'modern'],
] as const)('the person at a %s, %s', (generation, era) => {
  const connect = (fixture: ReturnType<typeof wrappedFixture>) =>
    generation === '1.x client' ? oldClient(fixture) : newClient(fixture, era)

  test('is shown exactly the call, and lets it run once', async () => {
    using fixture = wrappedFixture(policy, 'both', ['--log', 'LOG'])
    fixture.argv[fixture.argv.indexOf('LOG')] = fixture.path('log')
    await using connected = await connect(fixture)
    const { client, person } = connected
    const first = await client.callTool(echo)
    expect(first).toMatchObject({ content: [{ text: 'canary' }] })
    expect(person.asked).toHaveLength(1)
    expect(person.asked[0]?.message).toContain(
      'The rule careful wants a person’s approval for fix/safe_echo.',
    )
    expect(person.asked[0]?.message).toContain('\n{\n  "text": "canary"\n}\n')
    await client.callTool(echo)
    expect(person.asked).toHaveLength(2)
    const log = readFileSync(fixture.path('log'), 'utf8').trim().split('\n')
    expect(log.map((line) => JSON.parse(line) as object)).toMatchObject([
      { decision: 'ask', rule: 'careful' },
      { decision: 'allow', rule: 'careful', approved: true },
      { decision: 'ask' },
      { decision: 'allow' },
    ])
  })

  test('refuses by declining and by looking away, and nothing reaches the server', async () => {
    using fixture = wrappedFixture(policy)
    await using connected = await connect(fixture)
    const { client, person } = connected
    for (const action of ['decline', 'cancel'] as const) {
      person.action = action
      expect(await client.callTool(echo)).toMatchObject({
        isError: true,
        content: [{ text: 'Denied by rule careful: The person at the client refused this call.' }],
        _meta: { 'io.mcpshield/decision': { decision: 'deny', rule: 'careful' } },
      })
    }
    expect(fixture.received()).not.toMatch(/safe_echo|canary/)
  })

  test('is asked about a call once, in however many rounds the server asks for more', async () => {
    using fixture = wrappedFixture(policy)
    await using connected = await connect(fixture)
    const { client, person } = connected
    const result = await client.callTool({ name: 'test_input_required_result_multi_round' })
    expect(result).toMatchObject({ content: [{ text: 'Ada likes green' }] })
    expect(person.asked.map(({ message }) => message.slice(0, 13))).toEqual([
      'The rule name',
      'Step 1: What ',
      'Step 2: What ',
    ])
  })
})

const write = `version: 1
rules: [{ id: write, tool: box/echo, decision: ask, timeout: 1s }, { id: any, tool: 'box/*', decision: allow }]
`
const call = { name: 'echo', arguments: { text: 'canary' } }
const init = { protocolVersion: '2025-11-25', clientInfo: { name: 'a', version: '1' } }

describe('an approval', () => {
  const approvalOf = ({ result }: Message) => result as { requestState: string; inputRequests: object }
  const retry = (state: string, action: string, params: object = call) =>
    modern({
      ...params,
      requestState: state,
      inputResponses: { 'io.mcpshield/approval': { action }, other: { action: 'accept' } },
    })

  test('is good once, for the call that was shown and no other', async () => {
    await using client = wrapped(write.replace('1s', '1m'))
    const ask = async (id: string) => approvalOf(await client.ask(id, 'tools/call', modern(call)))
    const { requestState, inputRequests } = await ask('first')
    expect(Object.keys(inputRequests)).toEqual(['io.mcpshield/approval'])
    const other = { name: 'echo', arguments: { text: 'another' } }
    const changed = await client.ask(1, 'tools/call', retry(requestState, 'accept', other))
    expect(changed.error?.message).toContain('belongs to another call')
    const forged = await client.ask(2, 'tools/call', retry('0193', 'accept'))
    expect(forged.error?.message).toContain('none that was given out')
    expect(client.received()).toBe('')
    expect(textOf(await client.ask(3, 'tools/call', retry(requestState, 'accept')))).toBe('canary')
    const [sent] = client.received().trim().split('\n')
    expect(JSON.parse(sent ?? '')).toMatchObject({ params: { inputResponses: { other: {} } } })
    expect(sent).not.toMatch(/approval|requestState/)
    const again = await client.ask(4, 'tools/call', retry(requestState, 'accept'))
    expect(again.error?.message).toContain('or was used')
    expect(client.received().trim().split('\n')).toHaveLength(1)
  })

  test('without the question that it answers is none', async () => {
    await using client = wrapped(write)
    const inputResponses = { 'io.mcpshield/approval': { action: 'accept' } }
    const asked = await client.ask(1, 'tools/call', modern({ ...call, inputResponses }))
    expect(asked.result).toMatchObject({ resultType: 'input_required' })
    expect(client.received()).toBe('')
  })

  test('that comes too late is none', async () => {
    await using client = wrapped(write)
    const asked = approvalOf(await client.ask(0, 'tools/call', modern(call)))
    await new Promise((resolve) => setTimeout(resolve, 1_100)) // The rule's own time must pass.
    const late = await client.ask(1, 'tools/call', retry(asked.requestState, 'accept'))
    expect(textOf(late)).toContain('Nobody approved this call in time.')
    expect(client.received()).toBe('')
  })

  test('that nobody gives in time is taken back, and the call refused', async () => {
    await using client = wrapped(write)
    await client.ask('i', 'initialize', { ...init, capabilities: { elicitation: {} } })
    client.send({ id: 1, method: 'tools/call', params: call })
    const question = await client.wait(({ method }) => method === 'elicitation/create')
    expect(textOf(await client.wait(({ id }) => id === 1))).toContain('Nobody approved this call in time.')
    expect(client.messages).toContainEqual(
      expect.objectContaining({
        method: 'notifications/cancelled',
        params: expect.objectContaining({ requestId: question.id }) as object,
      }),
    )
    client.send({ id: question.id, result: { action: 'accept' } })
    expect((await client.ask(2, 'ping')).result).toEqual({})
    expect(client.received()).not.toContain('canary')
  })

  test('is not wanted any more when the client takes the call back; other calls go on meanwhile', async () => {
    await using client = wrapped(write.replace('1s', '1m'))
    await client.ask('i', 'initialize', { ...init, capabilities: { elicitation: {} } })
    client.send({ id: 1, method: 'tools/call', params: call })
    const question = await client.wait(({ method }) => method === 'elicitation/create')
    expect(textOf(await client.call(2, 'bytes', { bytes: 3 }))).toBe('xxx')
    client.send({ method: 'notifications/cancelled', params: { requestId: 1 } })
    await client.wait(({ method }) => method === 'notifications/cancelled')
    client.send({ id: question.id, result: { action: 'accept' } })
    expect((await client.ask(3, 'ping')).result).toEqual({})
    expect(client.received()).not.toContain('canary')
    expect(client.messages.filter(({ id }) => id === 1)).toEqual([])
  })
})

describe('nobody can be asked', () => {
  const refusedBecause = async (why: string, args: string[], capabilities: object, params: object = call) => {
    await using client = wrapped(write, args)
    await client.ask('i', 'initialize', { ...init, capabilities })
    for (const [id, asked] of [params, modern(params, capabilities)].entries()) {
      const refused = await client.ask(id, 'tools/call', asked)
      expect(textOf(refused)).toContain(why)
      expect(decisionOf(refused)).toMatchObject({ decision: 'ask', rule: 'write' })
    }
    expect(client.received()).not.toContain('canary')
  }
  test('at a client that takes no questions', () =>
    refusedBecause('this client takes no questions', [], { elicitation: { url: {} } }))
  test('with --no-ask', () => refusedBecause('--no-ask', ['--no-ask'], { elicitation: {} }))
  test('about a call that is too long to be shown', () =>
    refusedBecause(
      'too long to be shown',
      [],
      { elicitation: {} },
      { name: 'echo', arguments: { text: 'canary'.repeat(1_000) } },
    ))

  test('about a method whose answer cannot be a question', async () => {
    await using client = wrapped(
      'version: 1\nrules: [{ tool: box/a, method: completion/complete, decision: ask }]\n',
    )
    const ref = { type: 'ref/prompt', name: 'a' }
    const params = modern({ ref, argument: { name: 'a', value: 'canary' } })
    expect((await client.ask(1, 'completion/complete', params)).error?.code).toBe(-31403)
    expect(client.received()).toBe('')
  })
})
