// `npm run test:mutation [word …]`: takes each enforcement call out of a copy of the gateway and its decision point, and
// expects tests to fail. Words choose mutants by file or by reason. Exits with 1 when one survives, with 2 when it cannot be
// told.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { MUTANTS, type Mutant, type Tests } from './mutation/mutants.ts'
import { startChangeableProduct, type ChangeableProduct } from './mutation/product.ts'

const ROOT = join(import.meta.dirname, '..')

type Run = { failed: string | undefined; output: string }
type Row = { mutant: Mutant; failed: string | undefined; seconds: number }

const words = process.argv.slice(2)
const chosen = MUTANTS.filter(
  ({ file, why }) => words.length === 0 || words.some((word) => `${file} ${why}`.includes(word)),
)
await using product = await startChangeableProduct(() => undefined)
await requireGreen(product, chosen)
const rows: Row[] = []
for (const mutant of chosen) {
  const startedMs = performance.now()
  const { failed } = await product
    .changed(mutant.file, mutant.find, mutant.replace, () => runTests(product, mutant.tests))
    .catch((error: unknown): Run => {
      console.error(`cannot be told: ${mutant.file}: ${mutant.why}: ${String(error).slice(0, 2_000)}`)
      process.exitCode = 2
      return { failed: undefined, output: '' }
    })
  const row = { mutant, failed, seconds: Math.round((performance.now() - startedMs) / 1000) }
  rows.push(row)
  console.log(lineOf(row))
}
const survivors = rows.filter(({ failed }) => failed === undefined)
console.log(
  `\n${rows.length} mutants, ${rows.length - survivors.length} killed, ${survivors.length} survived`,
)
for (const { mutant } of survivors) console.log(`survived: ${mutant.file}: ${mutant.why}`)
if (survivors.length > 0) process.exitCode ??= 1

/** Tests that fail anyway would tell nothing. */
async function requireGreen(on: ChangeableProduct, mutants: Mutant[]): Promise<void> {
  const all = new Map(mutants.map(({ tests }) => [JSON.stringify(tests), tests]))
  const units = [...all.values()].filter((tests) => 'unit' in tests)
  const files = new Map<string, string[]>()
  for (const tests of all.values())
    if ('e2e' in tests) files.set(tests.e2e, [...(files.get(tests.e2e) ?? []), tests.only])
  const whole = [...files].map(([e2e, only]): Tests => ({ e2e, only: only.join('|') }))
  for (const tests of [...units, ...whole]) {
    const { failed, output } = await runTests(on, tests)
    if (failed === undefined) continue
    console.error(`${JSON.stringify(tests)} fails without any change: ${failed}\n${output.slice(-4_000)}`)
    await on[Symbol.asyncDispose]()
    process.exit(2)
  }
}

async function runTests(on: ChangeableProduct, tests: Tests): Promise<Run> {
  if ('unit' in tests) {
    const file = `services/mcp-gateway/test/${tests.unit}.test.ts`
    return vitest(on, ['--root', on.folder, file])
  }
  const file = `tests/e2e/${tests.e2e}.e2e.test.ts`
  const bounds = ['--testTimeout', '30000', '--hookTimeout', '60000']
  return on.running(() => vitest(on, ['--project', 'stack', file, '-t', tests.only, ...bounds]))
}

async function vitest(on: ChangeableProduct, args: string[]): Promise<Run> {
  const report = join(on.folder, 'report.json')
  rmSync(report, { force: true })
  const program = join(ROOT, 'node_modules/vitest/vitest.mjs')
  const reporting = ['--reporter=json', `--outputFile=${report}`, '--bail', '1']
  const child = spawn(process.execPath, [program, 'run', ...args, ...reporting], {
    cwd: ROOT,
    env: { ...process.env, MCP_WORLD: JSON.stringify(on.place) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  return { failed: failureIn(report, code, output), output }
}

type Report = {
  numPassedTests: number
  testResults: {
    status: string
    message: string
    assertionResults: { status: string; fullName: string; failureMessages?: string[] }[]
  }[]
}

/** The first test that failed; a run that ran nothing tells nothing. */
function failureIn(report: string, code: number | null, output: string): string | undefined {
  const { numPassedTests, testResults } = JSON.parse(readFileSync(report, 'utf8')) as Report
  const failed = testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter(({ status }) => status === 'failed'),
  )[0]
  if (failed !== undefined) {
    const [why = ''] = failed.failureMessages ?? []
    return `${failed.fullName.trim()} (${why.split('\n')[0]?.slice(0, 200)})`
  }
  if (code === 0 && numPassedTests > 0) return undefined
  const [broken] = testResults.filter(({ status }) => status === 'failed')
  if (broken !== undefined) return `setting up: ${broken.message.split('\n')[0]?.slice(0, 200)}`
  throw new Error(`No test ran:\n${output.slice(-4_000)}`)
}

function lineOf({ mutant: { file, why }, failed, seconds }: Row): string {
  const what = `${file}: ${why}`.padEnd(84)
  return failed === undefined
    ? `SURVIVED ${what} ${seconds} s`
    : `killed   ${what} ${seconds} s  ${failed.slice(0, 120)}`
}
