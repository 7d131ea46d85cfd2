// Instances of the gateway on real ports, with a real bus and a real Redis, which answer by a function of the test's.
import { randomBytes, randomUUID } from 'node:crypto'
import { createParser } from 'eventsource-parser'
import { Client as HttpClient, type Dispatcher } from 'undici'
import { expect, vi } from 'vitest'
import { type WrittenAnswer, writeAnswer } from '@mcpshield/mcp/json-rpc'
import { META } from '@mcpshield/mcp/messages'
import { projects, type KeySnapshot, type PolicySnapshot } from '@mcpshield/contracts/projects'
import { openDecisionPoint } from '@mcpshield/pdp/open'
import { keyDigest } from '@mcpshield/pdp/snapshots'
import type { Log } from '@mcpshield/runtime/log'
import type { JsonObject } from '@mcpshield/policy/facts'
import { silent, startTestBus, type TestBus } from '@mcpshield/testkit/bus'
import { openMetrics } from '@mcpshield/runtime/metrics'
import { gatewayMetrics } from '../src/metrics.ts'
import { freshRedis } from '@mcpshield/testkit/fresh'
import { buildApp, type AppDeps } from '../src/app.ts'
import type { Exchange } from '../src/client.ts'
import { newInstanceId } from '../src/instance.ts'
import { connectSessionStore } from '../src/session-store.ts'

export const noLog = silent as unknown as Log

export type Answer = (exchange: Exchange) => Promise<WrittenAnswer>

export const result = (value: JsonObject) => writeAnswer({ result: value })

/** Says what it was asked. */
export const echo: Answer = async ({ request, client, only, paramHeaders }) =>
  result({
    method: request.method,
    params: request.params,
    only,
    agent: client.agent,
    version: client.protocolVersion,
    paramHeaders: { ...paramHeaders },
  })

export type Gateway = AsyncDisposable & { instance: string; port: number; url: string; redisUrl: string }

export type Instances = AsyncDisposable & {
  bus: TestBus
  redisUrl: string
  key(over?: Partial<KeySnapshot>): Promise<string>
  changeKey(key: string, over: Partial<KeySnapshot>): Promise<void>
  revoke(key: string): Promise<void>
  project(over?: Partial<PolicySnapshot>): Promise<string>
  start(answerRequest: Answer, over?: Partial<AppDeps>): Promise<Gateway>
}

const signingKey = randomBytes(32).toString('hex')

/** How long a call may take to end when an instance is told to stop. */
export const DRAIN_MS = 2_000
export const PROJECT = randomUUID()
const ORG = randomUUID()

