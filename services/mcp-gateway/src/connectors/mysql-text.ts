// What the second wall reads of a statement by itself: MySQL's READ ONLY transactions let a statement write files,
// take locks and move sequences, and its protocol gives a derived table's columns for a stored table's of its name.
// No parser: words outside of strings, names and comments, as the server splits them under the pinned sql_mode.

/** A bare word in capitals, a quoted name, a string, or one character of anything else. */
type Token = { kind: 'word' | 'name' | 'string' | 'sign'; text: string }

const SPACE = /[ \t-\r]*/y
const WORD = /[\w$\u0080-\uffff]+/y
/** Two dashes begin a comment before a blank or a control character of ASCII only. */
const COMMENT = /#[^\n]*|--(?:(?=[^!-~\u0080-\uffff])[^\n]*|$)|\/\*[^]*?\*\//y
const QUOTED = /'(?:[^'\\]|\\[^]|'')*'|"(?:[^"\\]|\\[^]|"")*"|`(?:[^`]|``)*`/y

/**
 * The tokens of a statement; undefined where it holds an executable comment, does not end what it begins, or has
 * a number that runs into a word.
 */
export function tokensOf(sql: string): Token[] | undefined {
  const tokens: Token[] = []
  let at = 0
  const taken = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    const text = pattern.exec(sql)?.[0]
    at += text?.length ?? 0
    return text === '' ? undefined : text
  }
  while ((taken(SPACE), at < sql.length)) {
    const comment = taken(COMMENT)
    if (comment !== undefined) {
      if (/^\/\*M?!/i.test(comment)) return undefined
      continue
    }
    const word = taken(WORD)
    const quoted = word === undefined ? taken(QUOTED) : undefined
    if (word !== undefined && isGlued(word, tokens.at(-1))) return undefined
    if (word !== undefined) tokens.push({ kind: 'word', text: word.toUpperCase() })
    else if (quoted?.startsWith('`')) tokens.push({ kind: 'name', text: quoted.slice(1, -1).toUpperCase() })
    else if (quoted !== undefined) tokens.push({ kind: 'string', text: quoted })
    else if (/^(['"`]|\/\*)/.test(sql.slice(at, at + 2))) return undefined
    else tokens.push({ kind: 'sign', text: sql[at++] as string })
  }
  return tokens
}

/** `1e1FROM` and `.5FROM` are a number and a word to the server; `2fa` is one name. */
function isGlued(word: string, before: Token | undefined): boolean {
  return /^\d+e\d+\D/i.test(word) || (before?.text === '.' && /^\d+(?!e?\d*$)/i.test(word))
}

const READING = new Set(['SELECT', 'WITH', 'TABLE', 'VALUES', 'SHOW', 'EXPLAIN', 'DESCRIBE', 'DESC'])
const EFFECTS = new Set([
  ...['GET_LOCK', 'RELEASE_LOCK', 'RELEASE_ALL_LOCKS', 'LOAD_FILE', 'SLEEP', 'BENCHMARK'],
  ...['NEXTVAL', 'SETVAL', 'MASTER_POS_WAIT', 'SOURCE_POS_WAIT', 'MASTER_GTID_WAIT'],
  ...['WAIT_FOR_EXECUTED_GTID_SET', 'WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS', 'SYS_EXEC', 'SYS_EVAL', 'SYS_SET'],
])

/** Why a statement that was decided as reading is not run; undefined where it may be. */
export function whyNotReading(sql: string): string | undefined {
  const tokens = tokensOf(sql)
  if (tokens === undefined)
    return 'it has an executable comment, a number that runs into a word, or something that does not end'
  const first = tokens.find(({ text }) => text !== '(')
  if (first?.kind !== 'word' || !READING.has(first.text)) return 'it does not begin as a statement that reads'
  for (const [index, { kind, text }] of tokens.entries()) {
    const [before, next] = [tokens[index - 1], tokens[index + 1]]
    if (kind === 'word' && text === 'INTO' && !/^(INSERT|REPLACE|IGNORE)$/.test(before?.text ?? ''))
      return 'INTO would write what it reads'
    if (text === ':' && next?.text === '=') return ':= would set a variable'
    if (kind === 'word' && text === 'NEXT' && next?.text === 'VALUE')
      return 'NEXT VALUE would move a sequence'
    if (kind !== 'string' && EFFECTS.has(text) && next?.text === '(') return `${text} does more than read`
  }
  return undefined
}

const NOT_FLAT = new Set(['WITH', 'TABLE', 'VALUES', 'UNION', 'INTERSECT', 'EXCEPT', 'MINUS', 'LATERAL'])
/** What stands before the bracket of a sub-query that is compared with, and so is nowhere among the outputs. */
const COMPARED = new Set(['IN', 'EXISTS', 'ANY', 'SOME', 'ALL', '=', '<', '>'])

/**
 * Whether a statement is one query over stored tables and views, such that the table the protocol names for an
 * output is the table it comes from. Sub-queries that are only compared with are no hindrance.
 */
export function isFlatQuery(sql: string): boolean {
  const tokens = tokensOf(sql)
  if (tokens === undefined) return false
  const selects = tokens.flatMap(({ kind, text }, index) =>
    kind === 'word' && text === 'SELECT' ? [index] : [],
  )
  const outer = tokens.findIndex(({ text }) => text !== '(')
  const inner = selects.filter((index) => index !== outer)
  return (
    tokens.every(({ kind, text }) => kind !== 'word' || !NOT_FLAT.has(text)) &&
    inner.every((index) => tokens[index - 1]?.text === '(' && isComparison(tokens[index - 2]))
  )
}

function isComparison(token: Token | undefined): boolean {
  return (token?.kind === 'word' || token?.kind === 'sign') && COMPARED.has(token.text)
}
