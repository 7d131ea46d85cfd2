import { expect, test } from 'vitest'
import { matchesField, parseGlob } from '../src/field-globs.ts'

test.for([
  ['phone', 'users.phone', true],
  ['phone', 'users.phones', false],
  ['users.phone', 'public.users.phone', true],
  ['users.phone', 'shops.phone', false],
  ['users.phone', 'phone', true],
  ['*.phone', 'users.phone', true],
  ['p*e', 'phone', true],
  ['p*e', 'phones', false],
  ['*a*b', 'xaxxab', true],
  ['*a*b', 'xaxxba', false],
] as const)('%s against %s: %s', ([glob, path, wanted]) => {
  expect(matchesField(parseGlob(glob), path.split('.'))).toBe(wanted)
})

test('a value without a name is no field', () => {
  expect(matchesField(parseGlob('*'), [])).toBe(false)
})
