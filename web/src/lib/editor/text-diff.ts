// The difference of two texts by lines, worked out in the browser. Loaded when one is shown.
import { Chunk } from '@codemirror/merge'
import { Text } from '@codemirror/state'
import { rowsOfChanges, type DiffRow } from './diff-rows.ts'

/** A difference that takes longer is told less finely. */
const WITHIN_MS = 500

export function textDiff(left: string, right: string): DiffRow[] {
  const [a, b] = [Text.of(left.split('\n')), Text.of(right.split('\n'))]
  const chunks = Chunk.build(a, b, { timeout: WITHIN_MS, scanLimit: 1_000 })
  return rowsOfChanges(
    left,
    right,
    chunks.map(({ fromA, toA, fromB, toB }) => {
      const leftFrom = lineFrom(a, fromA)
      const rightFrom = lineFrom(b, fromB)
      return { leftFrom, leftTo: lineTo(a, fromA, toA), rightFrom, rightTo: lineTo(b, fromB, toB) }
    }),
  )
}

const lineFrom = (text: Text, at: number) =>
  at > text.length ? lineCount(text) : Math.min(text.lineAt(at).number - 1, lineCount(text))

/** Of an empty chunk, the line it stands before. */
const lineTo = (text: Text, from: number, to: number) =>
  to === from
    ? lineFrom(text, from)
    : Math.min(text.lineAt(Math.min(to - 1, text.length)).number, lineCount(text))

/** Without the empty line after the last line's end. */
const lineCount = (text: Text) => (text.line(text.lines).length === 0 ? text.lines - 1 : text.lines)
