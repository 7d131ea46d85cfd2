// Runs the tests a policy carries. How facts are drawn from a call is the caller's to say: the language does not know
// SQL.
import { compile } from './compile.ts'
import type { CompiledPolicy } from './compile.ts'
import { decide } from './decide.ts'
import type { Facts, JsonObject } from './facts.ts'
import type { Decision, Policy, PolicyTest } from './schema.ts'

export type TestCall = { method: string; tool: string; arguments: JsonObject }
export type TestResult = {
  name: string
  passed: boolean
  expected: { decision?: string; rule?: string }
  got: Decision
}

/** Runs every test of the policy, in order. Limits are not counted. */
export function runPolicyTests(
  policy: Policy,
  drawFacts: (call: TestCall) => Facts,
  compiled: CompiledPolicy = compile(policy),
): TestResult[] {
  return (policy.tests ?? []).map((test) => runTest(test, drawFacts, compiled))
}

function runTest(
  test: PolicyTest,
  drawFacts: (call: TestCall) => Facts,
  compiled: CompiledPolicy,
): TestResult {
  const { tool, method = 'tools/call', arguments: args = {}, context = {} } = test.call
  const facts = drawFacts({ tool, method, arguments: args })
  const got = decide(compiled, facts, context)
  const { decision, rule } =
    typeof test.expect === 'string' ? { decision: test.expect, rule: undefined } : test.expect
  const passed = (decision ?? got.decision) === got.decision && (rule ?? got.rule) === got.rule
  return {
    name: test.name,
    passed,
    expected: { ...(decision === undefined ? {} : { decision }), ...(rule === undefined ? {} : { rule }) },
    got,
  }
}
