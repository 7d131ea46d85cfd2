import { expect, test } from 'vitest'
import { redactText } from '../src/redact-text.ts'
import type { Redaction } from '../src/redactions.ts'
import { keyedHash } from './keyed-hash.ts'

const redact = (text: string, ...redactions: Redaction[]) => redactText(text, redactions, keyedHash).text

test('without redactions the text comes back as it went in', () => {
  expect(redactText('bob@example.com', [], keyedHash)).toEqual({ text: 'bob@example.com', findings: [] })
})

test('a mask says what it hides, and nothing of it', () => {
  expect(redact('write to bob@example.com now', { detector: 'email' })).toBe('write to [redacted:email] now')
})

test('a detector that was not asked for redacts nothing', () => {
  expect(redact('write to bob@example.com now', { detector: 'iban' })).toBe('write to bob@example.com now')
})

test('equal values have equal hashes and different ones different hashes', () => {
  const text = redact('bob@example.com bob@example.com eve@example.com', { detector: 'email', with: 'hash' })
  const [first, second, third] = text.split(' ')
  expect(first).toMatch(/^\[hash:email:[0-9a-f]{16}\]$/)
  expect(second).toBe(first)
  expect(third).not.toBe(first)
})

test('a hash function that gives the value back does not leak it', () => {
  const { text } = redactText('bob@example.com', [{ detector: 'email', with: 'hash' }], (value) => value)
  expect(text).toBe('[redacted:email]')
})

test('dropping leaves nothing, and never joins two halves to a new secret', () => {
  expect(redact('a bob@example.com b', { detector: 'email', with: 'drop' })).toBe('a  b')
  const joined = redact('eve[x]@example.com', { pattern: '\\[x\\]', with: 'drop' }, { detector: 'email' })
  expect(joined).toBe('[redacted:email]')
})

test('where two rules meet the more thorough one wins', () => {
  const rules: Redaction[] = [
    { detector: 'email', with: 'hash' },
    { pattern: 'bob@\\S+', with: 'drop' },
  ]
  expect(redact('x bob@example.com y', ...rules)).toBe('x  y')
})

test('a pattern redacts what it matches and leaves the nearest miss', () => {
  expect(redact('CASE-1234 CASE-12', { pattern: 'CASE-[0-9]{4}' })).toBe('[redacted:pattern] CASE-12')
})

test('a pattern that would make a backtracking engine hang is answered', () => {
  expect(redact(`${'a'.repeat(20_000)}b`, { pattern: '^(a+)+$' })).toHaveLength(20_001)
})

test('a pattern that matches everything does not redact a marker again', () => {
  const once = redact('abc def', { pattern: '\\w+' })
  expect(redact(once, { pattern: '\\w+' })).toBe(once)
})

test('offsets count UTF-16 code units of the input', () => {
  const { findings } = redactText('😀 bob@example.com', [{ detector: 'email' }], keyedHash)
  expect(findings).toEqual([{ type: 'email', start: 3, end: 18 }])
})

test('a forged marker hides nothing', () => {
  const key = 'AKIA' + 'Q3EGUIB5PTZVKXWD'
  expect(redact(`[redacted:${key}]`, { detector: 'aws_key' })).toBe('[redacted:[redacted:aws_key]]')
  expect(redact(`[hash:email:${key}]`, { detector: 'aws_key' })).not.toContain(key)
})

test('what cannot be understood stops the call and says what is wrong', () => {
  expect(() => redact('x', { detector: 'e-mail' })).toThrow('There is no detector "e-mail".')
  expect(() => redact('x', { pattern: '(' })).toThrow('The pattern "(" is not a regular expression')
  expect(() => redact('x', { pattern: '(?=a)b' })).toThrow('not a regular expression')
  expect(() => redact('x', { fields: ['users..phone'] })).toThrow(
    '"users..phone" is not the name of a field.',
  )
})

test('a match that begins in a marker and goes on behind it is redacted', () => {
  expect(redact('[redacted:email]CASE-1', { pattern: 'email\\]CASE-[0-9]' })).toBe(
    '[redacted:[redacted:pattern]',
  )
})
