// What a client is told of what did not go through, in the form that it looks at.
import { expect, test } from 'vitest'
import { failure, ownAnswer, refusal } from '../src/refusal.ts'

const decided = (decision: 'deny' | 'ask') => ({
  id: '0193',
  decision: { decision, rule: 'shut', reason: 'hr.salaries is not covered by any allow rule.' },
  policyVersion: 7,
  retryAfterMs: null,
})
const meta = (decision: string) => ({
  'io.mcpshield/decision': {
    decision,
    rule: 'shut',
    reason: 'hr.salaries is not covered by any allow rule.',
    decision_id: '0193',
    policy_version: 7,
  },
})

test('a denied tool call is a result that a model can act on, with the decision', () => {
  expect(refusal('tools/call', decided('deny'))).toEqual({
    result: {
      content: [{ type: 'text', text: 'Denied by rule shut: hr.salaries is not covered by any allow rule.' }],
      isError: true,
      _meta: meta('deny'),
    },
  })
})

test('every other denied method is an error of one code outside of JSON-RPC’s own', () => {
  for (const method of ['resources/read', 'prompts/get', 'vendor/do'])
    expect(refusal(method, decided('deny'))).toMatchObject({ error: { code: -31_403, data: meta('deny') } })
})

test('a call that waits for a person says what the person said, or why there was none', () => {
  expect(refusal('tools/call', decided('ask'), 'A person refused it.')).toMatchObject({
    result: { content: [{ text: 'Not run: rule shut asks for a person’s approval. A person refused it.' }] },
  })
})

test('when it may come again is told where it is known', () => {
  const limited = { ...decided('deny'), retryAfterMs: 250 }
  expect(refusal('tools/call', limited)).toMatchObject({
    result: { _meta: { 'io.mcpshield/decision': { retry_after_ms: 250 } } },
  })
  expect(JSON.stringify(refusal('tools/call', decided('deny')))).not.toContain('retry_after')
})

test('an answer of our own says its kind in the modern era, and not in the older one', () => {
  const failed = failure('tools/call', -32_603, 'No.')
  expect(ownAnswer('modern', failed)).toMatchObject({ result: { resultType: 'complete', isError: true } })
  expect(ownAnswer('legacy', failed)).toEqual(failed)
  const error = failure('prompts/get', -32_603, 'No.')
  expect(ownAnswer('modern', error)).toEqual({ error: { code: -32_603, message: 'No.' } })
})
