import { expect, test } from 'vitest'
import { compile } from '@mcpshield/policy/compile'
import type { Access, Facts } from '@mcpshield/policy/facts'
import { parsePolicy } from '@mcpshield/policy/parse'
import { runPolicyTests } from '@mcpshield/policy/run-tests'
import { answerIn, trialOf, type Trial, type TrialCall } from './trial.ts'

const DRAFT = `version: 1
rules:
  - { id: reads, tool: postgres.query, decision: allow, conditions: { operations: [read], resources: ["public.*"] } }
  - { tool: mail/send, decision: ask }
tests:
  - { name: fails, call: { tool: x }, expect: allow }
`
const ABOVE = `version: 1
rules:
  - { id: no-secrets, tool: "*", decision: deny, conditions: { resources: ["*.secrets"] } }
`
const read = (table: string): TrialCall => ({ tool: 'postgres.query', arguments: { table } })

/** The one test of the trial, run as the API does, on facts that need no parser of SQL. */
function run({ text }: Trial) {
  const { policy } = parsePolicy(text)
  if (policy === undefined) throw new Error('The trial is no policy.')
  const facts = ({ tool, method, arguments: args }: Omit<Facts, 'paths'>): Facts => {
    const { table } = args as { table?: string }
    const access: Access = {
      connection: 'shop',
      operation: 'read',
      resource: table ?? null,
      fields: [],
      functions: [],
    }
    return {
      tool,
      method,
      arguments: args,
      paths: [],
      urls: [],
      accesses: table === undefined ? [] : [access],
    }
  }
  const results = runPolicyTests(policy, facts as never, compile(policy))
  return results
    .filter(({ passed }) => !passed)
    .map(({ name, expected, got }) => ({
      line: 1,
      column: 1,
      severity: 'error' as const,
      code: 'test_failed',
      message: `The test “${name}” expects by ${expected.rule}, but it is ${got.decision} by ${got.rule}: ${got.reason}`,
    }))
}

function decided(call: TrialCall, above?: string, draft = DRAFT) {
  const trial = trialOf(draft, above, call)
  return 'problem' in trial ? trial : answerIn(run(trial), trial, above)
}

test('a draft decides the call, with its rules under their own names', () => {
  expect(decided(read('public.orders'))).toEqual({
    decision: 'allow',
    rule: 'reads',
    reason: 'A read of public.orders is allowed by rule reads.',
  })
  expect(decided(read('hr.people'))).toMatchObject({ decision: 'deny', rule: 'default' })
  expect(decided({ tool: 'mail/send' })).toMatchObject({ decision: 'ask', rule: 'rule-2' })
})

test('the organisation’s rules stand above, under theirs', () => {
  expect(decided(read('public.secrets'), ABOVE)).toEqual({
    decision: 'deny',
    rule: 'organization/no-secrets',
    reason: 'A read of public.secrets is denied by rule organization/no-secrets.',
  })
  expect(decided(read('public.secrets'))).toMatchObject({ decision: 'allow' })
})

test('what is no answer is a problem, with the API’s word on it', () => {
  expect(decided(read('public.orders'), undefined, 'version: 2\n')).toHaveProperty('problem')
  const trial = { text: '', above: 'organization.0.' }
  expect(answerIn([], trial, undefined)).toHaveProperty('problem')
  const tooLarge = {
    line: 1,
    column: 1,
    severity: 'error',
    code: 'document_too_large',
    message: 'Too large.',
  } as const
  expect(answerIn([tooLarge], trial, undefined)).toEqual({ problem: 'Too large.' })
})
