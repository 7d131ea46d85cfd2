// Load on servers: so many clients, each with one call at a time, in slices. CPU time is the server processes' own,
// from /proc; the lowest slice is the steadiest figure on a shared machine.
import { readFileSync } from 'node:fs'
import { Pool } from 'undici'

export type Shot = { headers: Record<string, string>; body?: string }

export type Target = {
  name: string
  url: string
  method?: 'GET' | 'POST'
  /** The processes that do the work. */
  pids: number[]
  /** The next call of a client. */
  shot: (client: number) => Shot
  /** Whether the answer is what it should be. */
  check: (text: string, client: number) => boolean
  /** Address that a client calls from, where the server limits by address. */
  from?: (client: number) => string
}

export type Slice = { calls: number; seconds: number; cpuUs: number; latenciesMs: number[] }
export type Figures = {
  name: string
  clients: number
  perSecond: number
  p50Ms: number
  p99Ms: number
  cpuUsPerCall: number
}

/** Calls a target for `seconds`; throws when an answer is not what it should be. */
export async function runSlice(target: Target, clients: number, seconds: number): Promise<Slice> {
  const { origin, pathname, search } = new URL(target.url)
  const pools = connections(target, origin, clients)
  const latenciesMs: number[] = []
  const cpuBefore = cpuUsOf(target.pids)
  const startedMs = performance.now()
  const endMs = startedMs + seconds * 1000
  const client = async (pool: Pool, at: number) => {
    while (performance.now() < endMs) {
      const { headers, body } = target.shot(at)
      const sentMs = performance.now()
      const response = await pool.request({
        path: pathname + search,
        method: target.method ?? 'POST',
        headers,
        body: body ?? null,
      })
      const text = await response.body.text()
      if (!target.check(text, at))
        throw new Error(`${target.name} answered ${response.statusCode}: ${text.slice(0, 300)}`)
      latenciesMs.push(performance.now() - sentMs)
    }
  }
  await Promise.all(pools.map(client))
  const took = (performance.now() - startedMs) / 1000
  const cpuUs = cpuUsOf(target.pids) - cpuBefore
  await Promise.all([...new Set(pools)].map((pool) => pool.close()))
  return { calls: latenciesMs.length, seconds: took, cpuUs, latenciesMs }
}

/** For each client the pool it calls through: one for all, or one each where addresses differ. */
function connections({ from }: Target, origin: string, clients: number): Pool[] {
  if (from === undefined) {
    const shared = new Pool(origin, { connections: clients })
    return Array.from({ length: clients }, () => shared)
  }
  return Array.from(
    { length: clients },
    (_, client) => new Pool(origin, { connections: 1, localAddress: from(client) }),
  )
}

/** So many calls of each, however long it takes: a slow server's code is else still being compiled when it is measured. */
export async function warmUp(targets: Target[], clients: number, calls: number): Promise<void> {
  for (const target of targets) {
    for (let done = 0; done < calls;) done += (await runSlice(target, clients, WARM_SLICE_SECONDS)).calls
  }
}

const WARM_SLICE_SECONDS = 1

/** Calls the targets by turns, so that what disturbs the machine disturbs them alike. */
export async function compare(
  targets: Target[],
  clients: number,
  slices: number,
  sliceSeconds: number,
): Promise<Figures[]> {
  const results = new Map(targets.map((target) => [target, [] as Slice[]]))
  for (const target of targets) await runSlice(target, clients, sliceSeconds) // warm
  for (let slice = 0; slice < slices; slice++) {
    for (const target of targets) results.get(target)?.push(await runSlice(target, clients, sliceSeconds))
  }
  return targets.map((target) => figures(target.name, clients, results.get(target) ?? []))
}

function figures(name: string, clients: number, slices: Slice[]): Figures {
  const latencies = slices.flatMap((slice) => slice.latenciesMs)
  return {
    name,
    clients,
    perSecond: Math.max(...slices.map((slice) => slice.calls / slice.seconds)),
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    cpuUsPerCall: Math.min(...slices.map((slice) => slice.cpuUs / slice.calls)),
  }
}

/** The value below which `part` (0 to 1) of the values lie. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((left, right) => left - right)
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN
}

const CLOCK_TICK_US = 10_000 // USER_HZ is 100 on Linux.

/** User and system time of processes so far, in microseconds. */
function cpuUsOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return sum + (Number(fields[11]) + Number(fields[12])) * CLOCK_TICK_US
  }, 0)
}
