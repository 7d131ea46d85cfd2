// URI templates (RFC 6570), only as far as it takes to tell whether a URI could come from one. In linear time: a
// template is a server's to write.

/** A test for URIs, or undefined for a template that is not understood. */
export function parseUriTemplate(template: string): ((uri: string) => boolean) | undefined {
  const literals = template.split(/\{[^{}]*\}/)
  if (literals.some((literal) => /[{}]/.test(literal))) return undefined
  const [first = '', ...rest] = literals
  if (rest.length === 0) return (uri) => uri === first
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
