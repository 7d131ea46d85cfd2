import { expect, test } from 'vitest'
import { auth } from '@mcpshield/contracts/auth'
import { inPlainWords } from './plain-words.ts'

/** As the API refuses them: by field, in the schema's words. */
function errorsOf(schema: { safeParse(value: unknown): { error?: { issues: unknown[] } } }, value: unknown) {
  const issues = (schema.safeParse(value).error?.issues ?? []) as { path: string[]; message: string }[]
  return Object.fromEntries(issues.map(({ path, message }) => [path.join('.'), message]))
}

test('what schemas say of a registration and a profile is said in plain words', () => {
  const registration = { email: 'ada', password: 'short', first_name: '', last_name: 'x'.repeat(101) }
  expect(inPlainWords(errorsOf(auth.rpc.registerUser.input, registration))).toEqual({
    email: 'This is not an e-mail address.',
    password: 'At least 12 characters.',
    first_name: 'This is needed.',
    last_name: 'At most 100 characters.',
  })
  expect(inPlainWords(errorsOf(auth.rpc.updateMe.input, { website_url: 'ftp://example.com' }))).toEqual({
    website_url: 'This is not a web address: it begins with https:// or http://.',
  })
})

test('a sentence that the API wrote for people stays', () => {
  const errors = { code: 'This code is not right or is not good any more; ask for a new one.' }
  expect(inPlainWords(errors)).toEqual(errors)
})
