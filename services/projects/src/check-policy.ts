// Whether a policy may be saved: it has no error, and the tests it carries pass on facts drawn as a decision
// point draws them for this project.
import { drawFacts, prepareParsers } from '@mcpshield/facts/draw'
import { drawOptions, type Systems } from '@mcpshield/pdp/draw-options'
import { compile, type CompiledPolicy } from '@mcpshield/policy/compile'
import { parsePolicy, type Diagnostic } from '@mcpshield/policy/parse'
import { runPolicyTests, type TestCall, type TestResult } from '@mcpshield/policy/run-tests'
import type { Policy, PolicyTest } from '@mcpshield/policy/schema'
import { readYaml } from '@mcpshield/policy/yaml-document'
import { takesMoreThan } from './room.ts'

/**
 * Parses a policy, of a project with these systems or of the organisation, and runs its tests. `policy` is the checked
 * document, absent when there is an error.
 */
export type CheckPolicy = (
  text: string,
  of: Systems | 'organization',
) => { policy?: unknown; diagnostics: Diagnostic[] }

/** One save may keep the process busy for so long, not longer. */
const TESTS_WITHIN_MS = 2_000

/** Of the document as it travels to decision points. Only aliases make it larger than a text of the largest size. */
const MAX_POLICY_BYTES = 1024 * 1024
const TOO_LARGE: Diagnostic = {
  line: 1,
  column: 1,
  severity: 'error',
  code: 'yaml_too_large',
  message: `What the aliases expand to is larger than ${MAX_POLICY_BYTES / 1024} KiB.`,
}

/** Loads the parsers; to be awaited once. */
export async function preparePolicyCheck(): Promise<CheckPolicy> {
  await prepareParsers()
  return checkPolicy
}

/** An organisation's policy is meant for all its projects: its tests know no system by name. */
const NO_SYSTEMS: Systems = { connections: [], upstreams: [] }

function checkPolicy(text: string, of: Systems | 'organization'): ReturnType<CheckPolicy> {
  const systems = of === 'organization' ? NO_SYSTEMS : of
  const { policy, diagnostics } = parsePolicy(text, { organization: of === 'organization' })
  if (policy === undefined) return { diagnostics }
  if (takesMoreThan(MAX_POLICY_BYTES, policy)) return { diagnostics: [TOO_LARGE, ...diagnostics] }
  const failures = failedTests(policy, systems)
  if (failures.length === 0) return { policy, diagnostics }
  const yaml = readYaml(text)
  const positioned = failures.map(({ index, ...rest }) => ({
    ...('document' in yaml ? yaml.document.locate(['tests', index], 'value') : { line: 1, column: 1 }),
    ...rest,
  }))
  return { diagnostics: [...positioned, ...diagnostics] }
}

type Failure = { index: number; severity: 'error'; code: string; message: string }

function failedTests(policy: Policy, systems: Systems): Failure[] {
  const tests = policy.tests ?? []
  if (tests.length === 0) return []
  const compiled = compile(policy)
  const draw = (call: TestCall) => drawFacts(call, drawOptions(policy, systems, call.tool))
  const until = performance.now() + TESTS_WITHIN_MS
  const failures: Failure[] = []
  for (const [index, test] of tests.entries()) {
    if (performance.now() > until) {
      const message = `The tests take longer than ${TESTS_WITHIN_MS / 1000} s: only ${index} of ${tests.length} were run.`
      return [...failures, { index, severity: 'error', code: 'tests_too_slow', message }]
    }
    const failure = failureOf(policy, test, draw, compiled)
    if (failure !== undefined)
      failures.push({ index, severity: 'error', code: 'test_failed', message: failure })
  }
  return failures
}

function failureOf(
  policy: Policy,
  test: PolicyTest,
  draw: (call: TestCall) => ReturnType<typeof drawFacts>,
  compiled: CompiledPolicy,
): string | undefined {
  const [result] = runPolicyTests({ ...policy, tests: [test] }, draw, compiled)
  return result === undefined || result.passed ? undefined : sentence(result)
}

function sentence({ name, expected, got }: TestResult): string {
  const wanted = [expected.decision, expected.rule && `by ${expected.rule}`].filter(Boolean).join(' ')
  return `The test “${name}” expects ${wanted}, but it is ${got.decision} by ${got.rule}: ${got.reason}`
}
