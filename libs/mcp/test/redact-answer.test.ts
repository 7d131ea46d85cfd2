// A decision's redactions on what a server says.
import { describe, expect, test } from 'vitest'
import { redactAnswer, redactMessage, redactProse } from '../src/redact-answer.ts'

const email = [{ detector: 'email' as const }]
const hash = () => ''
const ann = 'write to ann@example.com'
const shown = 'write to [redacted:email]'

describe('an answer', () => {
  test('is redacted, be it a result or an error', () => {
    const result = { content: [{ type: 'text', text: ann }], structuredContent: { to: ann } }
    expect(redactAnswer('tools/call', { result }, email, hash, []).answer).toEqual({
      result: { content: [{ type: 'text', text: shown }], structuredContent: { to: shown } },
    })
    const error = { code: -32_000, message: ann, data: { to: ann } }
    expect(redactAnswer('tools/call', { error }, email, hash, []).answer).toEqual({
      error: { code: -32_000, message: shown, data: { to: shown } },
    })
    expect(redactAnswer('tools/call', { result }, [], hash, [])).toEqual({ answer: { result }, count: 0 })
  })

  test('to a statement that may show a redacted column is withheld, in the form of its method', () => {
    const fields = [{ fields: ['*.phone'] }]
    const access = (field: string) => [
      { connection: 'a', operation: 'read', resource: 'people', fields: [field], functions: [] },
    ]
    const answer = { result: { rows: [{ phone: '123' }] } }
    const withheld = redactAnswer('tools/call', answer, fields, hash, access('phone') as never).answer
    expect(withheld).toMatchObject({ result: { isError: true } })
    expect(JSON.stringify(withheld)).not.toContain('123')
    const other = redactAnswer('prompts/get', answer, fields, hash, access('phone') as never).answer
    expect(other).toMatchObject({ error: { code: -31_403 } })
    const beside = redactAnswer('tools/call', answer, fields, hash, access('name') as never).answer
    expect(beside).not.toHaveProperty('result.isError')
  })
})

test('what a server tells or asks is redacted, and the token of its request stays', () => {
  const params = { progressToken: 'ann@example.com', message: ann }
  expect(redactMessage({ method: 'notifications/progress', params }, email, hash)).toEqual({
    method: 'notifications/progress',
    params: { progressToken: 'ann@example.com', message: shown },
  })
})

test('of an entry of a list only prose is redacted: with another name or schema it would not work', () => {
  const inputSchema = { type: 'object', properties: { 'ann@example.com': {} } }
  const entry = { name: 'ann@example.com', title: ann, description: ann, inputSchema }
  expect(redactProse(entry, email, hash)).toEqual({ ...entry, title: shown, description: shown })
  expect(redactProse({ name: 'a' }, email, hash)).toEqual({ name: 'a' })
})
