// A plain table for terminals. Cells may be coloured: width counts what is seen.
import { stripVTControlCharacters } from 'node:util'

const MAX_CELL = 70

export function table(head: string[], rows: string[][]): string {
  const cells = rows.map((row) => row.map(clip))
  const widths = head.map((title, column) =>
    Math.max(width(title), ...cells.map((row) => width(row[column] ?? ''))),
  )
  const line = (row: string[]) =>
    row
      .map((cell, column) => pad(cell, widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  return [line(head), line(widths.map((each) => '─'.repeat(each))), ...cells.map(line)].join('\n')
}

function clip(text: string): string {
  const flat = text.replace(/\s+/g, ' ').trim()
  const seen = stripVTControlCharacters(flat)
  return seen.length <= MAX_CELL ? flat : `${seen.slice(0, MAX_CELL - 1)}…`
}

function width(text: string): number {
  return stripVTControlCharacters(text).length
}

function pad(text: string, to: number): string {
  return text + ' '.repeat(Math.max(0, to - width(text)))
}
