import { expect, test } from 'vitest'
import { parseDocument } from '../src/json-text.ts'
import { redactValue } from '../src/redact-value.ts'
import type { RedactOptions } from '../src/redact-value.ts'
import type { Redaction } from '../src/redactions.ts'
import { keyedHash } from './keyed-hash.ts'

const redact = (value: unknown, redactions: Redaction[], options: Omit<RedactOptions, 'keyedHash'> = {}) =>
  redactValue(value, redactions, { keyedHash, ...options })
const MASK = '[redacted:field]'
const WITHHELD = '[withheld:redaction_not_possible]'

test('a value without anything to redact comes back itself, not a copy', () => {
  const value = { a: ['x', { b: 1 }] }
  expect(redact(value, [{ detector: 'email' }]).value).toBe(value)
})

test('strings are redacted at any depth; other values stay', () => {
  const { value, count, types } = redact({ a: [{ b: 'bob@example.com' }], n: 1, t: true, z: null }, [
    { detector: 'email' },
  ])
  expect(value).toEqual({ a: [{ b: '[redacted:email]' }], n: 1, t: true, z: null })
  expect({ count, types }).toEqual({ count: 1, types: ['email'] })
})

test('a card number that is a number is redacted; a number with a wrong check digit is not', () => {
  expect(redact({ n: 4532015112830366 }, [{ detector: 'credit_card' }]).value).toEqual({
    n: '[redacted:credit_card]',
  })
  expect(redact({ n: 4532015112830367 }, [{ detector: 'credit_card' }]).value).toEqual({
    n: 4532015112830367,
  })
})

test('a number too long for JavaScript is read as it was written', () => {
  const document = parseDocument('{"n":4532015112830366123}')
  expect(JSON.stringify(document)).toBe('{"n":4532015112830366123}')
})

test('the name of a member says what its value is', () => {
  const rules: Redaction[] = [{ detector: 'generic_secret' }, { detector: 'phone' }, { detector: 'ssn' }]
  expect(redact({ password: 'letmein', phone: '4155552671', ssn: 512456789 }, rules).value).toEqual({
    password: '[redacted:generic_secret]',
    phone: '[redacted:phone]',
    ssn: '[redacted:ssn]',
  })
  const harmless = { passwordHint: 'letmein', order: '4155552671', serial: 512456789 }
  expect(redact(harmless, rules).value).toEqual(harmless)
})

test('secrets in names are redacted, and members with equal masks do not overwrite each other', () => {
  const { value } = redact({ 'bob@example.com': 1, 'eve@example.com': 2 }, [{ detector: 'email' }])
  expect(value).toEqual({ '[redacted:email]': 1, '[redacted:email] (2)': 2 })
})

test.for([
  ['phone', { phone: '1', name: 'x' }, { phone: MASK, name: 'x' }],
  ['phone', { users: [{ phone: '1' }] }, { users: [{ phone: MASK }] }],
  [
    'users.phone',
    { users: [{ phone: '1' }], shops: [{ phone: '2' }] },
    { users: [{ phone: MASK }], shops: [{ phone: '2' }] },
  ],
  ['*.phone', { users: { phone: '1' }, phones: 2 }, { users: { phone: MASK }, phones: 2 }],
  ['phone*', { phone_home: '1', telephone: '2' }, { phone_home: MASK, telephone: '2' }],
  ['PHONE', { Phone: null }, { Phone: MASK }],
  ['address', { address: { city: 'x' }, addresses: 1 }, { address: MASK, addresses: 1 }],
  ['phone', { body: '{"phone":"1","a":2}' }, { body: `{"phone":"${MASK}","a":2}` }],
] as const)('the field %s is redacted, its neighbours are not', ([field, value, wanted]) => {
  expect(redact(value, [{ fields: [field] }]).value).toEqual(wanted)
})

test('where the table cannot be told, a field of that name is redacted', () => {
  expect(redact([{ phone: '1' }], [{ fields: ['users.phone'] }]).value).toEqual([{ phone: MASK }])
  expect(redact([{ phone: '1' }], [{ fields: ['users.phone'] }], { root: ['shops'] }).value).toEqual([
    { phone: '1' },
  ])
})

test('a dropped field is gone', () => {
  expect(redact({ a: 1, phone: '2' }, [{ fields: ['phone'], with: 'drop' }]).value).toEqual({ a: 1 })
})

test('a column is redacted under any alias, and by where it came from, not by its name', () => {
  const rows = [{ p: '1', phone: 'x', total: 3 }]
  const sources = { p: [['public', 'users', 'phone']], phone: [['shops', 'label']], total: [] }
  for (const field of ['users.phone', 'phone', '*.phone']) {
    expect(redact(rows, [{ fields: [field] }], { sources }).value).toEqual([
      { p: MASK, phone: 'x', total: 3 },
    ])
  }
})