export async function startInstances(): Promise<Instances> {
  await using stack = new AsyncDisposableStack()
  const bus = stack.use(await startTestBus(silent))
  const redis = stack.use(await freshRedis())
  const owner = stack.use(await bus.connect('projects'))
  const keys = await owner.writer(projects.kv.keys)
  const policies = await owner.writer(projects.kv.policies)
  const snapshots = new Map<string, KeySnapshot>()
  /** Asked of one of our own, which sees what all of them see. */
  const watching = stack.use(await bus.connect('mcp-gateway'))
  const seen = stack.use(
    await openDecisionPoint(watching, { redisUrl: redis.url, digestKeyHex: signingKey, log: silent }),
  )

  const putKey = async (key: string, snapshot: KeySnapshot) => {
    snapshots.set(key, snapshot)
    await keys.put(keyDigest(key), snapshot)
    await vi.waitFor(() => expect(seen.snapshots.credential(key, new Date())).toMatchObject(snapshot))
  }
  const project = async (over: Partial<PolicySnapshot> = {}) => {
    const snapshot: PolicySnapshot = {
      project_id: PROJECT,
      org_id: ORG,
      environment: 'dev',
      mode: 'enforce',
      killed: false,
      policy_version: 1,
      policy_hash: 'hash',
      policy: { version: 1, rules: [] },
      organization_policy: null,
      connections: [],
      upstreams: [],
      runtime_version: 1,
      ...over,
    }
    await policies.put(snapshot.project_id, snapshot)
    const { project_id, ...expected } = snapshot
    await vi.waitFor(() =>
      expect(seen.snapshots.project(project_id)?.snapshot).toMatchObject(
        JSON.parse(JSON.stringify(expected)),
      ),
    )
    return project_id
  }
  await project()
  const kept = stack.move()
  return {
    bus,
    redisUrl: redis.url,
    project,
    async key(over = {}) {
      const key = `mcps_${randomBytes(16).toString('hex')}`
      await putKey(key, {
        key_id: randomUUID(),
        project_id: PROJECT,
        org_id: ORG,
        name: 'test',
        labels: [],
        upstreams: null,
        expires_at: null,
        ...over,
      })
      return key
    },
    changeKey: (key, over) => putKey(key, { ...(snapshots.get(key) as KeySnapshot), ...over }),
    async revoke(key) {
      await keys.remove(keyDigest(key))
      await vi.waitFor(() => expect(seen.snapshots.credential(key, new Date())).toBeUndefined())
    },
    start: (answerRequest, over = {}) => startGateway(bus, redis.url, answerRequest, over),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

async function startGateway(
  bus: TestBus,
  redisUrl: string,
  answerRequest: Answer,
  over: Partial<AppDeps>,
): Promise<Gateway> {
  await using stack = new AsyncDisposableStack()
  const connection = stack.use(await bus.connect('mcp-gateway'))
  const point = stack.use(
    await openDecisionPoint(connection, { redisUrl, digestKeyHex: signingKey, log: silent }),
  )
  const store = stack.use(await connectSessionStore(redisUrl, noLog))
  const instance = newInstanceId()
  const app = stack.use(
    buildApp({
      config: {
        MCP_SESSION_KEY: signingKey,
        MCP_PORT: 0,
        MCP_URL: undefined,
        MCP_ALLOWED_HOSTS: [],
        ALLOWED_ORIGINS: ['https://app.example.com'],
        MCP_BODY_LIMIT_BYTES: 1024 * 1024,
        MCP_DRAIN_MS: DRAIN_MS,
      },
      log: noLog,
      metrics: gatewayMetrics(openMetrics()),
      ...point,
      bearer: { credential: async () => undefined },
      store,
      peers: connection.peers(instance),
      answerRequest,
      answerNotification: async () => undefined,
      ...over,
    }),
  )
  await app.listen({ host: '127.0.0.1', port: 0 })
  const kept = stack.move()
  return {
    instance,
    port: app.port(),
    url: `http://127.0.0.1:${app.port()}`,
    redisUrl,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

export type Said = { id?: string | undefined; message: JsonObject | null }
export type Reply = {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
  json(): JsonObject
}

/** One HTTP request on a connection of its own; a header given as a list is repeated. */
export async function send(
  gateway: Gateway,
  options: {
    method?: string
    path?: string
    headers?: Record<string, string | string[] | undefined>
    body?: unknown
  },
): Promise<Reply> {
  const client = new HttpClient(gateway.url)
  try {
    const response = await client.request(asked(options))
    const text = await response.body.text()
    return {
      status: response.statusCode,
      headers: response.headers,
      text,
      json: () => JSON.parse(text) as JsonObject,
    }
  } finally {
    await client.destroy()
  }
}

const ACCEPT = 'application/json, text/event-stream'

function asked(options: Parameters<typeof send>[1]): Dispatcher.RequestOptions {
  const { method = 'POST', path = '/mcp', headers = {}, body } = options
  const given = {
    ...(method === 'POST' ? { 'content-type': 'application/json' } : {}),
    accept: ACCEPT,
    ...headers,
  }
  const flat = Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().flatMap((each) => [name, each]),
  )
  const text = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)
  return {
    method: method,
    path,
    headers: flat,
    body: body === undefined ? null : text,
  }
}

export type EventStream = AsyncDisposable & {
  status: number
  /** Events in order, as they come; comments are not among them. */
  said: Said[]
  /** Comments that came. */
  comments(): number
  /** Resolves when the stream is closed, from wherever. */
  closed: Promise<void>
  /** The n-th message that is not empty, once it is there. */
  message(n: number): Promise<JsonObject>
  lastId(): string
  /** Breaks the connection off. */
  break(): Promise<void>
}

/** A request whose answer is a stream of events. */
export async function stream(gateway: Gateway, options: Parameters<typeof send>[1]): Promise<EventStream> {
  const client = new HttpClient(gateway.url)
  const response = await client.request(asked(options))
  const said: Said[] = []
  let comments = 0
  const parser = createParser({
    onEvent: ({ id, data }) =>
      void said.push({ id, message: data.trim() === '' ? null : (JSON.parse(data) as JsonObject) }),
    onComment: () => void comments++,
  })
  response.body.setEncoding('utf8')
  response.body.on('data', (chunk: string) => parser.feed(chunk))
  response.body.on('error', () => undefined)
  const closed = new Promise<void>((resolve) => void response.body.once('close', resolve))
  const messages = () => said.flatMap(({ message }) => (message === null ? [] : [message]))
  const end = async () => {
    if (!client.destroyed) await client.destroy()
    await closed
  }
  return {
    status: response.statusCode,
    said,
    comments: () => comments,
    closed,
    async message(n) {
      await vi.waitFor(() => expect(messages().length).toBeGreaterThan(n), { timeout: 5_000 })
      return messages()[n] as JsonObject
    },
    lastId: () => said.findLast(({ id }) => id !== undefined)?.id ?? '',
    break: end,
    [Symbol.asyncDispose]: end,
  }
}

export const request = (method: string, params: JsonObject = {}, id: string | number = 1) => ({
  jsonrpc: '2.0',
  id,
  method,
  params,
})

/** Headers and body of a request of the modern era. */
export function modern(method: string, params: JsonObject = {}, id: string | number = 1) {
  const name = params['name'] ?? params['uri']
  return {
    headers: {
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(typeof name === 'string' ? { 'mcp-name': name } : {}),
    },
    body: request(
      method,
      {
        ...params,
        _meta: {
          [META.protocolVersion]: '2026-07-28',
          [META.clientInfo]: { name: 'modern', version: '1' },
          [META.clientCapabilities]: {},
        },
      },
      id,
    ),
  }
}

/** Headers of a session that was just begun. */
export async function begin(
  gateway: Gateway,
  key: string,
  params: JsonObject = {},
): Promise<Record<string, string>> {
  const reply = await send(gateway, {
    headers: { 'x-api-key': key },
    body: request('initialize', {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'legacy', version: '1' },
      ...params,
    }),
  })
  expect(reply.status).toBe(200)
  const version = typeof params['protocolVersion'] === 'string' ? params['protocolVersion'] : '2025-11-25'
  return {
    'x-api-key': key,
    'mcp-session-id': String(reply.headers['mcp-session-id']),
    'mcp-protocol-version': version,
  }
}
