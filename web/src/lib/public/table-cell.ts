/** The cell of a Markdown table: of the row that begins with `row`, under `column`. Throws where there is none. */
export function tableCell(markdown: string, row: string, column: string): string {
  let head: string[] = []
  for (const line of markdown.split('\n')) {
    if (!line.trimStart().startsWith('|')) {
      head = []
      continue
    }
    const cells = line.split('|').slice(1, -1)
    const trimmed = cells.map((cell) => cell.trim())
    if (head.length === 0) head = trimmed
    const at = head.indexOf(column)
    if (at >= 0 && trimmed[0] === row) return trimmed[at] ?? ''
  }
  throw new Error(`There is no row “${row}” with a column “${column}”.`)
}
