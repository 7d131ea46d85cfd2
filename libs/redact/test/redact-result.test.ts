import { expect, test } from 'vitest'
import { redactResult } from '../src/redact-result.ts'
import type { Redaction } from '../src/redactions.ts'
import { keyedHash } from './keyed-hash.ts'

const redact = <Result extends object>(result: Result, ...redactions: Redaction[]) =>
  redactResult(result, redactions, { keyedHash })
const text = (value: string) => ({ content: [{ type: 'text', text: value }] })
const email: Redaction = { detector: 'email' }
const phoneField: Redaction = { fields: ['phone'] }

test('without redactions the result comes back itself', () => {
  const result = { content: [{ type: 'image', data: 'AAAA', mimeType: 'image/png' }] }
  expect(redact(result)).toEqual({ result, redactions: 0, withheld: 0, types: [] })
  expect(redact(result).result).toBe(result)
})

test('text and structured content are redacted alike', () => {
  const { result, redactions } = redact(
    { ...text('to bob@example.com'), structuredContent: { to: 'bob@example.com' }, isError: false },
    email,
  )
  expect(result).toEqual({
    ...text('to [redacted:email]'),
    structuredContent: { to: '[redacted:email]' },
    isError: false,
  })
  expect(redactions).toBe(2)
})

test('text that needs no redaction keeps every character', () => {
  const pretty = '{\n    "a": 1.0,\n    "b": [ ]\n}'
  expect(redact(text(pretty), email).result).toEqual(text(pretty))
})

test('JSON in a text is redacted where escapes hide it from a reader of text', () => {
  const { result } = redact(text('{"to":"bob\\u0040example.com"}'), email)
  expect(result).toEqual(text('{"to":"[redacted:email]"}'))
})

test('a member that escapes hide from a reader of text, and one of its name from a parser, is not shown', () => {
  const hidden = String.raw`{"to":"bob\u0040example.com","to":null}`
  expect(redact(text(hidden), email).result).toEqual(text('{"to":null}'))
})

test('JSON stays JSON when a number is redacted', () => {
  const { result } = redact(text('{"card":4532015112830366,"id":12345678901234567890}'), {
    detector: 'credit_card',
  })
  expect(result).toEqual(text('{"card":"[redacted:credit_card]","id":12345678901234567890}'))
})

test('fields are redacted in JSON text and in lines of JSON', () => {
  expect(redact(text('[{"phone":"1","a":2}]'), phoneField).result).toEqual(
    text('[{"phone":"[redacted:field]","a":2}]'),
  )
  expect(redact(text('{"phone":1}\n{"a":2}\n'), phoneField).result).toEqual(
    text('{"phone":"[redacted:field]"}\n{"a":2}\n'),
  )
})

test('of two members with one name none gets through', () => {
  const { result } = redact(text('{"x":{"phone":"555"},"x":{}}'), phoneField)
  expect(JSON.stringify(result)).not.toContain('555')
})

test('a text without fields is withheld when fields are to be redacted', () => {
  const { result, withheld, types } = redact(text('phone of Bob: 555'), phoneField)
  expect(JSON.stringify(result)).toContain('[withheld:redaction_not_possible]')
  expect(JSON.stringify(result)).not.toContain('555')
  expect({ withheld, types }).toEqual({ withheld: 1, types: ['redaction_not_possible'] })
})

test.for([
  { type: 'image', data: 'c2VjcmV0', mimeType: 'image/png' },
  { type: 'audio', data: 'c2VjcmV0', mimeType: 'audio/wav' },
  { type: 'resource', resource: { uri: 'file:///a', blob: 'c2VjcmV0' } },
  { type: 'resource', resource: { uri: 'file:///a', text: 'harmless', blob: 'c2VjcmV0' } },
  { type: 'hologram', payload: 'c2VjcmV0' },
  { type: 'text', text: 'x', _meta: 'bob@example.com' },
  'bob@example.com',
])('what cannot be inspected is withheld as soon as anything is redacted: %o', (item) => {
  const { result, redactions } = redact({ content: [item] }, email)
  expect(JSON.stringify(result)).not.toMatch(/c2VjcmV0|bob@/)
  expect(redactions).toBe(1)
})

test('resources, links and prompts are redacted', () => {
  const link = { type: 'resource_link', uri: 'mail://bob@example.com/inbox', name: 'x' }
  const resource = { type: 'resource', resource: { uri: 'file:///a', text: 'bob@example.com' } }
  const message = { role: 'user', content: { type: 'text', text: 'bob@example.com' } }
  const { result } = redact(
    {
      content: [{ ...link, name: 'for bob@example.com' }, resource],
      contents: [resource.resource],
      messages: [message],
    },
    email,
  )
  expect(JSON.stringify(result)).not.toContain('to bob@example.com')
  expect(result.content[1]).toEqual({
    type: 'resource',
    resource: { uri: 'file:///a', text: '[redacted:email]' },
  })
  expect(result.contents).toEqual([{ uri: 'file:///a', text: '[redacted:email]' }])
  expect(result.messages).toEqual([{ role: 'user', content: { type: 'text', text: '[redacted:email]' } }])
})
