// What leads from one text to another, as a unified diff, fit for a terminal.
import { structuredPatch } from 'diff'
import { printable } from './printable.ts'
import type { colorsFor } from './diagnostics-text.ts'

type Colors = ReturnType<typeof colorsFor>

const CONTEXT_LINES = 3
/** Finding the shortest difference of texts that have little in common can take for ever. */
const WITHIN_MS = 2_000

/** Empty when the two are the same. */
export function unifiedDiff(before: string, after: string, names: { before: string; after: string }): string {
  if (before === after) return ''
  const patch = structuredPatch(names.before, names.after, before, after, undefined, undefined, {
    context: CONTEXT_LINES,
    timeout: WITHIN_MS,
  })
  const head = `--- ${names.before}\n+++ ${names.after}\n`
  if (patch === undefined) return `${head}(they have too little in common to be compared line by line)\n`
  const hunks = patch.hunks.map(
    ({ oldStart, oldLines, newStart, newLines, lines }) =>
      `@@ -${oldStart},${oldLines} +${newStart},${newLines} @@\n${lines.join('\n')}\n`,
  )
  return head + hunks.join('')
}

/** With the colours that one knows from other tools; characters that nobody would see are marks. */
export function diffText(diff: string, colors: Colors): string {
  return diff
    .split('\n')
    .map((line) => paint(printable(line), colors))
    .join('\n')
}

function paint(line: string, colors: Colors): string {
  if (/^(\+\+\+|---) /.test(line)) return colors.bold(line)
  if (line.startsWith('+')) return colors.green(line)
  if (line.startsWith('-')) return colors.red(line)
  return line.startsWith('@@') ? colors.cyan(line) : line
}