test('a column computed from a redacted one is redacted', () => {
  const sources = {
    contact: [
      ['users', 'name'],
      ['users', 'phone'],
    ],
    name: [['users', 'name']],
  }
  expect(
    redact([{ contact: 'Bob 1', name: 'Bob' }], [{ fields: ['users.phone'] }], { sources }).value,
  ).toEqual([{ contact: MASK, name: 'Bob' }])
})

test('a column of unknown or unstated origin is withheld, but only when fields are redacted', () => {
  const rows = { rows: [{ a: 1, b: 2, c: 3 }], truncated: false }
  const sources = { a: 'unknown', b: [['t', 'b']] } as const
  const { value, withheld } = redact(rows, [{ fields: ['phone'] }], { sources })
  expect(value).toEqual({ rows: [{ a: WITHHELD, b: 2, c: WITHHELD }], truncated: false })
  expect(withheld).toBe(2)
  expect(redact(rows, [{ detector: 'email' }], { sources }).value).toBe(rows)
})

test('a row without names is withheld when fields are redacted', () => {
  expect(
    redact([[1, 2]], [{ fields: ['phone'] }], { sources: { phone: [['users', 'phone']] } }).value,
  ).toEqual([WITHHELD])
})

test('a JSON column is redacted inside', () => {
  const sources = { profile: [['users', 'profile']] }
  expect(
    redact([{ profile: { phone: '1', x: 2 } }], [{ fields: ['profile.phone'] }], { sources }).value,
  ).toEqual([{ profile: { phone: MASK, x: 2 } }])
})

test('a dot in the name of a key or a table hides nothing from a rule on its fields', () => {
  const shown = (key: string, field: string) =>
    redact({ [key]: { email: 'x', n: 1 } }, [{ fields: [field] }], { sources: { [key]: [[key]] } }).value
  for (const key of ['user:1', 'user:ann@example.com', 'user:john.doe', 'USER:a.b.c']) {
    expect(shown(key, 'user:*.email')).toEqual({ [key]: { email: MASK, n: 1 } })
    expect(shown(key, 'user:*')).toEqual({ [key]: MASK })
    expect(shown(key, 'shop:*.email')).toEqual({ [key]: { email: 'x', n: 1 } })
  }
})

test('a member that another of the same name hides from a reader of the document is not shown', () => {
  const hidden = '{"customer":{"phone":"555"},"customer":null}'
  const twice = JSON.stringify({ d: hidden, n: 1 })
  expect(redact(hidden, [{ fields: ['*.phone'] }])).toMatchObject({ value: '{"customer":null}', count: 0 })
  expect(redact({ text: hidden }, [{ fields: ['*.phone'] }]).value).toEqual({ text: '{"customer":null}' })
  expect(redact([twice], [{ fields: ['*.phone'] }]).value).toEqual(['{"d":"{\\"customer\\":null}","n":1}'])
  const once = '{\n  "customer": {\n    "name": "555"\n  }\n}'
  expect(redact(once, [{ fields: ['*.phone'] }]).value).toBe(once)
})

test('nor is it where what it holds is written with escapes', () => {
  const hidden = String.raw`{"a":"bob\u0040example.com","a":null}`
  expect(redact(hidden, [{ detector: 'email' }]).value).toBe('{"a":null}')
  const within = String.raw`[{"a" : {"b":"bob\u0040example.com"}, "\u0061":[1]}]`
  expect(redact(within, [{ detector: 'email' }]).value).toBe('[{"a":[1]}]')
  // Names that only look alike, and a colon after a text that is none, leave the text as it was.
  for (const same of [
    String.raw`{"a": "\":", "b": {"a": ["a:", 1]}}`,
    String.raw`{ "n": 4532015112830367000123, "\\": "\n" }`,
  ]) {
    expect(redact(same, [{ detector: 'email' }]).value).toBe(same)
  }
})

test('a document in a text is looked at as a text, too', () => {
  const rules: Redaction[] = [{ fields: ['phone'] }, { pattern: '"n": ?1' }]
  expect(redact('{"n":1}', rules).value).toBe('{[redacted:pattern]}')
  expect(redact('{"n":1,"phone":"2"}', rules).value).toBe(`{[redacted:pattern],"phone":"${MASK}"}`)
})

test('what is nested too deeply to be read is withheld, not passed', () => {
  let value: unknown = 'bob@example.com'
  for (let i = 0; i < 50_000; i++) value = [value]
  expect(redact(value, [{ detector: 'email' }]).withheld).toBe(1)
})

test('a member named __proto__ is data', () => {
  const value: unknown = JSON.parse('{"__proto__":{"mail":"bob@example.com"}}')
  expect(JSON.stringify(redact(value, [{ detector: 'email' }]).value)).toBe(
    '{"__proto__":{"mail":"[redacted:email]"}}',
  )
})

test('redacting a value twice is redacting it once', () => {
  const rules: Redaction[] = [
    { fields: ['phone'], with: 'hash' },
    { detector: 'email' },
    { detector: 'generic_secret' },
  ]
  const once = redact({ phone: '1', a: 'bob@example.com', password: 'letmein' }, rules).value
  expect(redact(once, rules)).toMatchObject({ value: once, count: 0 })
})
