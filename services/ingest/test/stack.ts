// The service with its real stores, for tests of this folder.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bus } from '@mcpshield/bus/connect'
import { billing } from '@mcpshield/contracts/billing'
import { PLANS, type PlanLimits } from '@mcpshield/contracts/plans'
import { createLog } from '@mcpshield/runtime/log'
import { silent, startTestBus } from '@mcpshield/testkit/bus'
import { freshClickhouse, freshRedis } from '@mcpshield/testkit/fresh'
import { connectClickhouse } from '../src/clickhouse.ts'
import { start } from '../src/start.ts'
import { applyTables } from '../src/tables.ts'
import type { AuditEvent } from '@mcpshield/contracts/audit'
import type { Input, Output } from '@mcpshield/contracts/define'
import type { flow } from '@mcpshield/contracts/flow'
import { ingest } from '@mcpshield/contracts/ingest'
import { ORG } from './events.ts'

/** The service in this process on fresh stores, and the others as which a test speaks to it. */
export async function startStack(stack: AsyncDisposableStack) {
  const bus = stack.use(await startTestBus(silent))
  const { url } = stack.use(await freshClickhouse())
  const redis = stack.use(await freshRedis())
  const store = stack.use(connectClickhouse(url))
  await applyTables(store)
  const config = {
    NATS_URL: bus.url,
    NATS_CREDS: bus.creds('ingest'),
    CLICKHOUSE_URL: url,
    REDIS_URL: redis.url,
  }
  stack.use(await start(config, createLog('ingest', { level: 'fatal' })))
  const gateway = stack.use(await bus.connect('rest-gateway'))
  const publisher = stack.use(await bus.connect('mcp-gateway'))
  return { bus, store, redisUrl: redis.url, config, gateway, publisher }
}

export type Stack = Awaited<ReturnType<typeof startStack>>

/** The plan's limits of an organisation, as billing publishes them. */
export async function setPlan({ bus }: Stack, org_id: string, limits: Partial<PlanLimits>): Promise<void> {
  await using connected = await bus.connect('billing')
  const writer = await connected.writer(billing.kv.entitlements)
  await writer.put(org_id, { org_id, plan: 'pro', limits: { ...PLANS.pro.limits, ...limits } })
}

export const keyOf = (org_id: string, project_id: string) => ({
  caller: { kind: 'key', key_id: ORG, project_id, org_id, digest: 'd' } as const,
})

export type Gateway = Bus<(typeof flow)['rest-gateway']>
export type ListInput = Input<typeof ingest.rpc.listAudits>
export type AuditPage = Output<typeof ingest.rpc.listAudits>

export const personOf = (org_id: string) => ({
  caller: { kind: 'user', user_id: ORG, org_id, role: 'viewer', session_id: 's' } as const,
})

export const listAudits = (gateway: Gateway, input: ListInput, org = ORG): Promise<AuditPage> =>
  gateway.call(ingest.rpc.listAudits, input, personOf(org))

/** All pages in one direction, beginning with `first`. */
export async function walk(
  gateway: Gateway,
  first: AuditPage,
  direction: 'next_cursor' | 'prev_cursor',
  input: ListInput,
  org = ORG,
): Promise<AuditPage[]> {
  const pages = [first]
  for (let cursor = first[direction]; cursor !== null; cursor = pages.at(-1)![direction])
    pages.push(await listAudits(gateway, { ...input, cursor }, org))
  return pages
}

/** Repeats until it holds; the last value otherwise. */
export async function eventually<T>(
  read: () => Promise<T>,
  holds: (value: T) => boolean,
  ms: number,
): Promise<T> {
  for (const end = Date.now() + ms; ; await sleep(50)) {
    const value = await read()
    if (holds(value) || Date.now() > end) return value
  }
}

/** The service as a process of its own, to be killed. */
export async function forkIngest(env: Record<string, string>): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, '../src/main.ts'), {
    env: { PATH: process.env.PATH, LOG_LEVEL: 'fatal', ...env },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const [said] = (await once(child, 'message')) as [unknown]
  if (said !== 'ready') throw new Error(`ingest did not start: ${JSON.stringify(said)}`)
  return child
}

export async function killed(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  const exit = once(child, 'exit')
  child.kill(signal)
  const [code] = (await exit) as [number | null]
  return code
}

export const shownOf = (pages: AuditPage[]): Output<typeof ingest.rpc.getAudit>[] =>
  pages.flatMap((page) => page.items)

/** Newest first, as the record is shown. */
export function newestFirst(events: AuditEvent[]): string[] {
  return events
    .map(({ time, id }) => `${time} ${id}`)
    .sort()
    .reverse()
}
