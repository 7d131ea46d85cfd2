import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DETECTORS } from '../src/find.ts'
import { redactText } from '../src/redact-text.ts'
import { createRedactionStream } from '../src/stream.ts'
import { readCases, specFiles } from './cases.ts'
import { keyedHash } from './keyed-hash.ts'

const rules = DETECTORS.map((detector) => ({ detector }))
const secrets = specFiles.flatMap(readCases).filter(({ finding }) => finding !== undefined)
const short = secrets.filter(({ text }) => text.length < 250)
const line = 'nothing of interest on this line\n'

function through(chunks: string[], windowChars?: number): string {
  const stream = createRedactionStream(rules, keyedHash, windowChars)
  return chunks.map((chunk) => stream.push(chunk)).join('') + stream.end()
}

test('a secret cut at any place is redacted as if it came whole', () => {
  for (const { text } of secrets) {
    const whole = redactText(text, rules, keyedHash).text
    for (let cut = 0; cut <= text.length; cut++)
      expect(through([text.slice(0, cut), text.slice(cut)])).toBe(whole)
  }
})

test('a secret at any place of a text longer than the window is redacted', () => {
  for (const { text } of short) {
    const whole = line.repeat(40) + text + '\n' + line.repeat(40)
    const wanted = redactText(whole, rules, keyedHash).text
    for (let size = 97; size < 97 + 40; size += 3) {
      const chunks = whole.match(new RegExp(`[^]{1,${size}}`, 'g'))!
      expect(through(chunks, 300)).toBe(wanted)
    }
  }
}, 60_000)

test('chunks of any size give the same text', () => {
  const text = short.map((one) => `${one.text}\n${line}`).join('\n')
  const wanted = redactText(text, rules, keyedHash).text
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }), (sizes) => {
      expect(through(rechunk(text, sizes), 600)).toBe(wanted)
    }),
    { numRuns: 30 },
  )
}, 60_000)

test('what is held back is bounded', () => {
  const stream = createRedactionStream(rules, keyedHash, 1000)
  let passed = 0
  for (let i = 1; i <= 1000; i++) {
    passed += stream.push(line).length
    expect(i * line.length - passed).toBeLessThan(2000 + line.length)
  }
})

test('a secret without an end is masked, its rest swallowed, and the text after it passed', () => {
  const endless = 'sk-proj-' + 'Ab3dEf9h'.repeat(2000)
  const text = `key ${endless} done\n`
  const out = through(text.match(/[^]{1,100}/g)!, 300)
  expect(out).not.toMatch(/Ab3dEf9h/)
  expect(out.endsWith(' done\n')).toBe(true)
})

test('field rules are refused: a stream has no fields', () => {
  expect(() => createRedactionStream([{ fields: ['phone'] }], keyedHash)).toThrow(
    'a whole document is needed',
  )
})

function rechunk(text: string, sizes: number[]): string[] {
  const chunks: string[] = []
  for (let at = 0, i = 0; at < text.length; i++) {
    const size = sizes[i % sizes.length]!
    chunks.push(text.slice(at, at + size))
    at += size
  }
  return chunks
}
