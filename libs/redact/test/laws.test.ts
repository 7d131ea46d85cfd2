import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DEFAULT_DETECTORS, DETECTORS, findSecrets } from '../src/find.ts'
import { redactText } from '../src/redact-text.ts'
import { readCases, specFiles } from './cases.ts'
import { keyedHash } from './keyed-hash.ts'

const samples = specFiles.flatMap(readCases)
const secrets = samples.filter(({ finding }) => finding !== undefined)
const fragment = fc.oneof(
  fc.constantFrom(...samples.map(({ text }) => text)),
  fc.constantFrom(...secrets.map(({ text, finding }) => text.slice(finding!.start, finding!.end))),
  fc.constantFrom(
    ' ',
    '\n',
    '"',
    ',',
    '=',
    ':',
    '@',
    '-',
    '[redacted:email]',
    'password',
    '://',
    '\\n',
    '%40',
    '😀',
  ),
  fc.string({ maxLength: 12, unit: 'binary' }),
)
const mixed = fc.array(fragment, { maxLength: 6 }).map((parts) => parts.join(''))
const rules = (how: 'mask' | 'hash' | 'drop') => DETECTORS.map((detector) => ({ detector, with: how }))

test('findings are inside the text, in order, and do not overlap', () => {
  fc.assert(
    fc.property(mixed, (text) => {
      let last = 0
      for (const { start, end } of findSecrets(text)) {
        expect(start).toBeGreaterThanOrEqual(last)
        expect(end).toBeGreaterThan(start)
        last = end
      }
      expect(last).toBeLessThanOrEqual(text.length)
    }),
    { numRuns: 2000 },
  )
})

test.for(['mask', 'hash', 'drop'] as const)('redacting twice with %s is redacting once', (how) => {
  fc.assert(
    fc.property(mixed, (text) => {
      const once = redactText(text, rules(how), keyedHash)
      const twice = redactText(once.text, rules(how), keyedHash)
      expect(twice).toEqual({ text: once.text, findings: [] })
    }),
    { numRuns: 1000 },
  )
})

test('a secret on a line of its own is found whatever stands on the other lines', () => {
  fc.assert(
    fc.property(mixed, fc.constantFrom(...secrets), mixed, (before, { text, finding }, after) => {
      // An open quote or key block above may take the line in as a whole: that covers the secret as well.
      const start = before.length + 2 + finding!.start
      const end = start + finding!.end - finding!.start
      const found = findSecrets(`${before}\n\n${text}\n\n${after}`)
      expect(found.some((one) => one.start <= start && one.end >= end)).toBe(true)
    }),
    { numRuns: 2000 },
  )
})

test('each detector alone finds what it finds among all', () => {
  for (const { text, finding } of secrets) {
    const alone = findSecrets(text, [finding!.type as (typeof DETECTORS)[number]])
    expect(alone, text).toContainEqual(finding)
  }
})

test('audit records are read by every detector', () => {
  expect(DEFAULT_DETECTORS).toEqual(DETECTORS)
})
