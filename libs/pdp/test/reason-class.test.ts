import { expect, test } from 'vitest'
import type { Decision } from '@mcpshield/policy/schema'
import { reasonClass } from '../src/reason-class.ts'

const decision = (word: Decision['decision'], rule: string, reason = ''): Decision => ({
  decision: word,
  rule,
  reason,
  obligations: { rate_limits: [], redact: [] },
})
const plain = (byPolicy: Decision) => reasonClass(byPolicy, { refused: null, byPolicy, asked: byPolicy })

test('a rule’s own name is never told', () => {
  expect(plain(decision('allow', 'rule-of-a-customer'))).toBe('rule')
  expect(plain(decision('deny', 'rule-of-a-customer'))).toBe('rule')
  expect(plain(decision('ask', 'rule-of-a-customer'))).toBe('rule')
})

test('what no rule gave is told apart', () => {
  expect(plain(decision('deny', 'default'))).toBe('default')
  expect(plain(decision('deny', 'evaluation_error'))).toBe('evaluation_error')
})

test.for(['policy_unavailable', 'revoked', 'no_policy', 'killed', 'quarantined', 'key_upstreams'] as const)(
  'a denial above any policy is told as %s',
  (rule) => {
    const refused = decision('deny', rule)
    expect(reasonClass(refused, { refused, byPolicy: refused, asked: refused })).toBe(rule)
  },
)

test('what came after the policy’s word is told as that', () => {
  const byPolicy = decision('ask', 'mine')
  const asked = decision('allow', 'mine')
  const steps = { refused: null, byPolicy, asked }
  expect(reasonClass(asked, steps)).toBe('approved')
  expect(reasonClass(decision('deny', 'mine', 'rate_limited: try again'), steps)).toBe('rate_limited')
  expect(reasonClass(decision('deny', 'mine', 'limit_unavailable: …'), steps)).toBe('limit_unavailable')
  expect(reasonClass(decision('deny', 'mine', 'The arguments carry a key.'), steps)).toBe('secret_arguments')
})
