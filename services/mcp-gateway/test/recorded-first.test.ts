// Nothing of a call before its record: the decision point and the choke point are the real ones, only the audit log
// answers when the test says so.
import { randomBytes, randomUUID } from 'node:crypto'
import { pino } from 'pino'
import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { AppError } from '@mcpshield/contracts/errors'
import { prepareParsers } from '@mcpshield/facts/draw'
import type { Message } from '@mcpshield/mcp/messages'
import { decisionPoint, type DecisionPoint } from '@mcpshield/pdp/decide-call'
import { factsCache } from '@mcpshield/pdp/facts-cache'
import { hmacSha256 } from '@mcpshield/pdp/record'
import type { Credential, ProjectPolicy, Snapshots } from '@mcpshield/pdp/snapshots'
import { compile } from '@mcpshield/policy/compile'
import type { JsonObject } from '@mcpshield/policy/facts'
import { parsePolicy } from '@mcpshield/policy/parse'
import type { Peer, RequestOptions } from '@mcpshield/upstream/upstream'
import type { Exchange } from '../src/client.ts'
import type { Conversations } from '../src/conversations.ts'
import { serveDecided, type DecidedDeps } from '../src/decided.ts'
import { legacyListening } from '../src/legacy-listening.ts'
import { openCalls } from '../src/open-calls.ts'
import type { ProjectRuntime, RunningUpstream } from '../src/runtimes.ts'
import { sealedStates } from '../src/sealed-state.ts'
import { listen } from '../src/subscriptions.ts'
import type { Target } from '../src/targets.ts'
import { taskNames } from '../src/task-names.ts'

const SLUG = 'up'
const POLICY = `
version: 1
facts:
  "up/read": { sql: { argument: statement, dialect: postgresql } }
  "up/change": { sql: { argument: statement, dialect: postgresql } }
rules:
  - { id: read, tool: "up/read", decision: allow, conditions: { operations: [read], resources: ["*"] } }
  - { id: write, tool: ["up/write", "up/change"], decision: allow }
  - { id: held, tool: "up/held", decision: ask }
  - { id: subscribe, method: "resources/subscribe", tool: "*", decision: allow }
`
const log = pino({ level: 'silent' })

/** What the log was given, and how the test answers it. */
let record: { acknowledge(): void; fail(): void }
let sent: { method: string; options: RequestOptions }[]
let listenedFor: JsonObject[]
let told: Message[]
let asked: Message[]
let holdings: number
let pdp: DecisionPoint

beforeAll(() => prepareParsers())
beforeEach(() => {
  const stored = Promise.withResolvers<void>()
  record = {
    acknowledge: () => stored.resolve(),
    fail: () => stored.reject(new AppError('UNAVAILABLE', 'The audit log did not acknowledge the record.')),
  }
  ;[sent, listenedFor, told, asked, holdings] = [[], [], [], [], 0]
  pdp = decisionPoint({
    snapshots: snapshotsOf(POLICY),
    limits: {
      take: () => Promise.reject(new Error('no limits here')),
      ping: () => Promise.resolve(0),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    },
    audit: { record: () => stored.promise },
    factsCache: factsCache(),
    keyedHash: hmacSha256('01'.repeat(32)),
    now: () => new Date(),
  })
})

const PROJECT = randomUUID()
const credential: Credential = {
  key_id: randomUUID(),
  project_id: PROJECT,
  org_id: randomUUID(),
  name: 'agent',
  labels: [],
  upstreams: null,
  expires_at: null,
  subject: 'agent',
}

