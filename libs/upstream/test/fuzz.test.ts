// Whatever a server says, however it is cut: nothing throws, and no request gets what was not said to it.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'
import { openChannel } from '../src/channel.ts'
import { readEvents } from '../src/events.ts'
import { answerTo } from '../src/incoming.ts'
import { openChannelLink } from '../src/legacy-channel.ts'
import type { LinkEvents } from '../src/link.ts'
import { openModernChannel } from '../src/modern-channel.ts'
import { headerParams } from '../src/tool-headers.ts'
import { parseUpstreamJson } from '../src/upstream-json.ts'
import { silent } from './speakers.ts'

const json = fc.jsonValue() as fc.Arbitrary<JsonValue>
const oneOf = (...values: JsonValue[]) => fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...values) }, json)
const params = fc.oneof(
  json,
  fc.record(
    {
      progressToken: oneOf(1, 2, 'mine'),
      requestId: oneOf(1, 2, 'q'),
      uri: oneOf('a:1', 'a:1/b'),
      _meta: oneOf({}, { 'io.modelcontextprotocol/subscriptionId': 1 }),
      notifications: oneOf({ toolsListChanged: true }),
    },
    { requiredKeys: [] },
  ),
)
const message = fc.record(
  {
    jsonrpc: oneOf('2.0'),
    id: oneOf(1, 2, 'q', null),
    method: oneOf(
      'ping',
      'elicitation/create',
      'notifications/progress',
      'notifications/cancelled',
      'notifications/tools/list_changed',
      'notifications/resources/updated',
      'notifications/subscriptions/acknowledged',
    ),
    params,
    result: oneOf({}, { task: { taskId: 't' } }),
    error: oneOf({ code: 1, message: 'x' }),
  },
  { requiredKeys: [] },
) as unknown as fc.Arbitrary<JsonObject>

const events: LinkEvents = {
  onNotification: () => undefined,
  onRequest: () => Promise.resolve({ result: {} }),
  onChange: () => undefined,
  onEnd: () => undefined,
  isListened: () => false,
}

test('a session of the legacy era takes any message', async () => {
  const sent: JsonObject[] = []
  const channel = openChannel('up', (said) => void sent.push(said))
  const options = { startTimeoutMs: 1_000, close: () => Promise.resolve(), log: silent }
  const opening = openChannelLink(channel, { clientInfo: {}, capabilities: {} }, events, options)
  const result = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: {} }
  channel.receive({ id: sent[0]?.['id'] ?? 0, result })
  const link = await opening
  void link
    .request('tools/call', { _meta: { progressToken: 'mine' } }, { timeoutMs: 60_000 })
    .catch(() => undefined)
  fc.assert(
    fc.property(message, (said) => channel.receive(said)),
    { numRuns: 3_000 },
  )
  channel.fail(new Error('over'))
})

test('a modern server takes any message, and answers only what was asked of it', async () => {
  const sent: JsonObject[] = []
  const channel = openChannel('up', (said) => void sent.push(said))
  const modern = openModernChannel(channel, silent)
  const answers: unknown[] = []
  const sender = { speakerId: 'ada', meta: {} }
  const asked = modern
    .request(sender, 'tools/call', {}, { timeoutMs: 60_000 })
    .then((answer) => answers.push(answer))
  const mine = sent[0]?.['id']
  fc.assert(
    fc.property(message, (said) => {
      fc.pre(said['id'] !== mine)
      channel.receive(said)
    }),
    { numRuns: 3_000 },
  )
  expect(answers).toEqual([])
  channel.receive({ id: mine ?? 0, result: { mine: true } })
  await asked
  expect(answers).toEqual([{ result: { mine: true } }])
})

test('an answer is only taken from a message that is one', () => {
  fc.assert(
    fc.property(message, (said) => {
      const answer = answerTo(1, said)
      if (answer === undefined) return
      expect(said['method']).toBeUndefined()
      expect('error' in answer || said['id'] === 1).toBe(true)
    }),
  )
})

test('an event stream gives the same messages however it is cut', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 5 }), fc.integer({ min: 1, max: 50 }), (said, size) => {
      const read: JsonObject[] = []
      const take = readEvents({ onMessage: (each) => (read.push(each), false) })
      const bytes = Buffer.from(said.map((each) => `data: ${JSON.stringify(each)}\n\n`).join(''))
      for (let at = 0; at < bytes.length; at += size) take.take(bytes.subarray(at, at + size))
      expect(JSON.stringify(read)).toBe(JSON.stringify(said))
    }),
  )
})

test('any JSON is read as it is written, and anything else is nothing', () => {
  fc.assert(
    fc.property(json, (value) => {
      const text = JSON.stringify(value)
      expect(JSON.stringify(parseUpstreamJson(text))).toBe(text)
    }),
  )
  fc.assert(fc.property(fc.string(), (text) => void parseUpstreamJson(text)))
  const digits = fc.stringMatching(/^-?(0|[1-9]\d{0,30})(\.\d{1,30})?([eE][+-]?\d{1,3})?$/)
  fc.assert(
    fc.property(digits, (number) => {
      const value = parseUpstreamJson(`{"a":[${number}]}`)
      const written = JSON.stringify(value).slice(6, -2)
      expect(written === number || Number(written) === Number(number)).toBe(true)
      if (/[eE]/.test(number) || number.replace('-', '').length >= 16) expect(written).toBe(number)
    }),
  )
})

test('any schema has mirrored parameters or a reason why not', () => {
  const annotation = fc.record({ type: oneOf('string', 'number'), 'x-mcp-header': oneOf('A', 'a b') })
  const schema = fc.record({
    properties: fc.dictionary(fc.string(), fc.oneof(json, annotation)),
    anyOf: json,
  })
  fc.assert(
    fc.property(fc.oneof(json, schema as unknown as typeof json), (value) => void headerParams(value)),
  )
})
