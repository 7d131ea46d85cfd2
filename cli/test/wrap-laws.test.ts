// Whatever a client and a server say: what is denied does not reach the server, and nothing breaks.
import fc from 'fast-check'
import { parsePolicy } from '@mcpshield/policy/parse'
import { expect, test } from 'vitest'
import { NO_SYSTEMS } from '../src/systems-file.ts'
import { openJudge } from '../src/wrap/judge.ts'
import { inForce } from '../src/wrap/policy-in-force.ts'
import { everyRecord } from '../src/wrap/records.ts'
import { openRelay } from '../src/wrap/relay.ts'
import { modern } from './modern-requests.ts'

const PASSING = [
  ...['initialize', 'server/discover', 'ping', 'logging/setLevel'],
  ...['tools/list', 'resources/list', 'resources/templates/list', 'prompts/list'],
]
const DECIDED = [
  ...['tools/call', 'prompts/get', 'resources/read', 'resources/subscribe', 'resources/unsubscribe'],
  ...['completion/complete', 'tasks/get', 'tasks/result', 'tasks/cancel', 'tasks/update', 'tasks/list'],
  ...['vendor/do', 'toString', '__proto__', 'notifications/initialized', 'sampling/createMessage', ''],
]
const id = fc.oneof(fc.integer({ min: 0, max: 4 }), fc.constantFrom('a', null, 1.5, {}), fc.string())
const uri = fc.constantFrom('file:///canary', 'test://canary/../x', 'canary')
const params = fc.oneof(
  fc.record(
    {
      name: fc.oneof(fc.constant('canary'), fc.jsonValue()),
      uri,
      arguments: fc.oneof(fc.constant({ path: '/canary' }), fc.jsonValue()),
      ref: fc.record({ type: fc.constantFrom('ref/prompt', 'ref/resource', 'x'), name: uri, uri }),
      taskId: fc.constantFrom('canary', 'task-1'),
      requestState: fc.constantFrom('canary', 1),
      inputResponses: fc.constantFrom({ 'io.mcpshield/approval': { action: 'accept' } }, 'canary'),
      notifications: fc.record({ resourceSubscriptions: fc.array(uri), toolsListChanged: fc.boolean() }),
      requestId: id,
      protocolVersion: fc.constant('2025-11-25'),
      capabilities: fc.constant({ elicitation: {} }),
    },
    { requiredKeys: [] },
  ),
  fc.jsonValue(),
)
const era = fc.boolean()
const clientMessage = fc
  .tuple(
    fc.constantFrom(...PASSING, ...DECIDED, 'subscriptions/listen', 'notifications/cancelled'),
    id,
    params,
    era,
  )
  .map(([method, own, given, isModern]) => ({
    jsonrpc: '2.0',
    ...(own === null ? {} : { id: own }),
    method,
    params: isModern && typeof given === 'object' && given !== null ? modern(given) : given,
  }))
const answer = fc.record(
  { jsonrpc: fc.constant('2.0'), id, result: fc.oneof(fc.jsonValue(), params) },
  { requiredKeys: ['jsonrpc'] },
)
const line = fc.oneof(clientMessage, answer, fc.jsonValue()).map((message) => JSON.stringify(message))

async function relayed(policy: string) {
  const parsed = parsePolicy(policy).policy
  if (parsed === undefined) throw new Error('The policy of this test is none.')
  const current = await inForce(parsed, NO_SYSTEMS, { version: null, hash: '' })
  return () => {
    const [toServer, toClient]: [string[], string[]] = [[], []]
    const relay = openRelay({
      name: 'box',
      judge: openJudge({
        policy: () => current,
        records: everyRecord([]),
        now: () => new Date(0),
        monotonicMs: () => 0,
      }),
      catalog: null,
      asks: true,
      keyedHash: () => '',
      toClient: async (text) => void toClient.push(text),
      toServer: async (text) => void toServer.push(text),
      nowMs: () => 0,
      tell: () => undefined,
    })
    return { relay, toServer, toClient }
  }
}

test.for<[string, string]>([
  ['denies everything', 'version: 1\n'],
  ['asks about everything', "version: 1\nrules: [{ tool: '*', method: '*', decision: ask }]\n"],
])('a policy that %s lets only handshakes, lists and notifications through', async ([, policy]) => {
  const start = await relayed(policy)
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.boolean(), line), { maxLength: 12 }), async (said) => {
      const { relay, toServer, toClient } = start()
      for (const [isServer, text] of said) {
        if (isServer) await relay.fromServer({ bytes: Buffer.from(text) })
        else void relay.fromClient({ bytes: Buffer.from(text) })
      }
      await new Promise((resolve) => setImmediate(resolve))
      relay.clientEnded()
      await relay.serverEnded()
      const requests = toServer.map((text) => JSON.parse(text) as { method?: string; params?: object })
      const methods = requests.flatMap(({ method }) => (method === undefined ? [] : [method]))
      expect(
        methods
          .filter((method) => !method.startsWith('notifications/'))
          .filter((method) => !PASSING.includes(method) && method !== 'subscriptions/listen'),
      ).toEqual([])
      // A stream may be open for lists; no resource is in it.
      expect(
        toServer
          .filter((text) => text.includes('resourceSubscriptions'))
          .map(uris)
          .flat(),
      ).toEqual([])
      for (const text of toClient)
        expect(text.endsWith('}\n') && !text.slice(0, -1).includes('\n')).toBe(true)
    }),
    { numRuns: 300 },
  )
})

function uris(text: string): unknown[] {
  const { params } = JSON.parse(text) as {
    params?: { notifications?: { resourceSubscriptions?: unknown[] } }
  }
  return params?.notifications?.resourceSubscriptions ?? []
}
