// `npm run bench`: each figure beside its yardstick, in one run; a table for people, JSON for programs.
// `npm run bench -- policy`, `-- facts`, `-- redaction`, `-- gateway`, `-- api` or `-- audits` runs one part; `-- audits 1 10` on 1 and 10 million rows.
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { table } from '@mcpshield/infra/dev/table.ts'
import { benchApi, type ApiBench } from './api.ts'
import { benchAudits, type AuditsBench } from './audits.ts'
import { benchGateway } from './gateway.ts'
import type { Figures } from './load.ts'

const words = process.argv.slice(2)
const parts = words.filter((word) => !/^\d+$/.test(word))
const given = words.filter((word) => /^\d+$/.test(word)).map(Number)
const millions = given.length === 0 ? [1] : given
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
if (wants('facts')) {
  const { benchFacts, factsTable } = await import('./facts.ts')
  const figures = await benchFacts()
  results.facts = figures
  console.log(`\nFacts of statements and commands\n${factsTable(figures)}`)
}
if (wants('redaction')) {
  const { benchRedaction, redactionTable } = await import('./redaction.ts')
  const figures = benchRedaction()
  results.redaction = figures
  console.log(`\nRedaction with every detector\n${redactionTable(figures)}`)
}
if (wants('gateway')) {
  const figures = await benchGateway((line) => console.error(line))
  results.gateway = figures
  console.log(`\nOne tools/call, policy and audit on\n${callTable(figures.calls)}`)
  const idle = figures.idleSessions.map(({ name, mibPerThousand }) => [name, String(mibPerThousand)])
  console.log(`\nA thousand sessions that called once\n${table(['server', 'MiB'], idle)}`)
  const memory = Object.entries(figures.memoryMiB).map(([name, mib]) => [name, String(mib)])
  const total = Object.values(figures.memoryMiB).reduce((sum, each) => sum + each, 0)
  console.log(`\nStart of the stack from nothing: ${figures.startSeconds.toFixed(1)} s; memory:`)
  console.log(table(['process', 'MiB'], [...memory, ['total', String(total)]]))
}
if (wants('api')) {
  const figures = await benchApi((line) => console.error(line))
  results.api = figures
  console.log(`\nThe API, ${figures.calls[0]?.clients} clients\n${apiTable(figures.calls)}`)
  const { argon2Ms, p50Ms, p99Ms } = figures.login
  console.log(
    `\nlogin ${p50Ms.toFixed(1)} ms (p99 ${p99Ms.toFixed(1)}), of which argon2 ${argon2Ms.toFixed(1)} ms`,
  )
}
if (wants('audits')) {
  const figures = await benchAudits(millions, (line) => console.error(line))
  results.audits = figures
  console.log(`\nGET /audits with three filters, first page of 50\n${auditsTable(figures)}`)
}

const folder = join(import.meta.dirname, 'results')
mkdirSync(folder, { recursive: true })
writeFileSync(join(folder, 'latest.json'), `${JSON.stringify(results, null, 2)}\n`)

function callTable(figures: Figures[]): string {
  const rows = figures.map((each) => {
    const beside = (name: string) =>
      figures.find((other) => other.name === name && other.clients === each.clients)
    const relay = beside('relay')
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
      ratio(each.cpuUsPerCall, beside('SDK proxy')?.cpuUsPerCall),
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
    'CPU ÷ SDK proxy',
    'calls/s ÷ relay',
  ]
  return table(head, rows)
}

function apiTable(calls: ApiBench['calls']): string {
  const rows = calls.map((each) => {
    const bare = calls.find(({ name }) => name === each.yardstick)
    const events = each.perSecond * (each.eventsPerCall ?? 0)
    return [
      each.name,
      each.perSecond.toFixed(0),
      events === 0 ? '' : events.toFixed(0),
      each.p50Ms.toFixed(2),
      each.p99Ms.toFixed(2),
      each.cpuUsPerCall.toFixed(0),
      bare === undefined ? '' : (each.cpuUsPerCall / bare.cpuUsPerCall).toFixed(2),
    ]
  })
  return table(['route', 'calls/s', 'events/s', 'p50 ms', 'p99 ms', 'CPU µs/call', 'CPU ÷ bare'], rows)
}

function auditsTable(figures: AuditsBench): string {
  const rows = figures.map(({ rows, p50Ms, p99Ms, selectOneP50Ms }) => [
    rows.toLocaleString('en'),
    p50Ms.toFixed(1),
    p99Ms.toFixed(1),
    selectOneP50Ms.toFixed(1),
    (p50Ms / (figures[0]?.p50Ms ?? p50Ms)).toFixed(2),
  ])
  return table(['records', 'p50 ms', 'p99 ms', 'SELECT 1, p50 ms', 'p50 ÷ the first'], rows)
}
