// `npm run test:faults [name …]`: what happens to a product under load when something breaks. Ends with 1 when anything was
// lost, decided wrongly, or did not recover. `-- --list` says what there is.
import { table } from '@mcpshield/infra/dev/table.ts'
import { FAULTS, type Fault } from './faults.ts'
import { runFault, type FaultReport } from './run-fault.ts'
import { openFaultWorld } from './world.ts'

const number = (name: string, byDefault: number) => Number(process.env[name] ?? byDefault)
const settings = {
  clients: number('CLIENTS', 16),
  warmSeconds: number('WARM_SECONDS', 2),
  afterSeconds: number('AFTER_SECONDS', 1),
  cutSeconds: number('CUT_SECONDS', 60),
  faultSeconds: number('FAULT_SECONDS', 5),
}
const firstPort = number('PORT', 22_500)
const names = process.argv.slice(2)

if (names.includes('--list')) {
  console.log(
    table(
      ['fault', 'what'],
      FAULTS.map(({ name, what }) => [name, what]),
    ),
  )
} else {
  const unknown = names.filter((name) => FAULTS.every((fault) => fault.name !== name))
  if (unknown.length > 0)
    throw new Error(`There is no fault ${unknown.join(', ')}; --list says what there is.`)
  process.exitCode = (await runAll(
    names.length === 0 ? FAULTS : FAULTS.filter(({ name }) => names.includes(name)),
  ))
    ? 0
    : 1
}

async function runAll(faults: readonly Fault[]): Promise<boolean> {
  console.error('starting a product')
  await using world = await openFaultWorld(firstPort)
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(
      signal,
      () => void Promise.resolve(world[Symbol.asyncDispose]()).finally(() => process.exit(1)),
    )
  const reports: FaultReport[] = []
  for (const fault of faults) {
    const missing = fault.missing?.()
    if (missing !== undefined) {
      console.error(`${fault.name}: SKIPPED, ${missing}`)
      continue
    }
    console.error(`${fault.name}: ${fault.what}`)
    const report = await runFault(world, fault, settings)
    for (const problem of report.problems) console.error(`  ${problem}`)
    reports.push(report)
  }
  console.log(reportTable(reports))
  return reports.every(({ lost, wrong, problems }) => lost === 0 && wrong === 0 && problems.length === 0)
}

function reportTable(reports: FaultReport[]): string {
  const rows = reports.map((each) => [
    each.name,
    String(each.answered),
    String(each.unavailable),
    String(each.lost),
    String(each.wrong),
    each.recoveredInMs === undefined ? 'not' : Math.round(each.recoveredInMs).toString(),
    Math.round(each.recordedInMs).toString(),
  ])
  return table(['fault', 'answered', 'unavailable', 'lost', 'wrong', 'recovered, ms', 'recorded, ms'], rows)
}
