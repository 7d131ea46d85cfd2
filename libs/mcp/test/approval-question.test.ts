// What a person is asked before a call runs.
import type { JsonObject } from '@mcpshield/policy/facts'
import { describe, expect, test } from 'vitest'
import {
  APPROVAL_QUESTION,
  approvalForm,
  approvalRequests,
  approvalResponse,
  withoutApproval,
} from '../src/approval-question.ts'
import { canAnswer, canBeAsked } from '../src/questions.ts'

const call = { tool: 'box/write', arguments: { path: '/a' }, rule: 'careful', reason: 'It writes.' }
const messageOf = (asked: Parameters<typeof approvalForm>[0]) => approvalForm(asked)?.params?.['message']

describe('the question', () => {
  test('shows the tool, the rule, why, and every argument as it will be', () => {
    expect(messageOf(call)).toBe(
      'The rule careful wants a person’s approval for box/write. It writes.\n\n{\n  "path": "/a"\n}\n\nAccept to let exactly this call run, once; decline to refuse it.',
    )
  })

  test('shows what could not be seen', () => {
    const hidden = { ...call, tool: 'box/wr\u202eite', arguments: { path: 'a\u200bb\u{e0041}' } }
    expect(messageOf(hidden)).toContain('"a\\u200bb\\udb40\\udc41"')
    expect(messageOf(hidden)).toContain('box/wr\\u202eite')
  })

  test('is not asked about a call of which only a part could be shown', () => {
    const long = (length: number) => ({ ...call, arguments: { path: 'x'.repeat(length) } })
    expect(approvalForm(long(3_900))).toBeDefined()
    expect(approvalForm(long(4_000))).toBeUndefined()
  })

  test('has one name among a server’s, and its answer goes to no server', () => {
    const form = approvalForm(call)
    expect(form === undefined ? {} : Object.keys(approvalRequests(form))).toEqual([APPROVAL_QUESTION])
    const inputResponses = { [APPROVAL_QUESTION]: { action: 'accept' }, name: { action: 'accept' } }
    expect(approvalResponse({ inputResponses })).toEqual({ action: 'accept' })
    expect(withoutApproval(inputResponses)).toEqual({ name: { action: 'accept' } })
    expect(withoutApproval({ [APPROVAL_QUESTION]: {} })).toBeUndefined()
    for (const odd of [undefined, null, 'accept', [], { [APPROVAL_QUESTION]: 'accept' }])
      expect(approvalResponse({ inputResponses: odd ?? null })).toBeUndefined()
  })
})

test.for<[object, string | undefined, boolean]>([
  [{ elicitation: {} }, 'form', true],
  [{ elicitation: {} }, undefined, true],
  [{ elicitation: {} }, 'url', false],
  [{ elicitation: { form: {} } }, 'form', true],
  [{ elicitation: { url: {} } }, 'form', false],
  [{ elicitation: { url: {} } }, 'url', true],
  [{ elicitation: true }, 'form', false],
  [{}, 'form', false],
])('a client that declares %j is asked in the mode %s: %s', ([capabilities, mode, expected]) => {
  const question = { method: 'elicitation/create', params: mode === undefined ? {} : { mode } }
  expect(canAnswer(capabilities as JsonObject, question)).toBe(expected)
})

test('a client is asked for what it declares and nothing else', () => {
  expect(canAnswer({ sampling: {} }, { method: 'sampling/createMessage' })).toBe(true)
  expect(canAnswer({ sampling: {} }, { method: 'roots/list' })).toBe(false)
  expect(canAnswer({ tools: {} }, { method: 'constructor' })).toBe(false)
  expect(canBeAsked({ roots: {} })).toBe(true)
  expect(canBeAsked({ extensions: {} })).toBe(false)
})
