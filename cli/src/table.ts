// A table for people: what others wrote is shown as text and nothing else.
import { printable } from './printable.ts'

/** Rows below their heads, in columns as wide as what is in them. */
export function tableText(heads: string[], rows: string[][]): string {
  const all = [heads, ...rows.map((row) => row.map(printable))]
  const widths = heads.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  const line = (row: string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  return `${all.map(line).join('\n')}\n`
}
