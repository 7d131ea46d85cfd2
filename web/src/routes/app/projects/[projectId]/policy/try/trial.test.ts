import { expect, test } from 'vitest'
import { preparePolicyCheck } from '../../../../../../../../services/projects/src/check-policy.ts'
import { answerIn, trialOf, type TrialCall } from './trial.ts'

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
const call = (sql: string): TrialCall => ({ tool: 'postgres.query', arguments: { sql } })

async function decided(tried: TrialCall, above?: string, draft = DRAFT) {
  const check = await preparePolicyCheck()
  const trial = trialOf(draft, above, tried)
  if ('problem' in trial) return trial
  const { diagnostics } = check(trial.text, { connections: [], upstreams: [] })
  return answerIn(diagnostics, trial, above)
}

test('a call is decided by what its SQL really touches', async () => {
  expect(await decided(call('select id from public.orders'))).toEqual({
    decision: 'allow',
    rule: 'reads',
    reason: 'A read of public.orders is allowed by rule reads.',
  })
  expect(await decided(call('select * from public.orders join hr.people using (id)'))).toMatchObject({
    decision: 'deny',
    rule: 'default',
  })
  expect(await decided({ tool: 'mail/send' })).toMatchObject({ decision: 'ask', rule: 'rule-2' })
})

test('the organisation’s rules stand above, under their own names', async () => {
  expect(await decided(call('select 1 from public.secrets'), ABOVE)).toEqual({
    decision: 'deny',
    rule: 'organization/no-secrets',
    reason: 'A read of public.secrets is denied by rule organization/no-secrets.',
  })
})

test('a draft with an error decides nothing', async () => {
  expect(await decided(call('select 1'), undefined, 'version: 2\n')).toHaveProperty('problem')
  expect(answerIn([], { text: '', above: 'organization.0.' }, undefined)).toHaveProperty('problem')
})
