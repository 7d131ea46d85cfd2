// `subscriptions/listen` of a client that may not have another stream: it is told so before it costs anything.
import { describe, expect, test } from 'vitest'
import type { Message } from '@mcpshield/mcp/messages'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Exchange } from '../src/client.ts'
import type { ProjectRuntime } from '../src/runtimes.ts'
import { listen, type SubscriptionDeps } from '../src/subscriptions.ts'
import { noLog } from './instances.ts'

/** What a request to listen did, at one upstream that honours whatever it is asked for. */
async function listened(params: JsonObject, { hasStream = true, only = null as string | null } = {}) {
  const did: string[] = []
  const told: Message[] = []
  const client = new AbortController()
  const peer = {
    listen(filter: JsonObject) {
      did.push('listened')
      client.abort()
      return Promise.resolve({ honored: filter, ended: new Promise<void>(() => undefined) })
    },
  }
  const deps = {
    pdp: {
      decideCall() {
        did.push('decided')
        return Promise.resolve({ forward: true, recorded: Promise.resolve() })
      },
      mayHear: () => true,
      mayList: () => true,
    },
    conversations: {
      with() {
        did.push('conversed')
        return Promise.resolve(peer)
      },
    },
    standing: (_exchange: Exchange, message: Message) => message,
    isValid: () => true,
    log: noLog,
  } as unknown as SubscriptionDeps
  const runtime = {
    upstreams: [{ slug: 'up' }],
    resources: { resolve: (uri: string) => ({ slug: 'up', uri }) },
  } as unknown as ProjectRuntime
  const exchange = {
    client: { credential: {}, agent: null },
    only,
    request: { id: 1, method: 'subscriptions/listen', params },
    requestId: 'r',
    signal: client.signal,
    openStream() {
      did.push('opened')
      return hasStream
    },
    notify: (message: Message) => void told.push(message),
  } as unknown as Exchange
  return { answer: await listen(deps, runtime, exchange), did, told }
}

const FILTER = { notifications: { toolsListChanged: true, resourceSubscriptions: ['file:///a'] } }

describe('listening', () => {
  test('opens the client’s stream first, then decides, then listens at the upstream', async () => {
    const { answer, did, told } = await listened(FILTER)
    expect(did).toEqual(['opened', 'decided', 'conversed', 'listened'])
    expect(told.map(({ method }) => method)).toEqual(['notifications/subscriptions/acknowledged'])
    expect(answer).toMatchObject({ result: { resultType: 'complete' } })
  })

  test('is refused without a stream before anything is decided or any upstream is reached', async () => {
    const { answer, did, told } = await listened(FILTER, { hasStream: false })
    expect(did).toEqual(['opened'])
    expect(told).toEqual([])
    expect(answer).toMatchObject({ error: { message: expect.stringContaining('event streams') } })
  })

  test.for<[string, JsonObject, string | null]>([
    ['no filter', {}, null],
    [
      'a filter with too many resources',
      { notifications: { resourceSubscriptions: Array(1_001).fill('a') } },
      null,
    ],
    ['resources that are no texts', { notifications: { resourceSubscriptions: [1] } }, null],
    ['an upstream that is not there', FILTER, 'elsewhere'],
  ])('with %s is refused before a stream is opened', async ([, params, only]) => {
    const { answer, did } = await listened(params, { only })
    expect(answer).toHaveProperty('error')
    expect(did).toEqual([])
  })
})
