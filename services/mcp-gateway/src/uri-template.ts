// URI templates (RFC 6570), only as far as it takes to tell whether a URI could come from one. In linear time: a
// template is a server's to write.

export type UriTemplate = {
  matches(uri: string): boolean
  /** How much of a URI the template itself says, in UTF-16 units. */
  literalUnits: number
}

/** Undefined for a template that is not understood. */
export function parseUriTemplate(template: string): UriTemplate | undefined {
  const literals = template.split(/\{[^{}]*\}/)
  if (literals.some((literal) => /[{}]/.test(literal))) return undefined
  const literalUnits = literals.reduce((sum, literal) => sum + literal.length, 0)
  return { literalUnits, matches: literals.length === 1 ? (uri) => uri === template : matcher(literals) }
}

function matcher([first = '', ...rest]: string[]): (uri: string) => boolean {
  const last = rest.pop() ?? ''
  return (uri) => {
    if (!uri.startsWith(first) || !uri.endsWith(last) || uri.length < first.length + last.length) return false
    let from = first.length
    const end = uri.length - last.length
    for (const literal of rest) {
      const found = uri.indexOf(literal, from)
      if (found < 0 || found + literal.length > end) return false
      from = found + literal.length
    }
    return true
  }
}
