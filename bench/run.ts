// `npm run bench`: each figure beside its yardstick, in one run; a table for people, JSON for programs.
// `npm run bench -- policy` or `-- gateway` runs one part.
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { table } from '@mcpshield/infra/dev/table.ts'
import { benchGateway } from './gateway.ts'
import type { Figures } from './load.ts'

const parts = process.argv.slice(2)
const wants = (part: string) => parts.length === 0 || parts.includes(part)
const results: Record<string, unknown> = {
  time: new Date().toISOString(),
  node: process.version,
  machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
}

if (wants('policy')) {
  const { benchPolicy, policyTable } = await import('./policy.ts')
  const figures = await benchPolicy()
  results.policy = figures
  console.log(`\nDecisions of libs/policy\n${policyTable(figures)}`)
}
if (wants('gateway')) {
  const figures = await benchGateway((line) => console.error(line))
  results.gateway = figures
  console.log(`\nOne tools/call, policy and audit on\n${callTable(figures.calls)}`)
  const memory = Object.entries(figures.memoryMiB).map(([name, mib]) => [name, String(mib)])
  const total = Object.values(figures.memoryMiB).reduce((sum, each) => sum + each, 0)
  console.log(`\nStart of the stack from nothing: ${figures.startSeconds.toFixed(1)} s; memory:`)
  console.log(table(['process', 'MiB'], [...memory, ['total', String(total)]]))
}

const folder = join(import.meta.dirname, 'results')
mkdirSync(folder, { recursive: true })
writeFileSync(join(folder, 'latest.json'), `${JSON.stringify(results, null, 2)}\n`)

function callTable(figures: Figures[]): string {
  const rows = figures.map((each) => {
    const relay = figures.find((other) => other.name === 'relay' && other.clients === each.clients)
    const ratio = (value: number, of: number | undefined) =>
      of === undefined ? '' : `${(value / of).toFixed(2)}`
    return [
      each.name,
      String(each.clients),
      each.perSecond.toFixed(0),
      each.p50Ms.toFixed(2),
      each.p99Ms.toFixed(2),
      each.cpuUsPerCall.toFixed(0),
      ratio(each.cpuUsPerCall, relay?.cpuUsPerCall),
      ratio(each.perSecond, relay?.perSecond),
    ]
  })
  const head = [
    'server',
    'clients',
    'calls/s',
    'p50 ms',
    'p99 ms',
    'CPU µs/call',
    'CPU ÷ relay',
    'calls/s ÷ relay',
  ]
  return table(head, rows)
}
