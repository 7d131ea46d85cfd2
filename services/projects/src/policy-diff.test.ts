import { applyPatch } from 'diff'
import { describe, expect, test } from 'vitest'
import { diffTexts } from './policy-diff.ts'

const from = (text: string) => ({ name: 'version 1', text })
const to = (text: string) => ({ name: 'version 2', text })
const lines = (count: number, line: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => `${line(index)}\n`).join('')

describe('the diff of two texts', () => {
  test('names both, counts lines, and shows what is around a change', () => {
    const { diff, ...counts } = diffTexts(from('a\nb\nc\nd\ne\nf\n'), to('a\nb\nc\nd\nE\nf\n'))
    expect(counts).toEqual({ added_lines: 1, removed_lines: 1 })
    expect(diff).toBe('--- version 1\n+++ version 2\n@@ -2,5 +2,5 @@\n b\n c\n d\n-e\n+E\n f\n')
  })

  test('is empty for the same text, and all added for a first version', () => {
    expect(diffTexts(from('a\n'), to('a\n'))).toEqual({ added_lines: 0, removed_lines: 0, diff: '' })
    expect(diffTexts(from(''), to('a\nb\n'))).toMatchObject({ added_lines: 2, removed_lines: 0 })
  })

  test.for([
    [
      'lines in another order',
      lines(30_000, (i) => `# ${i}`),
      lines(30_000, (i) => `# ${(i * 7_919) % 30_000}`),
    ],
    ['nothing in common', lines(60_000, (i) => `a${i % 10}`), lines(60_000, (i) => `b${i % 10}`)],
    [
      'few different lines',
      lines(130_000, (i) => String((i * i) % 7)),
      lines(130_000, (i) => String((i * i) % 5)),
    ],
    ['no line end', 'x'.repeat(250_000), 'y'.repeat(250_000)],
  ] as const)(
    'of a large pair (%s) comes within two seconds, and leads from the one to the other',
    ([, before, after]) => {
      const startedMs = performance.now()
      const { diff } = diffTexts(from(before), to(after))
      expect(performance.now() - startedMs).toBeLessThan(2_000)
      expect(applyPatch(before, diff) === after).toBe(true)
    },
  )
})