function snapshotsOf(yaml: string): Snapshots {
  const parsed = parsePolicy(yaml)
  if (parsed.policy === undefined) throw new Error(JSON.stringify(parsed.diagnostics))
  const { policy } = parsed
  const snapshot = {
    project_id: PROJECT,
    org_id: credential.org_id,
    environment: 'dev',
    mode: 'enforce',
    killed: false,
    policy_version: 1,
    policy_hash: 'hash',
    policy,
    organization_policy: null,
    runtime_version: 1,
    connections: [],
    upstreams: [{ slug: SLUG, server: null, root: null }],
  } as ProjectPolicy['snapshot']
  const project = { snapshot, policy, compiled: compile(policy), cacheId: 1 }
  return {
    current: () => true,
    staleMs: () => 0,
    projectCount: () => 1,
    project: () => project,
    credential: () => undefined,
    credentialByDigest: () => undefined,
    onChange: () => undefined,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

/** A server that reports progress, asks, and answers. */
const peer: Peer = {
  era: 'legacy',
  server: { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: {} },
  async request(method, _params, options) {
    sent.push({ method, options })
    options.onNotification?.({ method: 'notifications/progress', params: { progressToken: 1, progress: 1 } })
    if (options.onRequest !== undefined)
      void options.onRequest({ method: 'roots/list' }, new AbortController().signal).catch(() => undefined)
    return { result: { content: [{ type: 'text', text: 'what the server says' }] } }
  },
  notify: () => Promise.resolve(),
  follow: () => undefined,
  listen(filter) {
    listenedFor.push(filter)
    return Promise.resolve({ honored: filter, ended: Promise.resolve() })
  },
}

const upstream: RunningUpstream = {
  slug: SLUG,
  connection: {
    slug: SLUG,
    peer: () => Promise.resolve(peer),
    leave: () => undefined,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  },
  catalog: {
    learn: () => Promise.resolve(),
    quarantine: () => undefined,
    quarantinedCount: () => 0,
    headerParams: () => [],
    refresh: () => Promise.resolve(),
    outdated: () => undefined,
  },
}
const runtime = {
  projectId: PROJECT,
  upstreams: [upstream],
  upstream: () => upstream,
} as unknown as ProjectRuntime
const conversations: Conversations = {
  with: () => Promise.resolve(peer),
  open: () => [],
  logAs: () => Promise.resolve({}),
  tasks: taskNames(),
}

function exchangeOf(method: string, params: JsonObject = {}, era: 'legacy' | 'modern' = 'legacy'): Exchange {
  return {
    client: {
      credential,
      era,
      protocolVersion: era === 'legacy' ? '2025-11-25' : '2026-07-28',
      info: {},
      capabilities: {},
      agent: null,
      session: null,
    },
    only: SLUG,
    request: { id: 1, method, params },
    requestId: 'r',
    traceId: null,
    span: undefined,
    took: () => undefined,
    signal: new AbortController().signal,
    paramHeaders: {},
    openStream: () => true,
    notify: (message) => void told.push(message),
    ask(message) {
      asked.push(message)
      return Promise.resolve({ result: { roots: [] } })
    },
  }
}

function call(name: string, args: JsonObject = {}): Promise<string> {
  const deps: DecidedDeps = {
    pdp,
    runtimeOf: () => Promise.resolve(runtime),
    conversations,
    openCalls: openCalls({ instance: 'here', elsewhere: () => Promise.resolve(undefined) }),
    listening: legacyListening(),
    standing: (_client, message) => message,
    held: {
      request() {
        holdings++
        return Promise.reject(new AppError('UNAVAILABLE', 'Nobody is there to ask.'))
      },
      decideInClient: () => Promise.resolve({}),
      use: () => Promise.resolve({ approved_by: null }),
      approvals: { get: () => undefined, on: () => ({ [Symbol.dispose]: () => undefined }) },
      approvesInClient: () => false,
    },
    states: sealedStates(randomBytes(32)),
    once: () => Promise.resolve(true),
    upstreamTimeoutMs: 1_000,
    keyedHash: hmacSha256('01'.repeat(32)),
    log,
  }
  const params = { name, arguments: args }
  const target: Target = {
    method: 'tools/call',
    tool: `${SLUG}/${name}`,
    arguments: args,
    params,
    at: { slug: SLUG, tool: name },
  }
  return serveDecided(deps, { exchange: exchangeOf('tools/call', params), runtime, target }).then(
    ({ json }) => json,
  )
}

/** Long enough for whatever was ready to run. */
const idle = async () => {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
}
const SELECT = { statement: 'select id from public.orders' }

describe('a call that may change something', () => {
  test.for<[string, JsonObject]>([
    ['write', {}],
    ['change', { statement: 'update public.orders set paid = true' }],
    ['change', { statement: 'insert into public.archive select * from public.orders' }],
  ])('is sent once its record is stored, and not before: %s %j', async ([name, args]) => {
    const answered = call(name, args)
    await idle()
    expect(sent).toEqual([])
    record.acknowledge()
    expect(await answered).toContain('what the server says')
    expect(sent).toHaveLength(1)
  })

  test('is never sent when its record cannot be stored', async () => {
    record.fail()
    const answer = await call('write')
    expect(answer).toContain('did not acknowledge')
    expect(JSON.parse(answer)).toMatchObject({ isError: true })
    expect(sent).toEqual([])
  })
})

describe('a call that only reads', () => {
  test('runs beside its record, but nothing of it is released before', async () => {
    const settled = vi.fn()
    const answered = call('read', SELECT)
    void answered.then(settled)
    await vi.waitFor(() => expect(sent).toHaveLength(1))
    await idle()
    expect(settled).not.toHaveBeenCalled()
    expect(told).toEqual([])
    expect(asked).toEqual([])
    record.acknowledge()
    expect(await answered).toContain('what the server says')
    await vi.waitFor(() => expect(told).toHaveLength(1))
    expect(asked).toHaveLength(1)
  })

  test('gives nothing when its record cannot be stored', async () => {
    const answered = call('read', SELECT)
    await vi.waitFor(() => expect(sent).toHaveLength(1))
    record.fail()
    const answer = await answered
    expect(answer).toContain('did not acknowledge')
    expect(answer).not.toContain('what the server says')
    await idle()
    expect(told).toEqual([])
    expect(asked).toEqual([])
  })
})

test('a call is held for nobody before the record of the question is stored', async () => {
  const answered = call('held')
  await idle()
  expect(holdings).toBe(0)
  record.acknowledge()
  await answered
  expect(holdings).toBe(1)
})

test('a denial is told once its record is stored, and else that it could not be', async () => {
  const settled = vi.fn()
  const answered = call('denied')
  void answered.then(settled)
  await idle()
  expect(settled).not.toHaveBeenCalled()
  record.fail()
  expect(await answered).toContain('did not acknowledge')
})

test.for([true, false])('a resource is listened for only when its record is stored: %s', async (isStored) => {
  const uri = 'test://watched'
  if (isStored) record.acknowledge()
  else record.fail()
  const deps = {
    pdp,
    conversations,
    standing: (_exchange: Exchange, message: Message) => message,
    isValid: () => true,
    log,
  }
  const notifications = { resourceSubscriptions: [uri], toolsListChanged: true }
  await listen(deps, runtime, exchangeOf('subscriptions/listen', { notifications }, 'modern'))
  expect(listenedFor).toEqual([
    { toolsListChanged: true, ...(isStored ? { resourceSubscriptions: [uri] } : {}) },
  ])
})
