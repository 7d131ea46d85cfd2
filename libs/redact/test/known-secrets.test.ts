import fc from 'fast-check'
import { expect, test } from 'vitest'
import { knownSecretFinder, maskKnownSecrets } from '../src/known-secrets.ts'

const canary = 'h/rse+b4ttery "é" st&ple'
const find = knownSecretFinder([canary])
const bytes = Buffer.from(canary)

test.for([
  ['plain', canary],
  ['JSON', JSON.stringify(canary)],
  ['JSON in JSON', JSON.stringify(JSON.stringify(canary))],
  ['JSON in ASCII', JSON.stringify(canary).replace('é', '\\u00e9')],
  ['URL', encodeURIComponent(canary)],
  ['URL form', new URLSearchParams({ a: canary }).toString()],
  ['URL in lower case', encodeURIComponent(canary).replace(/%../g, (one) => one.toLowerCase())],
  ['HTML', canary.replaceAll('&', '&amp;').replaceAll('"', '&quot;')],
  ['hexadecimal', bytes.toString('hex')],
  ['base64', bytes.toString('base64')],
  ['base64 of a pair', Buffer.from(`user:${canary}`).toString('base64')],
  ['base64url', Buffer.from(`"${canary}"}`).toString('base64url')],
])('a known secret is found as %s', ([, encoded]) => {
  const { text, count } = maskKnownSecrets(`before ${encoded} after`, find)
  expect(count).toBe(1)
  expect(text).toMatch(/^before .{0,12}\[redacted:known_secret\].{0,8} after$/)
})

test('any secret is found in base64 wherever it lies in the bytes', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 8, maxLength: 40 }), fc.nat(5), fc.nat(5), (secret, before, after) => {
      const encoded = Buffer.from('x'.repeat(before) + secret + 'y'.repeat(after)).toString('base64')
      expect(knownSecretFinder([secret])(encoded)).toHaveLength(1)
    }),
  )
})

test('a text without the secret is left alone', () => {
  const text = `before ${canary.slice(0, -1)} after`
  expect(maskKnownSecrets(text, find)).toEqual({ text, count: 0 })
})

test('an empty value finds nothing', () => {
  expect(knownSecretFinder([''])('any text')).toEqual([])
})
