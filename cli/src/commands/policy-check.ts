// `mcpshield policy check FILE…`
import { drawFacts, prepareParsers } from '@mcpshield/facts/draw'
import type { Diagnostic } from '@mcpshield/policy/parse'
import { runPolicyTests, type TestResult } from '@mcpshield/policy/run-tests'
import { readYaml } from '@mcpshield/policy/yaml-document'
import { colorsFor, diagnosticText, linesOf } from '../diagnostics-text.ts'
import { drawOptionsOf } from '../offline-decision.ts'
import { readPolicyFile, type PolicyFile } from '../policy-file.ts'
import { readSystems, type Systems } from '../systems-file.ts'
import { CommandError, DONE, NEGATIVE, USAGE, write, type World } from '../world.ts'

export type PolicyCheckOptions = { json?: boolean; organization?: boolean; connections?: string }

type Checked = {
  file: string
  text: string
  diagnostics: Diagnostic[]
  tests: TestResult[]
  unreadable?: boolean
}

/** Checks each file and runs the tests it carries; the exit code tells of the worst of them. */
export async function policyCheck(
  world: World,
  files: string[],
  options: PolicyCheckOptions,
): Promise<number> {
  const systems = await readSystems(world, options.connections)
  let exitCode = DONE
  for (const file of files) {
    const checked = await check(world, file, options, systems)
    await write(world.stdout, options.json ? asJson(checked) : asText(world, checked))
    if (checked.unreadable) exitCode = USAGE
    else if (checked.diagnostics.some(({ severity }) => severity === 'error'))
      exitCode = Math.max(exitCode, NEGATIVE)
  }
  return exitCode
}

async function check(
  world: World,
  file: string,
  options: PolicyCheckOptions,
  systems: Systems,
): Promise<Checked> {
  let read: PolicyFile
  try {
    read = await readPolicyFile(world, file, { organization: options.organization ?? false })
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    return {
      file,
      text: '',
      diagnostics: [atStart('file_unreadable', error.message)],
      tests: [],
      unreadable: true,
    }
  }
  const tests = await testsOf(read, systems)
  const diagnostics = [...failures(read.text, tests), ...read.diagnostics]
  diagnostics.sort((a, b) => a.line - b.line || a.column - b.column)
  return { file, text: read.text, diagnostics, tests }
}

function atStart(code: string, message: string): Diagnostic {
  return { line: 1, column: 1, severity: 'error', code, message }
}

async function testsOf({ policy }: PolicyFile, systems: Systems): Promise<TestResult[]> {
  if (policy?.tests === undefined || policy.tests.length === 0) return []
  await prepareParsers()
  return runPolicyTests(policy, (call) => drawFacts(call, drawOptionsOf(policy, systems, call.tool)))
}

/** Failed tests as errors at the tests' own places. */
function failures(text: string, tests: TestResult[]): Diagnostic[] {
  if (tests.every(({ passed }) => passed)) return []
  const yaml = readYaml(text)
  return tests.flatMap((test, index) => {
    if (test.passed) return []
    const place =
      'document' in yaml ? yaml.document.locate(['tests', index], 'value') : { line: 1, column: 1 }
    return [{ ...place, severity: 'error' as const, code: 'test_failed', message: failure(test) }]
  })
}

function failure({ name, expected, got }: TestResult): string {
  const wanted = [expected.decision, expected.rule === undefined ? '' : `by ${expected.rule}`]
  return `The test “${name}” expects ${wanted.join(' ').trim()}, but it is ${got.decision} by ${got.rule}: ${got.reason}`
}

function asJson({ file, diagnostics, tests }: Checked): string {
  const told = tests.map(({ name, passed, expected, got }) => ({
    name,
    passed,
    expected,
    got: { decision: got.decision, rule: got.rule, reason: got.reason },
  }))
  return `${JSON.stringify({ file, diagnostics, tests: told })}\n`
}

function asText(world: World, { file, text, diagnostics, tests }: Checked): string {
  const colors = colorsFor(world, world.stdout)
  const lines = linesOf(text)
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length
  const summary = [
    errors === 0 ? colors.green('valid') : colors.red(count(errors, 'error')),
    ...(errors < diagnostics.length ? [count(diagnostics.length - errors, 'warning')] : []),
    ...(tests.length === 0
      ? []
      : [`${tests.filter(({ passed }) => passed).length} of ${count(tests.length, 'test')} passed`]),
  ]
  const told = diagnostics.map((each) => diagnosticText(file, lines, each, colors)).join('')
  return `${told}${colors.bold(file === '-' ? '<stdin>' : file)}: ${summary.join(', ')}\n`
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
