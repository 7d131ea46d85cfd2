// `npm run soak`: load for MINUTES (20) at RATE calls a second (200) by CLIENTS (100), with people at the API beside it, and whether
// memory stays flat. Ends with 1 when, after WARM_PART (a quarter) of the time, the floor of a service's heap rises faster than
// MAX_HEAP_MIB_PER_HOUR (30), that of its resident memory faster than MAX_RSS_MIB_PER_HOUR (120), or that of a store's faster than
// MAX_STORE_MIB_PER_HOUR (600): stores fill caches of their own.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { START_ORDER } from '@mcpshield/infra/dev/services.ts'
import { table } from '@mcpshield/infra/dev/table.ts'
import { runOpenLoop } from './open-loop.ts'
import { usageOfAll } from './processes.ts'
import { floorOf, slopeOf, type Sample } from './slope.ts'
import { openBenchWorld, type BenchWorld } from './world.ts'

const number = (name: string, byDefault: number) => Number(process.env[name] ?? byDefault)
const minutes = number('MINUTES', 20)
const clients = number('CLIENTS', 100)
const perSecond = number('RATE', 200)
const firstPort = number('PORT', 18_000)
const metricsPort = firstPort + 50
const limits = {
  heap: number('MAX_HEAP_MIB_PER_HOUR', 30),
  rss: number('MAX_RSS_MIB_PER_HOUR', 120),
  store: number('MAX_STORE_MIB_PER_HOUR', 600),
}
const warmPart = number('WARM_PART', 0.25)
const SAMPLE_EVERY_MS = 2_000
const SHOWN_ROWS = 10
/** So many windows at least, however short the run. */
const WINDOWS = 12
const MIB = 1024 * 1024
const SERVICES: ReadonlySet<string> = new Set(START_ORDER.flat())
const COLLECTING = pathToFileURL(join(import.meta.dirname, 'collect-garbage.ts')).href

type Kind = 'heap' | 'rss'
type Series = Record<Kind, Map<string, Sample[]>>

await using world = await openBenchWorld({
  firstPort,
  clients,
  // People stay signed in for longer than the run.
  env: { METRICS_PORT: String(metricsPort), JWT_ACCESS_TOKEN_EXPIRE_MINUTES: '60' },
  everyService: { NODE_OPTIONS: `--expose-gc --import=${COLLECTING}` },
  progress: (line) => console.error(line),
})
const series: Series = { heap: new Map(), rss: new Map() }
const over = new AbortController()
console.error(`${perSecond} calls a second for ${minutes} minutes`)
const startedMs = performance.now()
const watching = watch(world, over.signal)
const people = usePeople(world, over.signal)
const result = await runOpenLoop(world.gateway, { clients, perSecond, seconds: minutes * 60 })
over.abort()
await Promise.all([watching, people])
process.exitCode = report() ? 0 : 1

async function watch({ stack }: BenchWorld, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const seconds = (performance.now() - startedMs) / 1_000
    for (const [name, { residentMiB }] of Object.entries(usageOfAll(stack.pids())))
      add('rss', name, seconds, residentMiB)
    await Promise.all(
      START_ORDER.flat().map(async (name, at) => {
        const heapMiB = await heapOf(metricsPort + at)
        if (heapMiB !== undefined) add('heap', name, seconds, heapMiB)
      }),
    )
    await sleep(SAMPLE_EVERY_MS, undefined, { signal }).catch(() => undefined)
  }
}

async function heapOf(port: number): Promise<number | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(2_000) })
    const bytes = /^nodejs_heap_size_used_bytes (\S+)/m.exec(await response.text())?.[1]
    return bytes === undefined ? undefined : Number(bytes) / MIB
  } catch {
    return undefined
  }
}

function add(kind: Kind, name: string, seconds: number, value: number): void {
  const samples = series[kind].get(name) ?? []
  series[kind].set(name, samples)
  samples.push({ seconds, value })
}

/** What people do meanwhile: they look at lists, and change a policy now and then. */
async function usePeople({ demo }: BenchWorld, signal: AbortSignal): Promise<void> {
  const at = `/projects/${demo.account.project_id}`
  for (let turn = 0; !signal.aborted; turn++) {
    await demo.api.get('/audits?limit=50').catch(() => undefined)
    await demo.api.get('/projects').catch(() => undefined)
    if (turn % 20 === 19) {
      const policy_yaml = `version: 1\nrules:\n  - { id: turn-${turn}, tool: "floor/echo", decision: allow }\n`
      await demo.api.send('PUT', `${at}/policy`, { policy_yaml }, { 'if-match': '*' }).catch(() => undefined)
    }
    await sleep(500, undefined, { signal }).catch(() => undefined)
  }
}

function report(): boolean {
  const { answered, errors, seconds, firstError } = result
  console.log(`\n${answered} calls answered, ${errors} not, ${(answered / seconds).toFixed(0)} a second`)
  if (firstError !== undefined) console.log(`the first that was not: ${firstError}`)
  showOverTime('rss')
  showOverTime('heap')
  const slopes = [...growthOf('heap'), ...growthOf('rss')]
  const rows = slopes.map(({ kind, name, perHour }) => [
    name,
    kind,
    perHour.toFixed(1),
    String(limitOf(kind, name)),
    perHour > limitOf(kind, name) ? 'GROWS' : 'flat',
  ])
  console.log(`\nGrowth of the floor\n${table(['process', 'memory', 'MiB an hour', 'limit', ''], rows)}`)
  keep(slopes)
  return errors === 0 && slopes.every(({ kind, name, perHour }) => perHour <= limitOf(kind, name))
}

function limitOf(kind: Kind, name: string): number {
  return kind === 'rss' && !SERVICES.has(name) ? limits.store : limits[kind]
}

type Growth = { kind: Kind; name: string; perHour: number }

function growthOf(kind: Kind): Growth[] {
  const fromSeconds = minutes * 60 * warmPart
  return [...series[kind]].map(([name, samples]) => {
    const later = samples.filter(({ seconds }) => seconds >= fromSeconds)
    const windowSeconds = Math.max(SAMPLE_EVERY_MS / 1_000, (minutes * 60 * (1 - warmPart)) / WINDOWS)
    return { kind, name, perHour: slopeOf(floorOf(later, windowSeconds)) * 3_600 }
  })
}

function showOverTime(kind: Kind): void {
  const names = [...series[kind].keys()]
  const windowSeconds = (minutes * 60) / SHOWN_ROWS
  const rows = Array.from({ length: SHOWN_ROWS }, (_, row) => [
    ((row * windowSeconds) / 60).toFixed(1),
    ...names.map((name) => {
      const samples = series[kind].get(name) ?? []
      const within = samples.filter(({ seconds }) => Math.floor(seconds / windowSeconds) === row)
      return within.length === 0 ? '' : Math.min(...within.map(({ value }) => value)).toFixed(0)
    }),
  ])
  console.log(
    `\n${kind === 'rss' ? 'Resident memory' : 'Heap'}, MiB, the lowest of each part\n${table(['minute', ...names], rows)}`,
  )
}

function keep(slopes: Growth[]): void {
  const folder = join(import.meta.dirname, 'results')
  mkdirSync(folder, { recursive: true })
  const { latenciesMs: _, ...figures } = result
  writeFileSync(
    join(folder, 'soak.json'),
    `${JSON.stringify({ minutes, perSecond, clients, ...figures, slopes }, null, 2)}\n`,
  )
}
