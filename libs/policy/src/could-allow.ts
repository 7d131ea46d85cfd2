// Whether a list may show a tool: some call of it could be allowed, or asked for, in this context.
import { rulesFor } from './compile.ts'
import type { CompiledPolicy, CompiledRule } from './compile.ts'
import type { Context, Facts } from './facts.ts'
import { FALSE, TRUE } from './kleene.ts'

/**
 * True when some call of this tool could be allowed or asked. Facts are taken to fit whatever a rule asks for, so the
 * answer may be true for a tool whose every call is denied by its facts; it is never false for one that could run.
 */
export function couldAllow(
  compiled: CompiledPolicy,
  method: string,
  tool: string,
  context: Context,
): boolean {
  const rules = rulesFor(compiled, method, tool)
  if ('problem' in rules) return false
  const call: Facts = {
    method,
    tool,
    arguments: { unknown: 'not called yet' },
    paths: [],
    urls: [],
    accesses: [],
  }
  for (const rule of rules.all) {
    if (rule.decision === 'deny') {
      if (deniesEveryCall(rule, call, context)) return false
    } else if (contextTests(rule).every((test) => test.strict(call, context) === TRUE)) return true
  }
  return compiled.allowByDefault
}

/** A deny rule that looks at nothing of the call itself, and may hold. */
function deniesEveryCall(rule: CompiledRule, call: Facts, context: Context): boolean {
  if (rule.testsKinds || contextTests(rule).length < rule.tests.call.length) return false
  return rule.tests.call.every((test) => test.wide(call, context) !== FALSE)
}

function contextTests(rule: CompiledRule) {
  return rule.tests.call.filter((test) => test.condition !== 'parameters')
}
