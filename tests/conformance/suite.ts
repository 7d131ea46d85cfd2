// Runs the official suite as a program and reads what it writes.
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, relative } from 'node:path'
import { requirementsOf, suiteFolder, type Leg, type Revision } from './requirements.ts'

export type ScenarioResult = {
  scenario: string
  /** Why it does not count; counted where absent. */
  notScored?: string
  passed: boolean
  /** What was wrong, failures first; warnings are no failures. */
  failures: string[]
  warnings: string[]
}

export type Target =
  | { leg: 'server'; url: string }
  /** Run by a shell at the root of the repository, the URL of the suite's server appended. */
  | { leg: 'client'; command: string }

type Check = { id: string; status: string; description: string; errorMessage?: string }

const SCENARIO_TIMEOUT_MS = 60_000
const RUN_TIMEOUT_MS = 240_000
const ROOT = join(import.meta.dirname, '../..')

/** One result for each scenario that the revision names, in its order; one that left no result has failed. */
export async function runSuite(revision: Revision, target: Target): Promise<ScenarioResult[]> {
  const folder = mkdtempSync(join(tmpdir(), 'mcpshield-conformance-'))
  try {
    const { scored, notScored } = requirementsOf(revision, target.leg)
    const problem = await run(revision, target, folder)
    const found = readChecks(folder, target.leg)
    const result = (scenario: string) => resultOf(scenario, found.get(scenario), problem)
    return [
      ...scored.map(result),
      ...notScored.map(({ scenario, reason }) => ({ ...result(scenario), notScored: reason })),
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What went wrong with the run as a whole; failed scenarios are no such thing. */
async function run(revision: Revision, target: Target, folder: string): Promise<string | undefined> {
  const which = target.leg === 'server' ? ['--url', target.url] : ['--command', target.command]
  const limits = ['--timeout', String(SCENARIO_TIMEOUT_MS), '--requirements', revision, '-o', folder]
  const child = spawn(
    process.execPath,
    [join(suiteFolder, 'dist/index.js'), target.leg, ...which, ...limits],
    {
      cwd: ROOT,
      // A client under test is started with the Node that runs this.
      env: { ...process.env, PATH: [dirname(process.execPath), process.env.PATH].join(delimiter) },
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: RUN_TIMEOUT_MS,
      killSignal: 'SIGKILL',
    },
  )
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2_000)))
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (...how) => resolve(how))
  })
  if (code !== null && code <= 1) return undefined
  return `the suite ended with ${signal ?? code}: ${said.trim().split('\n').at(-1)}`
}

/** Each scenario has a folder `[server-]<scenario>-<time>`, below another where its name has a slash. */
function readChecks(folder: string, leg: Leg): Map<string, Check[]> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
  return new Map(
    files
      .filter((entry) => entry.name === 'checks.json')
      .map(({ parentPath }) => {
        const name = relative(folder, parentPath).replace(/-\d{4}-\d\d-\d\dT[\d-]+Z$/, '')
        const checks = JSON.parse(readFileSync(join(parentPath, 'checks.json'), 'utf8')) as Check[]
        return [leg === 'server' ? name.replace(/^server-/, '') : name, checks]
      }),
  )
}

function resultOf(
  scenario: string,
  checks: Check[] | undefined,
  problem: string | undefined,
): ScenarioResult {
  if (checks === undefined) {
    return { scenario, passed: false, failures: [problem ?? 'it left no result'], warnings: [] }
  }
  const told = (status: string) =>
    checks
      .filter((check) => check.status === status)
      .map(({ id, description, errorMessage }) => `${id}: ${errorMessage ?? description}`)
  const failures = told('FAILURE')
  // Nothing was found wrong, but nothing was found either, unless the suite says that it left the scenario out.
  const looked = checks.some(({ status }) => status === 'SUCCESS' || status === 'SKIPPED')
  if (!looked && failures.length === 0) failures.push('no check was made')
  return { scenario, passed: failures.length === 0, failures, warnings: told('WARNING') }
}
