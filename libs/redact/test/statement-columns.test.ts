import { expect, test } from 'vitest'
import { mayShowFields } from '../src/statement-columns.ts'

const redactions = [{ fields: ['*.phone', 'people.mail'] }]
const access = (fields: unknown, resource: unknown = 'public.people') => ({ resource, fields })

test('a statement that uses a redacted column, or of which the columns are not known, may show it', () => {
  expect(mayShowFields([access(['id']), access(['phone'])], redactions)).toBe(true)
  expect(mayShowFields([access(['mail'])], redactions)).toBe(true)
  expect(mayShowFields([access(['MAIL'])], redactions)).toBe(true)
  expect(mayShowFields([access({ unknown: 'a star' })], redactions)).toBe(true)
  expect(mayShowFields({ unknown: 'the SQL does not parse' }, redactions)).toBe(true)
})

test('a name that holds dots hides nothing', () => {
  const ofKeys = [{ fields: ['user:*.email', 'users.phone'] }]
  expect(mayShowFields([access(['email'], 'user:ann@example.com')], ofKeys)).toBe(true)
  expect(mayShowFields([access(['phone'], 'public."odd.users"')], ofKeys)).toBe(true)
  expect(mayShowFields([access(['"home.email"'])], [{ fields: ['email'] }])).toBe(true)
})

test('one that uses others does not, nor does a call without a statement, nor any where no field is redacted', () => {
  expect(mayShowFields([access(['id', 'name'])], redactions)).toBe(false)
  expect(mayShowFields([access(['mail'], 'public.shops')], redactions)).toBe(false)
  expect(mayShowFields([], redactions)).toBe(false)
  expect(mayShowFields([access(['phone'])], [{ detector: 'email' }])).toBe(false)
})
