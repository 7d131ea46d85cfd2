// A project as the assistant knows it: two databases, some tables, a tool of another server.
import { drawFacts, prepareParsers } from '@mcpshield/facts/draw'
import { drawOptions } from '@mcpshield/pdp/draw-options'
import { parsePolicy, type Diagnostic } from '@mcpshield/policy/parse'
import { runPolicyTests } from '@mcpshield/policy/run-tests'
import type { Policy } from '@mcpshield/policy/schema'
import type { Draft } from '@mcpshield/contracts/ai'
import type { Knowledge } from '../src/knowledge.ts'

export const IN_FORCE = `version: 1
default: deny
rules:
  # Nobody's agent sees salaries.
  - id: no-hr
    tool: postgres.query
    decision: deny
    conditions: { resources: ["hr.*"] }
  - id: read-customers
    tool: postgres.query
    decision: allow
    conditions: { operations: [read], resources: [public.customers] }
`

export function policyOf(text: string): Policy {
  const { policy, diagnostics } = parsePolicy(text)
  if (policy === undefined) throw new Error(JSON.stringify(diagnostics))
  return policy
}

export function knowledgeOf(policy_yaml = IN_FORCE, more: Partial<Knowledge> = {}): Knowledge {
  return {
    name: 'Shop',
    environment: 'prod',
    infrastructure: ['postgresql'],
    policy_version: 3,
    policy_yaml,
    inForce: { policy: policyOf(policy_yaml) },
    systems: { connections: [{ name: 'shop', kind: 'postgresql', search_path: ['public'] }], upstreams: [] },
    keys: [{ name: 'ci', labels: ['trial'] }],
    tools: [
      {
        name: 'github/create_issue',
        description: 'Create an issue.',
        input_schema: { type: 'object', properties: { title: { type: 'string' } } },
      },
    ],
    tools_left_out: 0,
    ownTools: [],
    notes: [],
    resources: [
      {
        connection: 'shop',
        kind: 'postgresql',
        name: 'public.customers',
        fields: ['id', 'email', 'phone', 'note'],
      },
      { connection: 'shop', kind: 'postgresql', name: 'public.orders', fields: ['id', 'total'] },
      { connection: 'shop', kind: 'postgresql', name: 'hr.salaries', fields: ['id', 'salary'] },
    ],
    ...more,
  }
}

/** As saving checks a text: by the language, and by the tests that it carries. */
export function diagnosticsOf(text: string, { systems }: Knowledge): Draft['problems'] {
  const { policy, diagnostics } = parsePolicy(text)
  if (policy === undefined) return diagnostics
  const failed = runPolicyTests(policy, (call) => drawFacts(call, drawOptions(policy, systems, call.tool)))
    .filter(({ passed }) => !passed)
    .map(({ name, got }): Diagnostic => {
      const message = `The test “${name}” fails: it is ${got.decision} by ${got.rule}.`
      return { line: 1, column: 1, severity: 'error', code: 'test_failed', message }
    })
  return [...failed, ...diagnostics] as Draft['problems']
}

export { prepareParsers }
