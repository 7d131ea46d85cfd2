// What changed between two texts, as a unified diff of lines. One that would take too long shows the whole text as new.
import { FILE_HEADERS_ONLY, formatPatch, structuredPatch } from 'diff'
import type { Draft } from '@mcpshield/contracts/ai'

const CONTEXT_LINES = 3
/** The process answers nothing else meanwhile. */
const WITHIN_MS = 200
const MAX_CHANGED_LINES = 20_000

export function diffOf(before: string, after: string): Draft['diff'] {
  if (before === after) return { added_lines: 0, removed_lines: 0, diff: '' }
  const options = { context: CONTEXT_LINES, timeout: WITHIN_MS, maxEditLength: MAX_CHANGED_LINES }
  const patch =
    structuredPatch('before', 'draft', before, after, undefined, undefined, options) ??
    structuredPatch('before', 'draft', '', after)
  const lines = patch.hunks.flatMap((hunk) => hunk.lines)
  return {
    added_lines: lines.filter((line) => line.startsWith('+')).length,
    removed_lines: lines.filter((line) => line.startsWith('-')).length,
    diff: formatPatch(patch, FILE_HEADERS_ONLY),
  }
}
