import { expect, test } from 'vitest'
import { check } from './check.ts'
import { mend } from './marks.ts'

function mended(text: string, code: string): string {
  const mark = check({ text, kind: 'project' }).marks.find((each) => each.code === code)
  if (mark === undefined) throw new Error(`There is no ${code}.`)
  expect(mark.mendable).toBe(true)
  const change = mend(text, mark)
  if (change === undefined) throw new Error('It cannot be mended.')
  return text.slice(0, change.from) + change.insert + text.slice(change.to)
}

const rule = (more: string) => `version: 1\nrules:\n  - tool: "postgres.query"\n${more}`

test('a mark covers the word that is wrong', () => {
  const text = rule('    decision: alow\n')
  const [mark] = check({ text, kind: 'project' }).marks
  expect(text.slice(mark?.from, mark?.to)).toBe('alow')
})

test('a fix that names what to write, writes it', () => {
  expect(mended(rule('    decision: alow\n'), 'wrong_value')).toContain('decision: allow\n')
  expect(mended(rule('    decison: allow\n'), 'unknown_key')).toContain('    decision: allow\n')
  expect(mended('rules: []\n', 'missing_key')).toBe('version: 1\nrules: []\n')
})

test('a fix that removes takes the key with its value and nothing else', () => {
  expect(mended(rule('    decision: deny\n    limits: { max_rows: 5 }\n'), 'limits_in_deny')).toBe(
    rule('    decision: deny\n'),
  )
  expect(mended(rule('    conditions: {}\n    decision: deny\n'), 'says_nothing')).toBe(
    rule('    decision: deny\n'),
  )
})
