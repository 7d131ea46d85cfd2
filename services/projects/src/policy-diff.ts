// What changed between two texts, as a unified diff. Finding the shortest one can take long: past a bound the whole
// text before is shown as removed, the whole text after as added.
import { FILE_HEADERS_ONLY, formatPatch, structuredPatch, type StructuredPatch } from 'diff'

export type TextDiff = { added_lines: number; removed_lines: number; diff: string }

const CONTEXT_LINES = 3
/** The process answers nothing else meanwhile. */
const WITHIN_MS = 200
const MAX_CHANGED_LINES = 20_000

/** The diff that leads from one named text to the other; empty when they are the same. */
export function diffTexts(
  from: { name: string; text: string },
  to: { name: string; text: string },
): TextDiff {
  if (from.text === to.text) return { added_lines: 0, removed_lines: 0, diff: '' }
  const patch =
    structuredPatch(from.name, to.name, from.text, to.text, undefined, undefined, {
      context: CONTEXT_LINES,
      timeout: WITHIN_MS,
      maxEditLength: MAX_CHANGED_LINES,
    }) ?? wholePatch(from, to)
  const lines = patch.hunks.flatMap((hunk) => hunk.lines)
  return {
    added_lines: lines.filter((line) => line.startsWith('+')).length,
    removed_lines: lines.filter((line) => line.startsWith('-')).length,
    diff: formatPatch(patch, FILE_HEADERS_ONLY),
  }
}

function wholePatch(
  from: { name: string; text: string },
  to: { name: string; text: string },
): StructuredPatch {
  const [removed, added] = [linesOf(from.text, '-'), linesOf(to.text, '+')]
  const count = (text: string) => (text === '' ? 0 : text.split('\n').length - (text.endsWith('\n') ? 1 : 0))
  const [oldLines, newLines] = [count(from.text), count(to.text)]
  return {
    oldFileName: from.name,
    newFileName: to.name,
    oldHeader: undefined,
    newHeader: undefined,
    hunks: [{ oldStart: 1, oldLines, newStart: 1, newLines, lines: [...removed, ...added] }],
  }
}

function linesOf(text: string, sign: '-' | '+'): string[] {
  if (text === '') return []
  const ended = text.endsWith('\n')
  const lines = (ended ? text.slice(0, -1) : text).split('\n').map((line) => `${sign}${line}`)
  return ended ? lines : [...lines, '\\ No newline at end of file']
}
