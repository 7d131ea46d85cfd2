// A table for people: what others wrote is shown as text and nothing else.
import { printable } from './printable.ts'

export type TableStyle = {
  head?: (text: string) => string
  /** The colour of a cell, by what is in it. */
  cell?: (text: string, column: number) => string
}

/** Rows below their heads, in columns as wide as what is in them. */
export function tableText(heads: string[], rows: string[][], { head, cell }: TableStyle = {}): string {
  const shown = rows.map((row) => row.map(printable))
  const widths = heads.map((text, column) =>
    Math.max(...[text, ...shown.map((row) => row[column] ?? '')].map((each) => each.length)),
  )
  const line = (row: string[], paint: (text: string, column: number) => string = (text) => text) =>
    row
      .map((text, column) => {
        // No spaces at the end of a line, which would wrap it on a narrow terminal.
        const isLast = row.slice(column + 1).every((each) => each === '')
        return isLast && text === '' ? '' : paint(text, column) + padding(text, isLast ? 0 : widths[column])
      })
      .join('')
  const painted = head === undefined ? undefined : (text: string) => head(text)
  return `${[line(heads, painted), ...shown.map((row) => line(row, cell))].join('\n')}\n`
}

const GAP = 2

function padding(text: string, width: number | undefined): string {
  return width === undefined || width === 0 ? '' : ' '.repeat(width + GAP - text.length)
}
