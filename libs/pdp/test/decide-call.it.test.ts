// The decision point on a real bus and a real Redis: what is missing or fails denies, with the reason.
import { randomUUID } from 'node:crypto'
import { jetstreamManager } from '@nats-io/jetstream'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Bus } from '@mcpshield/bus/connect'
import type { KvWriter } from '@mcpshield/bus/kv'
import type { flow } from '@mcpshield/contracts/flow'
import { projects, type KeySnapshot, type PolicySnapshot } from '@mcpshield/contracts/projects'
import { prepareParsers } from '@mcpshield/facts/draw'
import type { JsonObject } from '@mcpshield/policy/facts'
import { parsePolicy } from '@mcpshield/policy/parse'
import { silent, startTestBus, type TestBus } from '@mcpshield/testkit/bus'
import { freshRedis } from '@mcpshield/testkit/fresh'
import { issuerTerms } from '../src/current-credential.ts'
import { decisionPoint, type DecisionPoint } from '../src/decide-call.ts'
import { factsCache } from '../src/facts-cache.ts'
import { connectLimitStore, type LimitStore } from '../src/limits.ts'
import { hmacSha256 } from '../src/record.ts'
import { keyDigest, watchSnapshots, type Snapshots } from '../src/snapshots.ts'

let server: TestBus
let redis: Awaited<ReturnType<typeof freshRedis>>
let bus: Bus<(typeof flow)['decision']>
let owner: Bus<(typeof flow)['projects']>
let policies: KvWriter<PolicySnapshot>
let keys: KvWriter<KeySnapshot>
let snapshots: Snapshots
let limits: LimitStore
let pdp: DecisionPoint

const project = randomUUID()
const org = randomUUID()
const key = {
  key_id: randomUUID(),
  project_id: project,
  org_id: org,
  name: 'agent',
  labels: ['ci'],
  upstreams: null,
  expires_at: null,
}
const apiKey = 'mcps_test'
const credential = { ...key, subject: key.key_id, digest: keyDigest(apiKey) }

