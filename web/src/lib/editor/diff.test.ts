import { expect, test } from 'vitest'
import { pairsOf, rowsOfUnified, type DiffRow } from './diff-rows.ts'
import { textDiff } from './text-diff.ts'

const lines = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => `line ${from + i}\n`).join('')

/** What a reader sees: signs and texts. */
const seen = (rows: readonly DiffRow[]) =>
  rows.map((row) => {
    if (row.kind === 'gap') return `… ${row.lines}`
    return { same: ' ', removed: '-', added: '+' }[row.kind] + row.text
  })

test('a change is shown with three lines around it, and the rest is counted', () => {
  const before = lines(1, 20)
  const after = before.replace('line 10\n', 'line ten\nline ten and a half\n')
  expect(seen(textDiff(before, after))).toEqual([
    '… 6',
    ' line 7',
    ' line 8',
    ' line 9',
    '-line 10',
    '+line ten',
    '+line ten and a half',
    ' line 11',
    ' line 12',
    ' line 13',
    '… 7',
  ])
})

test('lines are numbered as in their own text', () => {
  const rows = textDiff('a\nb\nc\n', 'x\na\nb\nc\n')
  expect(rows[0]).toEqual({ kind: 'added', right: 1, text: 'x' })
  expect(rows[1]).toEqual({ kind: 'same', left: 1, right: 2, text: 'a' })
})

test.for([
  ['', 'a\n', ['+a']],
  ['a\n', '', ['-a']],
  ['a\nb\n', 'a\n', [' a', '-b']],
  ['a\n', 'a\nb\n', [' a', '+b']],
  ['a\n', 'a\n', []],
] as const)('from %j to %j', ([left, right, expected]) => {
  expect(seen(textDiff(left, right))).toEqual(expected)
})

test('every difference of two texts leads from one to the other', () => {
  for (let seed = 1; seed < 200; seed++) {
    let state = seed
    const next = (n: number) => (state = (state * 48_271) % 2_147_483_647) % n
    const some = () => Array.from({ length: 1 + next(12) }, () => `l${next(6)}\n`).join('')
    const [left, right] = [some(), some()]
    const rows = textDiff(left, right)
    if (left === right) continue
    const side = (kind: 'removed' | 'added') =>
      rows.flatMap((row) => (row.kind === kind || row.kind === 'same' ? [row.text] : []))
    if (rows.some(({ kind }) => kind === 'gap')) continue
    expect(side('removed').join('\n')).toBe(left.trimEnd())
    expect(side('added').join('\n')).toBe(right.trimEnd())
  }
})

test('a unified diff has the same rows', () => {
  const diff = '--- version 1\n+++ version 2\n@@ -5,3 +5,4 @@\n a\n-b\n+c\n+d\n e\n'
  expect(rowsOfUnified(diff)).toEqual([
    { kind: 'gap', lines: 4 },
    { kind: 'same', left: 5, right: 5, text: 'a' },
    { kind: 'removed', left: 6, text: 'b' },
    { kind: 'added', right: 6, text: 'c' },
    { kind: 'added', right: 7, text: 'd' },
    { kind: 'same', left: 7, right: 8, text: 'e' },
  ])
  expect(rowsOfUnified('--- /dev/null\n+++ version 1\n@@ -0,0 +1,2 @@\n+a\n+b\n')).toEqual([
    { kind: 'added', right: 1, text: 'a' },
    { kind: 'added', right: 2, text: 'b' },
  ])
  expect(rowsOfUnified('')).toEqual([])
})

test('side by side, what was removed stands beside what came in its place', () => {
  expect(pairsOf(rowsOfUnified('@@ -1,2 +1,1 @@\n-a\n-b\n+c\n'))).toEqual([
    { left: { n: 1, text: 'a' }, right: { n: 1, text: 'c' }, changed: true },
    { left: { n: 2, text: 'b' }, changed: true },
  ])
})
