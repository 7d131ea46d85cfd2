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

const token = new RegExp(`--[^\\n]*|/\\*[\\s\\S]*?(?:\\*/|$)|${name}|\\S`, 'g')

// The engine compiles a common table expression once for each use of it: ten that each use the one before twice
// are a thousand queries, twenty a million, and nothing interrupts the engine meanwhile.
const maxExpansions = 1_500

/** True where common table expressions multiply beyond what the engine compiles in reasonable time. */
export function expandsTooFar(text: string): boolean {
  if (!/\bwith\b/i.test(text)) return false
  const tokens = tokensOf(text).map(({ name }) => name)
  const bodies = cteBodies(tokens)
  if (bodies === undefined) return true
  const cost = new Map<string, number>()
  const costOf = (cte: string): number => {
    const known = cost.get(cte)
    if (known !== undefined) return known
    // While its own body is counted, a name stands for its own recursion: one use.
    cost.set(cte, 1)
    let sum = 1
    for (const used of bodies.get(cte) ?? []) {
      if (bodies.has(used) && sum <= maxExpansions) sum += costOf(used)
    }
    cost.set(cte, sum)
    return sum
  }
  let total = 0
  for (const used of tokens) if (bodies.has(used)) total += costOf(used)
  return total > maxExpansions
}

/** A token: as the engine compares names, as it is written without its quotes, and the quote. */
export type Token = { name: string; written: string; quote: string }

/** The tokens of a text but its comments. */
export function tokensOf(text: string): Token[] {
  return [...text.matchAll(token)].flatMap(([found]) => {
    const written = unquoted(found)
    if (written === '') return []
    return [
      { name: written.toLowerCase(), written, quote: /^["'`[]./.test(found) ? (found[0] as string) : '' },
    ]
  })
}

/** A token without its quotes; nothing for a comment. */
function unquoted(found: string): string {
  if (found.startsWith('--') || found.startsWith('/*')) return ''
  return /^["'`[]/.test(found) && found.length > 1 ? found.slice(1, -1) : found
}

/** All bodies together, in tokens: an inner one is also part of those around it. */
const maxBodyTokens = 400_000

/** The tokens of every `name AS (…)` and `name (…) AS (…)`, whichever query it stands in; undefined for too many. */
function cteBodies(tokens: string[]): Map<string, string[]> | undefined {
  const bodies = new Map<string, string[]>()
  const ends = bracketEnds(tokens)
  const after = (open: number) => ends.get(open) ?? tokens.length
  let taken = 0
  for (let i = 0; i + 2 < tokens.length; i++) {
    let at = tokens[i + 1] === '(' ? after(i + 1) : i + 1
    if (tokens[at] !== 'as') continue
    at++
    while (tokens[at] === 'not' || tokens[at] === 'materialized') at++
    const cte = tokens[i] as string
    if (tokens[at] !== '(' || /^[(),;]$/.test(cte)) continue
    const end = after(at) - 1
    taken += end - at
    if (taken > maxBodyTokens) return undefined
    const body = bodies.get(cte) ?? []
    for (let each = at + 1; each < end; each++) body.push(tokens[each] as string)
    bodies.set(cte, body)
  }
  return bodies
}

/** The place behind each bracket's end, by where it opens. */
function bracketEnds(tokens: string[]): Map<number, number> {
  const ends = new Map<number, number>()
  const open: number[] = []
  for (const [at, token] of tokens.entries()) {
    if (token === '(') open.push(at)
    const opened = token === ')' ? open.pop() : undefined
    if (opened !== undefined) ends.set(opened, at + 1)
  }
  return ends
}
