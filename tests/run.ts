// `npm test`: every test, cheapest first, and one closing line with the totals. `npm test -- stack` runs
// one part. A part that fails does not hide the others.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { findChromium } from '@mcpshield/web/test/chromium'

/** Those of a group run beside each other: tests of the whole product mostly wait, for its processes and its clocks. */
const GROUPS = [['fast'], ['real'], ['stack', 'browser']]
const PARTS = GROUPS.flat()
/** Tests on real stores wait for these, and for deadlines: more at once than there are cores. */
const WORKERS: Record<string, string[]> = { real: [`--maxWorkers=${availableParallelism() + 1}`] }

/** What we read of vitest's JSON report. */
interface Report {
  numPassedTests: number
  numFailedTests: number
  numPendingTests: number
  testResults: {
    name: string
    status: string
    message: string
    assertionResults: { fullName: string; status: string; failureMessages: string[] }[]
  }[]
}

const wanted = process.argv.slice(2)
const parts = wanted.length === 0 ? PARTS : wanted
for (const part of parts.filter((each) => !PARTS.includes(each))) {
  console.error(`There is no part ${part}; there are ${PARTS.join(', ')}.`)
  process.exit(2)
}
const folder = mkdtempSync(join(tmpdir(), 'mcpshield-test-run-'))
const totals = { passed: 0, failed: 0, skipped: 0 }
const failures: string[] = []
let broken = false

const vitest = join(import.meta.dirname, '../node_modules/vitest/vitest.mjs')

for (const group of GROUPS) {
  const together = group.filter((part) => parts.includes(part))
  await Promise.all(together.map((part) => runPart(part, together.length > 1)))
}
rmSync(folder, { recursive: true, force: true })

// Last, so that the end of a long log says what failed.
for (const failure of failures) console.log(`\nFAILED ${failure}`)
console.log(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`)
process.exitCode = broken || totals.failed > 0 || totals.passed === 0 ? 1 : 0

async function runPart(part: string, isOneOfSeveral: boolean): Promise<void> {
  if (part === 'browser' && findChromium() === undefined) {
    const skipped = countTests(part)
    console.warn(
      `\nSKIPPED: ${skipped} tests in a browser. Install Chromium (apt install chromium), or name it in CHROMIUM.\n`,
    )
    totals.skipped += skipped
    return
  }
  const report = join(folder, `${part}.json`)
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const args = ['run', '--project', part, ...(WORKERS[part] ?? []), ...reporters]
  const child = spawn(process.execPath, [vitest, ...args], {
    stdio: isOneOfSeveral ? ['ignore', 'pipe', 'pipe'] : 'inherit',
  })
  // Whose line it is, where two write.
  for (const stream of [child.stdout, child.stderr])
    if (stream !== null)
      createInterface({ input: stream }).on('line', (line) => console.log(`${part}: ${line}`))
  const [status] = (await once(child, 'close')) as [number | null]
  if (status !== 0) broken = true
  add(report)
}

function countTests(part: string): number {
  const { stdout } = spawnSync(process.execPath, [vitest, 'list', '--project', part, '--json'], {
    encoding: 'utf8',
  })
  return (JSON.parse(stdout.slice(stdout.indexOf('['))) as unknown[]).length
}

/** Tests that failed, and files that could not be run at all, as text. */
function failuresOf(file: Report['testResults'][number]): string[] {
  const failed = file.assertionResults.filter((test) => test.status === 'failed')
  if (failed.length > 0) {
    return failed.map((test) => `${file.name} > ${test.fullName}\n${test.failureMessages.join('\n')}`)
  }
  return file.status === 'failed'
    ? [`${file.name}\n${file.message || 'Before or after its tests: see above.'}`]
    : []
}

function add(report: string): void {
  try {
    const results = JSON.parse(readFileSync(report, 'utf8')) as Report
    totals.passed += results.numPassedTests
    totals.failed += results.numFailedTests
    totals.skipped += results.numPendingTests
    failures.push(...results.testResults.flatMap(failuresOf))
  } catch (error) {
    console.error(`no report: ${(error as Error).message}`)
    broken = true
  }
}
