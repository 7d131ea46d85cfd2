import { expect, test } from 'vitest'
import { jsonLine } from '../src/json-line.ts'

test('a value is one line for every reader, and the same value again', () => {
  const value = { a: 'x\u0085y\u2028z\u2029\r\n\u000b\u000c\u001c\u001d\u001e\\u2028', '\u2028': [1, null] }
  const line = jsonLine(value)
  expect(line).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u)
  expect(line).toContain('x\\u0085y\\u2028z\\u2029')
  expect(JSON.parse(line)).toEqual(value)
})

test('other characters stay as they are', () => {
  expect(jsonLine({ a: 'grüße 😀\u00a0' })).toBe('{"a":"grüße 😀\u00a0"}')
})
