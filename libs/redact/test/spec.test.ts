import { readFileSync, readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { findSecrets } from '../src/find.ts'

// A line of spec/ is a text in parts, so that no file holds what a scanner would take for a live credential. The
// marks « and » stand around what must be found; a line without a type must be left alone.
type Line = { name: string; type?: string; parts: string[] }
const folder = new URL('../spec/', import.meta.url)

for (const file of readdirSync(folder)) {
  const lines = readFileSync(new URL(file, folder), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
  describe(file, () => {
    const secret = lines.filter((line) => line.type !== undefined)
    if (secret.length > 0) {
      test.for(secret)('$name is found ($type)', ({ type, parts }) => {
        const start = parts.indexOf('«')
        const before = parts.slice(0, start).join('')
        const text = parts.filter((part) => part !== '«' && part !== '»').join('')
        const end = before.length + parts.slice(start + 1, parts.indexOf('»')).join('').length
        expect(findSecrets(text)).toEqual([{ type, start: before.length, end }])
      })
    }
    test.for(lines.filter((line) => line.type === undefined))('$name is left alone', ({ parts }) => {
      expect(findSecrets(parts.join(''))).toEqual([])
    })
  })
}
