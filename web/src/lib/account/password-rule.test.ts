import { describe, expect, test } from 'vitest'
import { passwordErrors, passwordHint } from './password-rule.ts'

describe('a new password', () => {
  const typed = (new_password: string, new_password_again = new_password) => ({
    new_password,
    new_password_again,
  })
  test('of twelve characters, typed the same twice, has no errors', () => {
    expect(passwordErrors(typed('twelve-chars'))).toEqual({})
  })
  test('of eleven characters is refused', () => {
    expect(Object.keys(passwordErrors(typed('eleven-char')))).toEqual(['new_password'])
  })
  test('typed differently the second time, or not at all, is refused', () => {
    expect(Object.keys(passwordErrors(typed('twelve-chars', 'twelve-charS')))).toEqual(['new_password_again'])
    expect(Object.keys(passwordErrors({ new_password: 'twelve-chars' }))).toEqual(['new_password_again'])
  })
})

test.for([
  ['', /^At least 12/],
  ['a', /^11 more characters\.$/],
  ['eleven-char', /^1 more character\.$/],
  ['twelve-chars', /^Long enough/],
] as const)('while “%s” is typed, what is missing is said', ([typed, hint]) => {
  expect(passwordHint(typed)).toMatch(hint)
})
