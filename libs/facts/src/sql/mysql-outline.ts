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
  return { text: flat(parts.join(' ').split(/ +/)), names }

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

/** Calls among the arguments of a call are shown as more arguments, since parsers bound how deep calls may stand. */
function flat(words: string[]): string {
  const shown: string[] = []
  const open: { kind: 'call' | 'inner' | 'other'; before: number }[] = []
  for (const [at, word] of words.entries()) {
    const last = open.at(-1)
    const begins = word === 'f' && words[at + 1] === '('
    if (begins && last && last.kind !== 'other') continue
    if (word === '(') {
      const kind = words[at - 1] !== 'f' ? 'other' : last && last.kind !== 'other' ? 'inner' : 'call'
      open.push({ kind, before: shown.length })
      if (kind === 'inner') continue
    } else if (word === ')') {
      open.pop()
      if (last?.kind === 'inner' && last.before === shown.length) shown.push('1')
      if (last?.kind === 'inner') continue
    }
    shown.push(word)
  }
  return shown.filter((word) => word !== '').join(' ')
}
