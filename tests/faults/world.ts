// The product that faults happen to: one project whose clients call without pause, an upstream that remembers what reached
// it, a clock that can be set.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { openSpeaker } from '../e2e/mcp-wire.ts'
import { startProduct, type Product } from '../e2e/product.ts'
import { startRecordingUpstream, type RecordingUpstream } from '../e2e/recording-upstream.ts'
import type { LoadCall } from './load.ts'

export type FaultWorld = AsyncDisposable & {
  product: Product
  upstream: RecordingUpstream
  /** One that may be made slow; only some faults call it. */
  slow: RecordingUpstream
  /** Shifts the clock of every service. */
  shiftClock(byMs: number): void
  /** Kills a process of the product at once, and returns its id. */
  kill(name: string): number
  pid(name: string): number
  /** Whether everything that the API knows of works. */
  isHealthy(): Promise<boolean>
}

export const POLICY = `version: 1
rules:
  - { id: counted, tool: "rec/safe_echo", decision: allow }
  - { id: limited, tool: "rec/region_query", decision: allow, limits: { rate_limit: { calls: 1000000, per: 1m, by: key } } }
  - { id: slowly, tool: "slow/safe_echo", decision: allow }
  - { id: orders, tool: postgres.query, decision: allow, conditions: { operations: [read], resources: [public.orders] } }
`

/** One that changes, one that is denied, one under a rate limit, one that reads through a connector. */
export const CALLS: readonly LoadCall[] = [
  { tool: 'rec__safe_echo', isDenied: false, args: (text) => ({ text }) },
  { tool: 'rec__danger_delete', isDenied: true, args: (text) => ({ text }) },
  { tool: 'rec__region_query', isDenied: false, args: (text) => ({ text }) },
  {
    tool: 'postgres__query',
    isDenied: false,
    args: (text) => ({ sql: `select id from orders where id = 1 and '${text}' <> ''` }),
  },
]
export const SLOW_CALLS: readonly LoadCall[] = [
  { tool: 'slow__safe_echo', isDenied: false, args: (text) => ({ text }) },
]

export async function openFaultWorld(firstPort: number): Promise<FaultWorld> {
  await using stack = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'mcpshield-faults-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const clock = join(folder, 'clock')
  writeFileSync(clock, '0')
  const upstream = stack.use(await startRecordingUpstream())
  const slow = stack.use(await startRecordingUpstream())
  const shim = pathToFileURL(join(import.meta.dirname, 'shifted-clock.ts')).href
  const everyService = { NODE_OPTIONS: `--import=${shim}`, SHIFTED_CLOCK_FILE: clock }
  const product = stack.use(await startProduct(firstPort, { everyService }))
  const send = (path: string, body: object) => product.demo.api.send('POST', product.at + path, body)
  await send('/upstreams', { slug: 'rec', transport: 'http', url: upstream.url })
  await send('/upstreams', { slug: 'slow', transport: 'http', url: slow.url })
  await product.setPolicy(POLICY)
  if (!(await until(() => isServed(product), IN_FORCE_WITHIN_MS)))
    throw new Error('the policy is not in force')
  const pid = (name: string) => {
    const found = product.stack.pids()[name]
    if (found === undefined) throw new Error(`${name} does not run`)
    return found
  }
  const kept = stack.move()
  return {
    product,
    upstream,
    slow,
    shiftClock: (byMs) => writeFileSync(clock, String(byMs)),
    pid,
    kill(name) {
      const killed = pid(name)
      process.kill(killed, 'SIGKILL')
      return killed
    },
    isHealthy: () => isHealthy(product),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

const IN_FORCE_WITHIN_MS = 15_000

/** Whether the gateway decides by the policy, and the upstream is there. */
async function isServed({ stack, demo }: Product): Promise<boolean> {
  const speaker = await openSpeaker({ url: stack.mcp, key: demo.account.api_key, era: 'legacy' })
  const { result } = await speaker.send('tools/call', {
    name: 'rec__safe_echo',
    arguments: { text: 'hello' },
  })
  return result !== undefined && result['isError'] !== true
}

async function isHealthy({ stack }: Product): Promise<boolean> {
  try {
    const response = await fetch(`${stack.api}/health`, { signal: AbortSignal.timeout(5_000) })
    await response.body?.cancel()
    return response.ok
  } catch {
    return false
  }
}

/** Polls until it is so; false when it is not in time. */
export async function until(check: () => boolean | Promise<boolean>, withinMs: number): Promise<boolean> {
  const endMs = performance.now() + withinMs
  while (!(await check())) {
    if (performance.now() > endMs) return false
    await sleep(20)
  }
  return true
}