beforeAll(async () => {
  await prepareParsers()
  server = await startTestBus(silent)
  redis = await freshRedis()
  bus = await server.connect('decision')
  owner = await server.connect('projects')
  policies = await owner.writer(projects.kv.policies)
  keys = await owner.writer(projects.kv.keys)
  snapshots = await watchSnapshots(bus, silent)
  limits = connectLimitStore(redis.url, silent)
  await limits.ping().catch(() => new Promise((resolve) => setTimeout(resolve, 300)))
  pdp = point(limits)
  await put(credential)
})
afterAll(async () => {
  await limits[Symbol.asyncDispose]()
  await snapshots[Symbol.asyncDispose]()
  await owner[Symbol.asyncDispose]()
  await bus[Symbol.asyncDispose]()
  await redis[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

/** Makes a key known, or known otherwise. */
async function put({ subject: _, digest, ...snapshot }: typeof credential & { killed?: boolean }) {
  await keys.put(digest, snapshot)
  await vi.waitFor(() => expect(snapshots.credentialByDigest(digest, new Date())).toMatchObject(snapshot), {
    timeout: 1_000,
    interval: 2,
  })
}
async function another(change: object): Promise<typeof credential> {
  const key_id = randomUUID()
  const other = { ...credential, ...change, key_id, subject: key_id, digest: keyDigest(key_id) }
  await put(other)
  return other
}

beforeEach(async () => {
  await publish(
    'version: 1\nrules:\n  - { id: orders, tool: postgres.query, decision: allow, conditions: { resources: ["public.orders"] } }\n',
  )
})

const point = (store: LimitStore) =>
  decisionPoint({
    snapshots,
    limits: store,
    audit: bus.audit,
    factsCache: factsCache(),
    keyedHash: hmacSha256('01'.repeat(32)),
    now: () => new Date(),
  })

/** Of a project that takes tokens. */
const ISSUED: Partial<PolicySnapshot> = { token_issuer: { issuer: 'https://sign-in.example.com' } }

let version = 0
async function publish(yaml: string, change: Partial<PolicySnapshot> = {}): Promise<void> {
  const parsed = parsePolicy(yaml)
  if (!('policy' in parsed)) throw new Error(JSON.stringify(parsed.diagnostics))
  version++
  await policies.put(project, {
    project_id: project,
    org_id: org,
    environment: 'prod',
    mode: 'enforce',
    killed: false,
    policy_version: version,
    policy_hash: `hash-${version}`,
    policy: parsed.policy,
    organization_policy: null,
    runtime_version: 1,
    connections: [{ name: 'shop', kind: 'postgresql', search_path: ['public'] }],
    upstreams: [],
    ...change,
  })
  await expect
    .poll(() => snapshots.project(project)?.snapshot.policy_version, { timeout: 1_000, interval: 2 })
    .toBe(version)
}

const decide = (
  args: JsonObject,
  more: { tool?: string; by?: DecisionPoint; from?: typeof credential } = {},
) =>
  (more.by ?? pdp).decideCall({
    credential: more.from ?? credential,
    method: 'tools/call',
    tool: more.tool ?? 'postgres.query',
    arguments: args,
    agent: 'tester',
    requestId: null,
  })
const sql = (text: string) => ({ sql: text })

test('what the policy allows is allowed and recorded; the nearest other thing is denied and recorded', async () => {
  const allowed = await decide(sql('select id from orders'))
  expect(allowed.decision).toMatchObject({ decision: 'allow', rule: 'orders' })
  expect(allowed).toMatchObject({ forward: true, readOnly: true })
  const denied = await decide(sql('select id from order_notes'))
  expect(denied).toMatchObject({ forward: false, decision: { decision: 'deny', rule: 'default' } })
  await Promise.all([allowed.recorded, denied.recorded])
})

describe('denied, whatever the policy says', () => {
  test('a project without a snapshot', async () => {
    const verdict = await decide({}, { from: await another({ project_id: randomUUID() }) })
    expect(verdict).toMatchObject({ forward: false, decision: { decision: 'deny', rule: 'no_policy' } })
  })

  test('a snapshot whose policy cannot be understood', async () => {
    await policies.put(project, {
      ...snapshots.project(project)!.snapshot,
      policy_version: 9_999,
      policy: { version: 1, rules: [{ tool: 'x' }] },
    })
    await expect.poll(() => snapshots.project(project), { timeout: 1_000, interval: 2 }).toBeUndefined()
    expect((await decide(sql('select id from orders'))).decision).toMatchObject({
      decision: 'deny',
      rule: 'no_policy',
    })
  })

  test('a project whose kill switch is on, also when it only monitors', async () => {
    for (const mode of ['enforce', 'monitor'] as const) {
      await publish('version: 1\ndefault: allow\n', { killed: true, mode })
      expect(await decide(sql('select 1'))).toMatchObject({ forward: false, decision: { rule: 'killed' } })
      expect(pdp.couldShow(credential, 'tools/call', 'postgres.query')).toBe(false)
    }
  })

  test('an upstream that the key is not meant for', async () => {
    await publish(
      'version: 1\nrules:\n  - { tool: "*", decision: allow, conditions: { resources: ["*"] } }\n',
    )
    const limited = await another({ upstreams: ['github'] })
    expect(await decide(sql('select 1'), { from: limited })).toMatchObject({
      forward: false,
      decision: { rule: 'key_upstreams' },
    })
    expect(pdp.couldShow(limited, 'tools/call', 'postgres.query')).toBe(false)
    expect(pdp.couldShow(limited, 'tools/call', 'github/x')).toBe(true)
    expect(pdp.couldShow(credential, 'tools/call', 'postgres.query')).toBe(true)
  })

  test('a call whose limit cannot be counted', async () => {
    await publish(
      'version: 1\nrules:\n  - { id: few, tool: "a/b", decision: allow, limits: { rate_limit: { calls: 5, per: 1m } } }\n',
    )
    const broken = connectLimitStore('redis://127.0.0.1:9', silent)
    const verdict = await decide({}, { tool: 'a/b', by: point(broken) })
    expect(verdict).toMatchObject({ forward: false, decision: { decision: 'deny', rule: 'few' } })
    expect(verdict.decision.reason).toContain('limit_unavailable')
    await broken[Symbol.asyncDispose]()
  })

  test('a call that carries a secret where a rule refuses secrets', async () => {
    await publish(
      'version: 1\nrules:\n  - { id: clean, tool: "a/b", decision: allow, redact: [{ detector: email, on: arguments, deny: true }] }\n',
    )
    expect((await decide({ to: 'nobody' }, { tool: 'a/b' })).decision.decision).toBe('allow')
    expect(
      (await decide({ to: { list: ['x someone@example.com'] } }, { tool: 'a/b' })).decision,
    ).toMatchObject({ decision: 'deny', rule: 'clean' })
  })
})

test('the organisation’s policy stands above the project’s, whose rules it never widens', async () => {
  const above = parsePolicy(
    'version: 1\nrules:\n  - { id: no-notes, tool: postgres.query, decision: deny, conditions: { resources: ["*.orders"] } }\n',
    {
      organization: true,
    },
  )
  await publish(
    'version: 1\nrules:\n  - { id: all, tool: postgres.query, decision: allow, conditions: { resources: ["*"] } }\n',
    { organization_policy: 'policy' in above ? above.policy : null },
  )
  expect((await decide(sql('select id from orders'))).decision).toMatchObject({
    decision: 'deny',
    rule: 'organization/no-notes',
  })
  expect((await decide(sql('select id from customers'))).decision).toMatchObject({
    decision: 'allow',
    rule: 'all',
  })
})

test('an organisation’s policy that cannot be understood denies everything', async () => {
  const { snapshot } = snapshots.project(project)!
  await policies.put(project, {
    ...snapshot,
    policy_version: 9_998,
    organization_policy: { version: 1, rules: [{ tool: '*', decision: 'allow' }] },
  })
  await expect.poll(() => snapshots.project(project), { timeout: 1_000, interval: 2 }).toBeUndefined()
  expect((await decide(sql('select id from orders'))).decision).toMatchObject({
    decision: 'deny',
    rule: 'no_policy',
  })
})

test('a record that is not stored says so to whoever waits for it', async () => {
  const raw = await server.raw('provision')
  const manager = await jetstreamManager(raw)
  const { config } = await manager.streams.info('AUDIT')
  await manager.streams.update('AUDIT', { ...config, max_msgs: 1 })
  try {
    await decide(sql('select id from orders')).then((verdict) => verdict.recorded.catch(() => undefined))
    const verdict = await decide(sql('select id from orders'))
    await expect(verdict.recorded).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  } finally {
    await manager.streams.update('AUDIT', config)
    await raw.close()
  }
}, 30_000)

test('exactly as many calls pass as the limit says, from two instances at once', async () => {
  await publish(
    'version: 1\nrules:\n  - { id: few, tool: "a/b", decision: allow, limits: { rate_limit: { calls: 50, per: 1m, by: key } } }\n',
  )
  const other = connectLimitStore(redis.url, silent)
  await expect
    .poll(
      () =>
        other.ping().then(
          () => true,
          () => false,
        ),
      { timeout: 1_000 },
    )
    .toBe(true)
  const otherPdp = point(other)
  const verdicts = await Promise.all(
    Array.from({ length: 200 }, (_, index) => decide({}, { tool: 'a/b', by: index % 2 ? pdp : otherPdp })),
  )
  expect(verdicts.filter((verdict) => verdict.forward)).toHaveLength(50)
  expect(verdicts.filter((verdict) => verdict.retryAfterMs !== null)).toHaveLength(150)
  await other[Symbol.asyncDispose]()
})

test('a project that monitors forwards and records what it would have denied, but nothing a connector cannot understand', async () => {
  await publish('version: 1\nrules: []\n', { mode: 'monitor' })
  expect(await decide({}, { tool: 'a/b' })).toMatchObject({ forward: true, decision: { decision: 'deny' } })
  expect(await decide(sql('select id from orders'))).toMatchObject({
    forward: true,
    decision: { decision: 'deny' },
  })
  expect(await decide(sql('this is no SQL'))).toMatchObject({
    forward: false,
    decision: { decision: 'deny' },
  })
})

test('a call that monitoring forwards owes what the policy said, though a limit or its arguments denied it', async () => {
  await publish(
    'version: 1\nrules:\n  - { id: once, tool: "a/b", decision: allow, limits: { rate_limit: { calls: 1, per: 1m } }, redact: [email, { detector: generic_secret, on: arguments, deny: true }] }\n',
    { mode: 'monitor' },
  )
  const owes = { redact: [{ detector: 'email' }] }
  expect(await decide({}, { tool: 'a/b' })).toMatchObject({ decision: { decision: 'allow' }, owes })
  for (const args of [{}, { note: 'password=tr0ub4dor&3' }])
    expect(await decide(args, { tool: 'a/b' })).toMatchObject({
      forward: true,
      decision: { decision: 'deny', obligations: { redact: [] } },
      owes,
    })
})

test('a changed policy is decided by at once when its snapshot comes, cached facts or not', async () => {
  expect((await decide(sql('select id from orders'))).decision.decision).toBe('allow')
  await publish('version: 1\nrules: []\n')
  expect((await decide(sql('select id from orders'))).decision.decision).toBe('deny')
})

test('no two calls have each other’s facts, whatever their names are made of', async () => {
  await publish('version: 1\nrules:\n  - { id: b, method: "*", tool: "docs/b", decision: allow }\n')
  const word = async (method: string, tool: string) => {
    const call = { credential, method, tool, arguments: {}, agent: null, requestId: null }
    return (await pdp.decideCall(call)).decision.decision
  }
  expect(await word('tools/call|docs/a', 'docs/b')).toBe('allow')
  expect(await word('tools/call', 'docs/a|docs/b')).toBe('deny')
})

test('keys: known, expired, revoked', async () => {
  await expect
    .poll(() => snapshots.credential(apiKey, new Date()), { timeout: 1_000, interval: 2 })
    .toMatchObject({ name: 'agent' })
  expect(snapshots.credential('mcps_other', new Date())).toBeUndefined()
  await keys.put(credential.digest, { ...key, expires_at: '2026-01-01T00:00:00.000Z' })
  await expect
    .poll(() => snapshots.credential(apiKey, new Date('2026-01-01T00:00:00Z')), {
      timeout: 1_000,
      interval: 2,
    })
    .toBeUndefined()
  expect(snapshots.credential(apiKey, new Date('2025-12-31T23:59:59Z'))).toBeDefined()
  await keys.remove(credential.digest)
  await expect
    .poll(() => snapshots.credential(apiKey, new Date('2025-01-01T00:00:00Z')), {
      timeout: 1_000,
      interval: 2,
    })
    .toBeUndefined()
  await put(credential)
})

describe('a call is decided by what its key is now, not by what it was when the call came', () => {
  const allow = 'version: 1\nrules:\n  - { id: all, tool: "*", decision: allow }\n'
  const word = (from: typeof credential) => decide({}, { tool: 'docs/search', from })

  test.each([
    ['revoked', (before: typeof credential) => keys.remove(before.digest), 'revoked'],
    ['killed', (before: typeof credential) => put({ ...before, killed: true }), 'killed'],
    [
      'meant for other upstreams',
      (before: typeof credential) => put({ ...before, upstreams: ['other'] as never }),
      'key_upstreams',
    ],
  ])('%s meanwhile, it is denied and is listed nothing', async (_, change, rule) => {
    await publish(allow, { mode: 'monitor' })
    const before = await another({})
    expect(await word(before)).toMatchObject({ forward: true })
    expect(pdp.mayList(before, 'docs')).toBe(true)
    await change(before)
    await expect
      .poll(() => word(before))
      .toMatchObject({ forward: false, decision: { decision: 'deny', rule } })
    expect(pdp.mayList(before, 'docs')).toBe(false)
    expect(pdp.couldShow(before, 'tools/call', 'docs/search')).toBe(false)
  })

  test('a token is good until it is over, and while its project has an issuer', async () => {
    const { digest: _, ...rest } = credential
    const issuer_terms = issuerTerms(ISSUED.token_issuer!)
    const token = (expires_at: string) => ({ ...rest, key_id: null, expires_at, issuer_terms, user: 'ann' })
    const ask = (expires_at: string) =>
      pdp.decideCall({
        credential: token(expires_at),
        method: 'tools/call',
        tool: 'docs/search',
        arguments: {},
        agent: null,
        requestId: null,
      })
    await publish(allow, ISSUED)
    expect(await ask('2999-01-01T00:00:00Z')).toMatchObject({ forward: true })
    expect(await ask('2020-01-01T00:00:00Z')).toMatchObject({ forward: false, decision: { rule: 'revoked' } })
    await publish(allow)
    expect(await ask('2999-01-01T00:00:00Z')).toMatchObject({ forward: false, decision: { rule: 'revoked' } })
    for (const more of [
      { issuer: 'https://another.example.com' },
      { jwks_url: 'https://keys.example.com/' },
      { groups_claim: 'roles' },
    ]) {
      await publish(allow, { token_issuer: { ...ISSUED.token_issuer!, ...more } })
      expect(await ask('2999-01-01T00:00:00Z'), JSON.stringify(more)).toMatchObject({
        forward: false,
        decision: { rule: 'revoked' },
      })
    }
    await publish(allow, ISSUED)
    expect(await ask('2999-01-01T00:00:00Z')).toMatchObject({ forward: true })
  })
})

describe('a resource is what its server may read in its URI', () => {
  const policy = `version: 1
rules:
  - { id: secret, method: "resources/*", tool: "docs/file:///secret/*", decision: deny }
  - { id: held, method: "resources/*", tool: "docs/memo://held", decision: ask }
  - { id: hidden, method: "resources/*", tool: "docs/memo://mail", decision: allow, redact: [email] }
  - { id: all, method: "resources/*", tool: "docs/*", decision: allow }
`
  const read = (uri: string) =>
    pdp.decideCall({
      credential,
      method: 'resources/read',
      tool: `docs/${uri}`,
      arguments: { uri },
      agent: null,
      requestId: null,
    })

  test.each([
    'file:///secret/plan.txt',
    'FILE:///secret/plan.txt',
    'file://localhost/secret/plan.txt',
    'file:/secret/plan.txt',
    'file:\\\\\\secret\\plan.txt',
    ' file:///secret/plan.txt',
    'file:///%73ecret/plan.txt',
    'file:///%2573ecret/plan.txt',
    'file:////secret/plan.txt',
  ])('%j is denied as what it means', async (uri) => {
    await publish(policy)
    expect(await read(uri)).toMatchObject({ forward: false, decision: { rule: 'secret' } })
  })

  test.each(['file:///secrets.txt', 'FILE:///public/a.txt', 'file:///my docs/ä.txt', 'memo://Secret'])(
    '%j is allowed',
    async (uri) => {
      await publish(policy)
      expect(await read(uri)).toMatchObject({ forward: true, decision: { rule: 'all' } })
    },
  )

  test('another spelling escapes neither a question nor a redaction', async () => {
    await publish(policy)
    expect((await read('MEMO://held')).decision).toMatchObject({ decision: 'ask', rule: 'held' })
    expect((await read('memo://mail')).owes.redact).toHaveLength(1)
    expect(await read('MEMO://mail')).toMatchObject({ forward: false, decision: { rule: 'hidden' } })
  })

  test('a condition on the argument sees the other spelling too', async () => {
    await publish(
      'version: 1\nrules:\n  - { id: no, method: "resources/*", tool: "docs/*", decision: deny, conditions: { parameters: { uri: { pattern: "memo://held.*" } } } }\n  - { id: all, method: "resources/*", tool: "docs/*", decision: allow }\n',
    )
    expect(await read('MEMO://held')).toMatchObject({ forward: false, decision: { rule: 'no' } })
    expect(await read('MEMO://free')).toMatchObject({ forward: true })
  })

  test('a rule may allow one by the spelling that its server lists', async () => {
    await publish(
      'version: 1\nrules:\n  - { id: one, method: "resources/*", tool: "docs/file:///my docs/a.txt", decision: allow }\n',
    )
    expect(await read('file:///my docs/a.txt')).toMatchObject({ forward: true })
    expect(await read('file:///my%20docs/b.txt')).toMatchObject({ forward: false })
  })
})

describe('a person’s word', () => {
  const ask = 'version: 1\nrules:\n  - { id: hold, tool: postgres.query, decision: ask }\n'
  const asked = (
    args: JsonObject,
    approval?: { digest: string; approvedBy: string | null },
    from = credential,
  ) =>
    pdp.decideCall({
      credential: from,
      method: 'tools/call',
      tool: 'postgres.query',
      arguments: args,
      agent: 'tester',
      requestId: null,
      approval,
    })

  test('lets exactly the call run that it was given for, and says in the record whose it was', async () => {
    await publish(ask)
    const held = await asked(sql('delete from orders'))
    expect(held).toMatchObject({ forward: false, decision: { decision: 'ask', rule: 'hold' } })
    const approvedBy = randomUUID()
    const approval = { digest: held.digest(), approvedBy }
    expect(await asked(sql('delete from orders'), approval)).toMatchObject({
      forward: true,
      decision: { decision: 'allow', rule: 'hold' },
    })
    expect(await asked(sql('delete from orders '), approval)).toMatchObject({ forward: false })
    const other = await another({})
    expect(await asked(sql('delete from orders'), approval, other)).toMatchObject({ forward: false })
  })

  test('does not outlive the policy that asked for it, nor help against a denial', async () => {
    await publish(ask)
    const held = await asked(sql('select 1'))
    const approval = { digest: held.digest(), approvedBy: null }
    await publish(ask)
    expect(await asked(sql('select 1'), approval)).toMatchObject({
      forward: false,
      decision: { decision: 'ask' },
    })
    await publish('version: 1\n')
    expect(await asked(sql('select 1'), approval)).toMatchObject({
      forward: false,
      decision: { decision: 'deny' },
    })
  })

  test('the order of the arguments’ members does not matter, their values do', async () => {
    await publish(ask)
    const one = await asked({ sql: 'select 1', connection: 'shop' })
    const other = await asked({ connection: 'shop', sql: 'select 1' })
    expect(other.digest()).toBe(one.digest())
    expect((await asked({ connection: 'shop', sql: 'select 2' })).digest()).not.toBe(one.digest())
  })
})

describe('above any policy, in monitor mode too', () => {
  const allow = 'version: 1\nrules:\n  - { id: all, tool: "*", decision: allow }\n'

  test('the kill switches of organisation and key deny by name, and show nothing', async () => {
    await publish(allow, { mode: 'monitor', organization_killed: true })
    expect(await decide(sql('select 1'))).toMatchObject({
      forward: false,
      decision: { rule: 'killed', reason: 'The organisation’s kill switch is on: every call is denied.' },
    })
    expect(pdp.couldShow(credential, 'tools/call', 'postgres.query')).toBe(false)
    expect(pdp.mayList(credential, 'docs')).toBe(false)
    await publish(allow, { mode: 'monitor' })
    const killed = await another({ killed: true })
    expect(await decide(sql('select 1'), { from: killed })).toMatchObject({
      forward: false,
      decision: { rule: 'killed' },
    })
    expect(await decide(sql('select 1'))).toMatchObject({ forward: true })
    expect(pdp.mayList(killed, 'docs')).toBe(false)
    expect(pdp.mayList(credential, 'docs')).toBe(true)
  })

  test('a tool in quarantine is denied, with the reason', async () => {
    await publish(allow, { mode: 'monitor' })
    const call = {
      credential,
      method: 'tools/call',
      tool: 'docs/search',
      arguments: {},
      agent: null,
      requestId: null,
    }
    expect(await pdp.decideCall({ ...call, quarantined: 'It changed.' })).toMatchObject({
      forward: false,
      decision: { decision: 'deny', rule: 'quarantined', reason: 'It changed.' },
    })
    expect(await pdp.decideCall(call)).toMatchObject({ forward: true })
  })
})

test('the person of a verified token is known to rules, and has a window of their own', async () => {
  await publish(
    'version: 1\nrules:\n  - { id: mine, tool: "docs/*", decision: allow, conditions: { user: ["ann@example.com"], groups: ["staff"] }, limits: { rate_limit: { calls: 1, per: 1m, by: user } } }\n',
    ISSUED,
  )
  const { digest: _, ...ofNobody } = credential
  const person = (user: string, groups: string[]) => ({
    ...ofNobody,
    key_id: null,
    issuer_terms: issuerTerms(ISSUED.token_issuer!),
    subject: randomUUID(),
    user,
    groups,
  })
  const call = (from: ReturnType<typeof person>) =>
    pdp.decideCall({
      credential: from,
      method: 'tools/call',
      tool: 'docs/search',
      arguments: {},
      agent: null,
      requestId: null,
    })
  const ann = person('ann@example.com', ['staff', 'admins'])
  expect(await call(ann)).toMatchObject({ forward: true })
  expect(await call(ann)).toMatchObject({ forward: false, decision: { rule: 'mine' } })
  expect(await call(person('ann@example.com', ['staff']))).toMatchObject({ forward: true })
  expect(await call(person('ann@example.com', []))).toMatchObject({ forward: false })
  expect(await call(person('bob@example.com', ['staff']))).toMatchObject({ forward: false })
})

test('a message that was refused unread leaves a record of its own', async () => {
  await expect(
    pdp.recordMalformed(credential, { reason: 'The body is no JSON.', requestId: randomUUID() }),
  ).resolves.toBeUndefined()
})
