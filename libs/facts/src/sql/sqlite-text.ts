// The little that is read of a SQLite statement before the engine reads it. What these do not understand stays as it
// is, and the engine then refuses or names it.

/** The offset after white space, comments and empty statements. */
export function skipBlank(text: string, from: number): number {
  let at = from
  for (;;) {
    const start = at
    while (at < text.length && /[\s;\uFEFF]/.test(text[at] as string)) at++
    if (text.startsWith('--', at)) at = endOf(text, '\n', at + 2)
    else if (text.startsWith('/*', at)) at = endOf(text, '*/', at + 2)
    if (at === start) return at
  }
}

function endOf(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from)
  return found < 0 ? text.length : found + mark.length
}

/** The offset after a keyword that stands at an offset; undefined where another word does. */
function afterWord(text: string, word: string, at: number): number | undefined {
  const end = at + word.length
  const matches = text.slice(at, end).toLowerCase() === word && !/[\w$\u0080-\uffff]/.test(text[end] ?? ' ')
  return matches ? end : undefined
}

/** A statement without what stands before it, and whether EXPLAIN does. */
export function withoutExplain(text: string): { explained: boolean; body: string } {
  const start = skipBlank(text, 0)
  const explain = afterWord(text, 'explain', start)
  if (explain === undefined) return { explained: false, body: text.slice(start) }
  const next = skipBlank(text, explain)
  const query = afterWord(text, 'query', next)
  const plan = query === undefined ? undefined : afterWord(text, 'plan', skipBlank(text, query))
  return { explained: true, body: text.slice(plan === undefined ? next : skipBlank(text, plan)) }
}

/** DROP without IF EXISTS: what does not exist would be dropped without a word, and the name counts all the same. */
export function withoutIfExists(body: string): string {
  return body.replace(/^(drop\s+(?:table|view|index|trigger)\s+)if\s+exists\s+/i, '$1')
}

const name = /(?:"(?:[^"]|"")*"|`(?:[^`]|``)*`|'(?:[^']|'')*'|\[[^\]]*\]|[\w$\u0080-\uffff]+)/.source
const createView = new RegExp(
  `^create\\s+(?:temp(?:orary)?\\s+)?view\\s+(?:if\\s+not\\s+exists\\s+)?${name}(?:\\s*\\.\\s*${name})?` +
    `\\s*(?:\\(\\s*${name}(?:\\s*,\\s*${name})*\\s*\\))?\\s*as(?=[\\s(])`,
  'i',
)

/** The query of a CREATE VIEW; undefined where it cannot be found. */
export function viewBody(body: string): string | undefined {
  const head = createView.exec(body)
  return head ? body.slice(head[0].length) : undefined
}
