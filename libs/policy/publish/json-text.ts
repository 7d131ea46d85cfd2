// JSON as this repository's formatter writes it, so that a generated file is as tidy as a written one.
const WIDTH = 110

/** The text of a file: objects over several lines, lists of plain values on one where they fit. */
export function jsonText(value: unknown): string {
  return `${print(value, '', 0)}\n`
}

function print(value: unknown, indent: string, taken: number): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const inner = `${indent}  `
  if (Array.isArray(value)) {
    const items = value as unknown[]
    const line = flat(items)
    // One more for the comma behind it.
    if (items.length === 0 || (isFlat(items) && taken + line.length < WIDTH)) return line
    return `[\n${items.map((item) => inner + print(item, inner, inner.length)).join(',\n')}\n${indent}]`
  }
  const members = Object.entries(value).map(([key, member]) => {
    const start = `${inner}${JSON.stringify(key)}: `
    return start + print(member, inner, start.length)
  })
  return members.length === 0 ? '{}' : `{\n${members.join(',\n')}\n${indent}}`
}

function isFlat(items: readonly unknown[]): boolean {
  const isTable = items.length > 1 && items.every((item) => Array.isArray(item) && item.length > 1)
  return (
    !isTable &&
    items.every((item) => (Array.isArray(item) ? isFlat(item) : typeof item !== 'object' || item === null))
  )
}

function flat(value: unknown): string {
  return Array.isArray(value) ? `[${value.map(flat).join(', ')}]` : JSON.stringify(value)
}
