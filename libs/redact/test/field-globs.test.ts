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

test.for([
  ['user:*.email', ['user:ann@example.com', 'email'], true],
  ['user:*.email', ['user:ann@example.com', 'name'], false],
  ['user:*.email', ['shop:ann@example.com', 'email'], false],
  ['user:*', ['user:john.doe'], true],
  ['user:*', ['shop:john.doe'], false],
  ['user:john.doe.email', ['user:john.doe', 'email'], true],
  ['user:john.doe.email', ['user:john.roe', 'email'], false],
  ['user:*.doe.email', ['user:j.r.doe', 'email'], true],
  ['user:*.email', ['user:1', 'home.email'], true],
  ['users.phone', ['public', 'users', 'phone'], true],
  ['users.phone', ['shop.users', 'phone'], true],
  ['users.phone', ['shop.goods', 'phone'], false],
  ['public.users.phone', ['public', 'users.phone'], true],
  ['phone', ['users', 'home.phone'], true],
  ['phone*', ['users', 'x.phone_a.b'], true],
  ['phone*', ['phone.logs', 'name'], false],
] as const)('%s against the names %j: %s', ([glob, path, wanted]) => {
  expect(matchesField(parseGlob(glob), path)).toBe(wanted)
})

test.for([
  ['users.phones', ['users', 'phones', '0'], true],
  ['users.contacts.phone', ['users', 'contacts', '0', 'phone'], true],
  ['users.contacts.phone', ['users', 'contacts', '0', 'name'], false],
  ['users.contacts.phone', ['users', 'contacts', 'x0', 'phone'], false],
  ['users.contacts.0.phone', ['users', 'contacts', '0', 'phone'], true],
  ['users.phones', ['shop.users', 'phones', '12'], true],
  ['users.email', ['17', 'email'], false],
] as const)('a position in a list is no name: %s against %j: %s', ([glob, path, wanted]) => {
  expect(matchesField(parseGlob(glob), path)).toBe(wanted)
})

test('a value without a name is no field', () => {
  expect(matchesField(parseGlob('*'), [])).toBe(false)
})
