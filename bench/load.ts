// Load on one server: so many clients, each with one call at a time, in slices. CPU time is the server
// process's own, from /proc; the lowest slice is the steadiest figure on a shared machine.
import { readFileSync } from 'node:fs'
import { Pool } from 'undici'

export type Target = {
  name: string
  url: string
  pid: number
  headers: Record<string, string>
  body: string
  check: (text: string) => boolean
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
  const { origin, pathname } = new URL(target.url)
  const pool = new Pool(origin, { connections: clients })
  const latenciesMs: number[] = []
  const cpuBefore = cpuUsOf(target.pid)
  const startedMs = performance.now()
  const endMs = startedMs + seconds * 1000
  const client = async () => {
    while (performance.now() < endMs) {
      const sentMs = performance.now()
      const response = await pool.request({
        path: pathname,
        method: 'POST',
        headers: target.headers,
        body: target.body,
      })
      const text = await response.body.text()
      if (!target.check(text))
        throw new Error(`${target.name} answered ${response.statusCode}: ${text.slice(0, 300)}`)
      latenciesMs.push(performance.now() - sentMs)
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  const took = (performance.now() - startedMs) / 1000
  const cpuUs = cpuUsOf(target.pid) - cpuBefore
  await pool.close()
  return { calls: latenciesMs.length, seconds: took, cpuUs, latenciesMs }
}

/** Runs the targets by turns, so that what disturbs the machine disturbs them alike. */
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
  const sorted = slices.flatMap((slice) => slice.latenciesMs).sort((left, right) => left - right)
  const at = (part: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN
  return {
    name,
    clients,
    perSecond: Math.max(...slices.map((slice) => slice.calls / slice.seconds)),
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    cpuUsPerCall: Math.min(...slices.map((slice) => slice.cpuUs / slice.calls)),
  }
}

const CLOCK_TICK_US = 10_000 // USER_HZ is 100 on Linux.

/** User and system time of a process so far, in microseconds. */
function cpuUsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * CLOCK_TICK_US
}
