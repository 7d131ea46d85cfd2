import type { Token } from './mysql-lexer.ts'
import type { Reader } from './mysql-reader.ts'

/** A part of a statement as other parsers are shown it: names, brackets and the words around them. */
export type Outline = {
  text: string
  /** What stands for a name that could be misread, by what it stands for. */
  names: ReadonlyMap<string, string>
}

const plain = /^[A-Za-z_][A-Za-z0-9_]*$/

/**
 * The outline of the tokens from one place up to another. `quoted`: every name is, so that no parser takes one for
 * a word of its own.
 */
export function outlineOf(r: Reader, from: number, to: number, quoted: boolean): Outline {
  const names = new Map<string, string>()
  const parts: string[] = []
  for (let at = from; at < to; at++) {
    const token = r.tokens[at] as Token
    parts.push(
      r.before.get(at) ?? '',
      r.shown.get(at) ?? shown(token, r.names.has(at)),
      r.after.get(at) ?? '',
    )
  }
  return { text: parts.filter((part) => part !== '').join(' '), names }

  function shown(token: Token, isName: boolean): string {
    if (token.kind === 'operator') return token.text
    if (token.kind === 'string') return "'s'"
    if (token.kind !== 'word' && token.kind !== 'quoted') return '1'
    if (token.kind === 'word' && !quoted && plain.test(token.text)) return token.text
    if (!isName && token.kind === 'word') return token.text
    if (plain.test(token.text)) return `\`${token.text}\``
    const stand = `mcpshield_name_${names.size}`
    names.set(stand, token.text)
    return `\`${stand}\``
  }
}
