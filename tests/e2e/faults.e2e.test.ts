// Pulling the cables: what dies comes back, and nothing accepted is lost or doubled. The faults that take longer are run by
// `npm run test:faults`.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FAULTS } from '../faults/faults.ts'
import { runFault } from '../faults/run-fault.ts'
import { openFaultWorld, POLICY, type FaultWorld } from '../faults/world.ts'

const SETTINGS = {
  clients: 6,
  warmSeconds: 0.5,
  afterSeconds: 0.2,
  cutSeconds: 2,
  faultSeconds: 2,
}

let world: FaultWorld
beforeAll(async () => {
  world = await openFaultWorld(22_000)
})
afterAll(() => world[Symbol.asyncDispose]())

let nextId = 1

/** One call by hand: `accepted` says that its result was released, and so recorded. */
const callOnce = () => callTool('rec__safe_echo', {})
const readOrders = () => callTool('postgres__query', { sql: 'select id from orders' })

async function callTool(name: string, args: object): Promise<'accepted' | 'refused'> {
  const { stack, demo } = world.product
  try {
    const response = await fetch(stack.mcp, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'x-api-key': demo.account.api_key,
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

test.for(['kill-ingest', 'kill-clickhouse', 'nats-full'])(
  'under load, %s loses nothing, lets nothing be decided wrongly, and is got over',
  async (name) => {
    const fault = FAULTS.find((each) => each.name === name)
    if (fault === undefined) throw new Error(`there is no fault ${name}`)
    const report = await runFault(world, fault, SETTINGS)
    expect(report).toMatchObject({ lost: 0, wrong: 0, problems: [] })
    expect(report.answered).toBeGreaterThan(50)
  },
)

test.for(['redis', 'nats', 'postgres', 'projects', 'auth', 'decision', 'mcp-gateway', 'rest-gateway'])(
  'after a kill -9 of %s the product works again by itself',
  async (victim) => {
    const killed = world.kill(victim)
    const { pids } = world.product.stack
    await expect
      .poll(() => pids()[victim] !== killed && pids()[victim] !== undefined, {
        timeout: 30_000,
        interval: 50,
      })
      .toBe(true)
    await expect.poll(callOnce, { timeout: 30_000, interval: 100 }).toBe('accepted')
    await changesReachTheGateway()
    await expect
      .poll(
        () =>
          world.product.demo.api.get('/projects').then(
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
    world.product.setPolicy(yaml).then(
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
  const pid = world.pid('nats')
  process.kill(pid, 'SIGSTOP')
  try {
    const called = world.upstream.called.length
    // A read runs beside its record; what it read is not released without it.
    expect(await Promise.all([callOnce(), readOrders()])).toEqual(['refused', 'refused'])
    expect(world.upstream.called.length).toBe(called)
  } finally {
    process.kill(pid, 'SIGCONT')
  }
  await expect.poll(callOnce, { timeout: 30_000, interval: 100 }).toBe('accepted')
})
