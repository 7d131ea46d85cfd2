import { expect, test } from 'vitest'
import { weaknessOf } from './weak-passwords.ts'

const email = 'ada.lovelace@example.com'

test.for([
  'qwerty123456',
  'QWERTY123456',
  'Administrator',
  'administrator1!',
  '!!!password123',
  'passwordpassword',
  'aaaaaaaaaaaaa',
  'abcabcabcabc',
  'ada.lovelace@example.com',
  'Ada.Lovelace@Example.com',
  'ada.lovelace1815',
  'mcpshield2026',
  'MCP-Shield-MCP-Shield!',
  'mcpshield ada.lovelace',
])('%s is refused', (password) => {
  expect(weaknessOf(password, email)).toEqual(expect.any(String))
})

test.for([
  'correct horse battery staple',
  'mcpshield keeps agents apart',
  'x7Kq2vBn9TzLw4Rp',
  'ada.lovelace wrote the first one',
  'пароль из слов',
  '            spaces count as well            ',
  'abcdabcd unlike abcdabcd',
])('%s is taken: nothing is asked of its composition', (password) => {
  expect(weaknessOf(password, email)).toBeUndefined()
})

test('what would be refused for one address is taken for another', () => {
  expect(weaknessOf('ada.lovelace1815', 'charles@example.com')).toBeUndefined()
})
