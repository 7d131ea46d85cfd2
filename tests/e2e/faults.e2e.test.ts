// Pulling the cables: what dies comes back, and nothing accepted is lost or doubled.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startProduct, type Product } from './product.ts'
import { startRecordingUpstream, type RecordingUpstream } from './recording-upstream.ts'

const POLICY = `version: 1
rules:
  - { id: counted, tool: "rec/safe_echo", decision: allow }
  - { id: orders, tool: postgres.query, decision: allow, conditions: { operations: [read], resources: [public.orders] } }
`

let product: Product
let upstream: RecordingUpstream
beforeAll(async () => {
  upstream = await startRecordingUpstream()
  product = await startProduct(22_000)
  await product.demo.api.send('POST', `${product.at}/upstreams`, {
    slug: 'rec',
    transport: 'http',
    url: upstream.url,
  })
  await product.setPolicy(POLICY)
})
afterAll(async () => {
  await product[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

let nextId = 1

/** One call by hand: `accepted` says that its result was released, and so recorded. */
const callOnce = () => callTool('rec__safe_echo', {})
const readOrders = () => callTool('postgres__query', { sql: 'select id from orders' })

async function callTool(name: string, args: object): Promise<'accepted' | 'refused'> {
  try {
    const response = await fetch(product.stack.mcp, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'x-api-key': product.demo.account.api_key,
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: nextId++,
        method: 'tools/call',
        params: { name, arguments: args },
      }),
      signal: AbortSignal.timeout(15_000),
    })
    const answer = (await response.json()) as { result?: { isError?: boolean } }
    return answer.result !== undefined && answer.result.isError !== true ? 'accepted' : 'refused'
  } catch {
    return 'refused'
  }
}

async function recordedIds(): Promise<string[]> {
  const ids: string[] = []
  let cursor = ''
  for (;;) {
    const page = await product.demo.api.get<{ items: { id: string }[]; next_cursor: string | null }>(
      `/audits?rule=counted&limit=200${cursor}`,
    )
    ids.push(...page.items.map((item) => item.id))
    if (page.next_cursor === null) return ids
    cursor = `&cursor=${encodeURIComponent(page.next_cursor)}`
  }
}

function kill(name: string): number {
  const pid = product.stack.pids()[name]
  if (pid === undefined) throw new Error(`${name} does not run`)
  process.kill(pid, 'SIGKILL')
  return pid
}

async function backAgain(name: string, killedPid: number): Promise<void> {
  await expect
    .poll(() => product.stack.pids()[name] !== killedPid && product.stack.pids()[name] !== undefined, {
      timeout: 30_000,
      interval: 50,
    })
    .toBe(true)
}

test('nothing is lost or doubled when ingest or ClickHouse is killed under load', async () => {
  await expect.poll(callOnce, { timeout: 5_000 }).toBe('accepted')
  const before = (await expectSettled()).length
  let accepted = 0
  let running = true
  const load = Promise.all(
    Array.from({ length: 4 }, async () => {
      while (running) if ((await callOnce()) === 'accepted') accepted++
    }),
  )
  for (const victim of ['ingest', 'clickhouse', 'ingest']) {
    await new Promise((resolve) => setTimeout(resolve, 700))
    await backAgain(victim, kill(victim))
  }
  running = false
  await load
  expect(accepted).toBeGreaterThan(100)
  await expect
    .poll(async () => (await recordedIds()).length, { timeout: 60_000, interval: 500 })
    .toBe(before + accepted)
  const ids = await recordedIds()
  expect(new Set(ids).size).toBe(ids.length)
})

test.for(['redis', 'nats', 'postgres', 'projects', 'auth', 'decision', 'mcp-gateway', 'rest-gateway'])(
  'after a kill -9 of %s the product works again by itself',
  async (victim) => {
    const pid = kill(victim)
    await backAgain(victim, pid)
    await expect.poll(callOnce, { timeout: 30_000, interval: 100 }).toBe('accepted')
    await changesReachTheGateway()
    await expect
      .poll(
        () =>
          product.demo.api.get('/projects').then(
            () => true,
            () => false,
          ),
        { timeout: 30_000, interval: 100 },
      )
      .toBe(true)
  },
)

/** A policy saved after the fault is in force within a second of its saving. */
async function changesReachTheGateway(): Promise<void> {
  const save = (yaml: string) =>
    product.setPolicy(yaml).then(
      () => true,
      () => false,
    )
  await expect.poll(() => save('version: 1\nrules: []\n'), { timeout: 30_000, interval: 100 }).toBe(true)
  await expect.poll(callOnce, { timeout: 1_000, interval: 20 }).toBe('refused')
  await save(POLICY)
  await expect.poll(callOnce, { timeout: 1_000, interval: 20 }).toBe('accepted')
}

test('without the audit log nothing is sent on and nothing is released', async () => {
  // The upstream is open by now: only the missing record stands between the call and it.
  await expect.poll(callOnce, { timeout: 5_000, interval: 100 }).toBe('accepted')
  await expect.poll(readOrders, { timeout: 5_000, interval: 100 }).toBe('accepted')
  const pid = product.stack.pids().nats
  if (pid === undefined) throw new Error('nats does not run')
  process.kill(pid, 'SIGSTOP')
  try {
    const called = upstream.called.length
    // A read runs beside its record; what it read is not released without it.
    expect(await Promise.all([callOnce(), readOrders()])).toEqual(['refused', 'refused'])
    expect(upstream.called.length).toBe(called)
  } finally {
    process.kill(pid, 'SIGCONT')
  }
  await expect.poll(callOnce, { timeout: 30_000, interval: 100 }).toBe('accepted')
})

/** The records once their number stands still. */
async function expectSettled(): Promise<string[]> {
  let last = await recordedIds()
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 500))
    const now = await recordedIds()
    if (now.length === last.length && now.length > 0) return now
    last = now
  }
}
