// `npm run bench:load`: a thousand clients at a constant rate, at the gateway and beside it at a bare relay to the same
// upstream. RATE calls a second (500), SECONDS each (30), CLIENTS (1000), PORT (18000).
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { table } from '@mcpshield/infra/dev/table.ts'
import { quantile, warmUp, type Target } from './load.ts'
import { runOpenLoop, type OpenLoopResult } from './open-loop.ts'
import { usageOfAll, type Pids, type Usage } from './processes.ts'
import { openBenchWorld, type BenchWorld } from './world.ts'

const number = (name: string, byDefault: number) => Number(process.env[name] ?? byDefault)
const settings = {
  clients: number('CLIENTS', 1_000),
  perSecond: number('RATE', 500),
  seconds: number('SECONDS', 30),
}
const WARM_CALLS = number('WARM_CALLS', 5_000)
const WARM_CLIENTS = 32

type Measured = {
  name: string
  result: OpenLoopResult
  before: Record<string, Usage>
  after: Record<string, Usage>
}

await using world = await openBenchWorld({
  firstPort: number('PORT', 18_000),
  clients: settings.clients,
  progress: (line) => console.error(line),
})
console.error('warming')
await warmUp([world.bare, world.gateway], WARM_CLIENTS, WARM_CALLS)
const measured: Measured[] = []
for (const target of [world.bare, world.gateway]) {
  console.error(`${target.name}: ${settings.perSecond} calls a second for ${settings.seconds} s`)
  measured.push(await measure(world, target))
}
show(measured)
keep(measured)
process.exitCode = measured.some(({ result }) => result.errors > 0) ? 1 : 0

async function measure({ stack, relay, upstream }: BenchWorld, target: Target): Promise<Measured> {
  const pids: Pids = {
    ...stack.pids(),
    relay: relay.pid,
    upstream: upstream.pid,
    'the load itself': process.pid,
  }
  const before = usageOfAll(pids)
  const result = await runOpenLoop(target, settings)
  return { name: target.name, result, before, after: usageOfAll(pids) }
}

function show(all: Measured[]): void {
  const rows = all.map(({ name, result }) => [
    name,
    (result.answered / result.seconds).toFixed(0),
    ...[0.5, 0.99, 0.999, 1].map((part) => quantile(result.latenciesMs, part).toFixed(2)),
    String(result.errors),
    String(result.waited),
  ])
  const head = [
    'server',
    'calls/s',
    'p50 ms',
    'p99 ms',
    'p99.9 ms',
    'max ms',
    'errors',
    'waited for a client',
  ]
  console.log(
    `\n${settings.clients} clients, ${settings.perSecond} calls a second are due\n${table(head, rows)}`,
  )
  for (const { name, result, before, after } of all) {
    const processes = Object.entries(after)
      .map(([process, { cpuMs, residentMiB }]) => ({
        process,
        cores: (cpuMs - (before[process]?.cpuMs ?? cpuMs)) / 1_000 / result.seconds,
        usPerCall: ((cpuMs - (before[process]?.cpuMs ?? cpuMs)) * 1_000) / Math.max(1, result.answered),
        residentMiB,
      }))
      .filter(({ cores }) => cores > 0.001)
      .sort((left, right) => right.cores - left.cores)
    console.log(`\nwhile calling the ${name}`)
    const cells = processes.map((each) => [
      each.process,
      each.cores.toFixed(2),
      each.usPerCall.toFixed(0),
      each.residentMiB.toFixed(0),
    ])
    console.log(table(['process', 'cores', 'CPU µs/call', 'MiB'], cells))
  }
  for (const { name, result } of all)
    if (result.firstError !== undefined) console.error(`${name}: ${result.firstError}`)
}

function keep(all: Measured[]): void {
  const folder = join(import.meta.dirname, 'results')
  mkdirSync(folder, { recursive: true })
  const figures = all.map(({ name, result: { latenciesMs, ...result }, before, after }) => ({
    name,
    ...result,
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
    p999Ms: quantile(latenciesMs, 0.999),
    before,
    after,
  }))
  writeFileSync(join(folder, 'load.json'), `${JSON.stringify({ ...settings, figures }, null, 2)}\n`)
}
