// Markdown as this repository's formatter writes it.

/** A table with its columns made even. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) =>
    row.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')),
  )
  const widths = head.map((_, i) => Math.max(3, ...cells.map((row) => (row[i] ?? '').length)))
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`
  const [first = [], ...others] = cells
  return [line(first), line(widths.map((width) => '-'.repeat(width))), ...others.map(line)].join('\n')
}

export function code(text: string): string {
  return `\`${text}\``
}

/** A value as YAML of one line. */
export function flowYaml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flowYaml).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    return `{ ${Object.entries(value)
      .map(([key, member]) => `${scalar(key)}: ${flowYaml(member)}`)
      .join(', ')} }`
  }
  return typeof value === 'string' ? scalar(value) : JSON.stringify(value)
}

function scalar(text: string): string {
  const isPlain = /^[A-Za-z/][\w./@-]*$/.test(text) && !/^(true|false|null)$/i.test(text)
  return isPlain ? text : `'${text.replaceAll("'", "''")}'`
}
