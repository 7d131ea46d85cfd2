// Colours for short pieces of YAML and JSON: names of keys, texts, comments, and the words that decide.

export type TokenKind = 'key' | 'text' | 'comment' | 'mark' | 'allow' | 'deny' | 'ask' | 'plain'
export type Token = { text: string; kind: TokenKind }

const DECISIONS = new Set(['allow', 'deny', 'ask'])
const PART =
  /(?<comment>(?<![^\s])#.*)|(?<quoted>"(?:\\.|[^"\\])*"|'(?:''|[^'])*')|(?<word>[\w./*?@$-]+)|(?<space>\s+)|(?<mark>.)/gu

/** The tokens of one line; together they are the line. */
export function tokensOf(line: string): Token[] {
  const tokens: Token[] = []
  for (const match of line.matchAll(PART)) {
    const [text] = match
    const kind = kindOf(match.groups ?? {}, text, line.slice(match.index + text.length))
    const last = tokens.at(-1)
    if (last?.kind === kind) last.text += text
    else tokens.push({ text, kind })
  }
  return tokens
}

function kindOf(groups: Record<string, string | undefined>, text: string, after: string): TokenKind {
  if (groups['comment'] !== undefined) return 'comment'
  if (groups['mark'] !== undefined) return 'mark'
  if (groups['space'] !== undefined) return 'plain'
  if (/^\s*:(\s|$)/.test(after)) return 'key'
  if (groups['quoted'] !== undefined) return 'text'
  return DECISIONS.has(text) ? (text as TokenKind) : text === '-' ? 'mark' : 'plain'
}

/** By the names of our colours, each readable on surface and raised. */
export const TOKEN_CLASSES: Record<TokenKind, string> = {
  key: 'text-info',
  text: 'text-accent',
  comment: 'text-muted italic',
  mark: 'text-muted',
  allow: 'text-allow',
  deny: 'text-deny',
  ask: 'text-ask',
  plain: '',
}
