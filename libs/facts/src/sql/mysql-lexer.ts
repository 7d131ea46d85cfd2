// The words of a text as MySQL and MariaDB read them with the sql_mode that connectors pin: double quotes are
// strings, a backslash escapes, the characters are utf8mb4. What the two servers, or two settings of one, would
// split differently is refused here. Nothing behind this file sees the text itself.
import { CannotTell } from './statement.ts'

export type Token = {
  kind: 'word' | 'quoted' | 'string' | 'number' | 'operator' | 'variable' | 'parameter' | 'end'
  /** A name without its quotes, a variable with its signs, else as written; the text of a string is left out. */
  text: string
  /** In capitals what may be a keyword; empty for what can only be a name. */
  upper: string
  /** Whether something stands between this token and the one before. */
  spaced: boolean
  start: number
  end: number
  /** Of a bracket, the place of its other half. */
  pair: number
}

/** Beyond these, the parsers that are asked too take longer than anyone waits, or run out of stack. */
const maxTokens = 25_000
const maxBrackets = 100
const maxName = 256

const operators = ['<=>', '->>', '->', '<=', '>=', '<>', '!=', '<<', '>>', '&&', '||', ':=']
const signs = new Set('(),.;+-*/%^~!=<>&|{}')
const wordStart = /[A-Za-z_$\u0080-\uffff]/
const wordPart = /[A-Za-z0-9_$\u0080-\uffff]*/y
const bareWord = /^(?:(?![\u{10000}-\u{10ffff}])[\p{L}\p{N}\p{M}_$])+$/u
const space = /[ \t-\r]/

type Lexer = { sql: string; at: number; tokens: Token[] }

/** The tokens of a text, the last of which is its end. Throws where the servers may not agree on them. */
export function tokensOf(sql: string): Token[] {
  const lexer: Lexer = { sql, at: 0, tokens: [] }
  for (;;) {
    const before = lexer.at
    skipSpace(lexer)
    if (lexer.tokens.length >= maxTokens) throw new CannotTell('the statement has too many words')
    const start = lexer.at
    if (start >= sql.length) break
    const spaced = start > before || lexer.tokens.length === 0
    const { kind, text, upper = '' } = read(lexer, spaced)
    lexer.tokens.push({ kind, text, upper, spaced, start, end: lexer.at, pair: -1 })
  }
  lexer.tokens.push({
    kind: 'end',
    text: '',
    upper: '',
    spaced: true,
    start: sql.length,
    end: sql.length,
    pair: -1,
  })
  matchBrackets(lexer.tokens)
  return lexer.tokens
}

function skipSpace(lexer: Lexer): void {
  const { sql } = lexer
  for (;;) {
    const char = sql[lexer.at] ?? ''
    if (space.test(char)) lexer.at++
    else if (char === '#' || isDashComment(sql, lexer.at)) lexer.at = endOfLine(sql, lexer.at)
    else if (sql.startsWith('/*', lexer.at)) skipComment(lexer)
    else return
  }
}

/** Two dashes are a comment only before white space, a control character or the end. */
function isDashComment(sql: string, at: number): boolean {
  const after = sql[at + 2]
  return sql.startsWith('--', at) && (after === undefined || after <= ' ' || after === '\x7f')
}

// A carriage return does not end a line.
function endOfLine(sql: string, at: number): number {
  const newline = sql.indexOf('\n', at)
  return newline < 0 ? sql.length : newline + 1
}

function skipComment(lexer: Lexer): void {
  const { sql, at } = lexer
  const end = sql.indexOf('*/', at + 2)
  if (end < 0) throw new CannotTell('a comment does not end')
  const body = sql.slice(at + 2, end)
  if (/^m?!/i.test(body)) throw new CannotTell('an executable comment is run by some servers only')
  if (body.startsWith('+')) refuseHints(body.slice(1))
  lexer.at = end + 2
}

const harmlessHints = new Set(
  `BKA BNL DERIVED_CONDITION_PUSHDOWN GROUP_INDEX HASH_JOIN ICP INDEX INDEX_MERGE JOIN_INDEX MERGE MRR ORDER_INDEX
  RANGE_OPTIMIZATION SEMIJOIN SKIP_SCAN SUBQUERY JOIN_FIXED_ORDER JOIN_ORDER JOIN_PREFIX JOIN_SUFFIX QB_NAME`.split(
    /\s+/,
  ),
)

/** A hint may set a variable or lift the time limit, and a quote in one may hide where it ends. */
function refuseHints(text: string): void {
  const rest = text.replaceAll(
    /(\w+)\s*\(([\w$@,.\s]*)\)/g,
    (hint: string, name: string, details: string) => {
      const limits = /^MAX_EXECUTION_TIME$/i.test(name) && /^\s*[1-9]\d{0,4}\s*$/.test(details)
      return limits || harmlessHints.has(name.toUpperCase().replace(/^NO_/, '')) ? '' : hint
    },
  )
  if (rest.trim() !== '') throw new CannotTell('an optimizer hint is not known here')
}

type Read = { kind: Token['kind']; text: string; upper?: string }

function read(lexer: Lexer, spaced: boolean): Read {
  const { sql, at } = lexer
  const char = sql[at] as string
  const last = lexer.tokens.at(-1)
  if (/[xXbBnN]/.test(char) && sql[at + 1] === "'") return prefixedString(lexer, char)
  if (wordStart.test(char)) return word(lexer, last?.text === '.' && last.kind === 'operator' && !spaced)
  if (/\d/.test(char)) return number(lexer, last, spaced)
  if (char === '.' && /\d/.test(sql[at + 1] ?? '')) return fraction(lexer, last, spaced)
  if (char === "'" || char === '"') return string(lexer, char)
  if (char === '`') return { kind: 'quoted', text: quotedName(lexer) }
  if (char === '@') return variable(lexer)
  if (char === '?') return take(lexer, 'parameter', '?')
  // How people end a statement in the client; no server takes it, so it can only mean this.
  if (/^\\G\s*$/.test(sql.slice(at, at + maxName)) && sql.slice(at + 2).trim() === '') {
    lexer.at = sql.length
    return { kind: 'operator', text: ';' }
  }
  const operator = operators.find((each) => sql.startsWith(each, at))
  if (operator) return take(lexer, 'operator', operator)
  if (signs.has(char)) return take(lexer, 'operator', char)
  throw new CannotTell(
    `the character ${JSON.stringify(String.fromCodePoint(sql.codePointAt(at) ?? 0))} is not known here`,
  )
}

function take(lexer: Lexer, kind: Token['kind'], text: string): Read {
  lexer.at += text.length
  return { kind, text }
}

function match(lexer: Lexer, pattern: RegExp): string {
  pattern.lastIndex = lexer.at
  const [text = ''] = pattern.exec(lexer.sql) ?? []
  lexer.at += text.length
  return text
}

/** Beside a dot a word is a name, whatever it says. */
function word(lexer: Lexer, afterDot: boolean): Read {
  const text = match(lexer, wordPart)
  if (text.length > maxName) throw new CannotTell('a name is longer than any server takes')
  // Space that is not ASCII is a letter to the servers and a space to people and to other parsers.
  if (!bareWord.test(text))
    throw new CannotTell(`the name ${JSON.stringify(text.slice(0, 40))} must be quoted`)
  const beforeDot = lexer.sql[lexer.at] === '.' && partOfWord.test(lexer.sql[lexer.at + 1] ?? '')
  return { kind: 'word', text, upper: afterDot || beforeDot ? '' : asciiUpper(text) }
}

/** Only ASCII is folded: no server takes a dotless i for an I. */
export function asciiUpper(text: string): string {
  return text.replace(/[a-z]+/g, (letters) => letters.toUpperCase())
}

/** In small letters, as `asciiUpper` is in capitals. */
export function asciiLower(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

const partOfWord = /[A-Za-z0-9_$\u0080-\uffff]/
const bitNumber = /0x[0-9a-fA-F]+|0b[01]+/y
const exponential = /\d+[eE][-+]?\d+/y
const decimal = /\d+(?:\.\d*(?:[eE][-+]?\d+)?)?/y
const fractional = /\.\d+(?:[eE][-+]?\d+)?/y

function number(lexer: Lexer, last: Token | undefined, spaced: boolean): Read {
  const { sql, at } = lexer
  const [, digits = '', next = '', exponent = ''] =
    /^(\d+)(.?)(.?[0-9]?)/s.exec(sql.slice(at, at + 100)) ?? []
  const isExponent = /^e$/i.test(next) && /^[-+]?\d/.test(exponent)
  const isBits = digits === '0' && /^[xb]$/i.test(next)
  // `2fa` is a name. What begins as a number in hexadecimal or with an exponent is left to those who quote it.
  if (partOfWord.test(next) && !/^e$/i.test(next) && !isBits) return word(lexer, true)
  if (last?.kind === 'operator' && last.text === '.') throw new CannotTell('a number follows a dot')
  if (!spaced && last && ['quoted', 'variable', 'string'].includes(last.kind))
    throw new CannotTell('a number runs into the word before it')
  const text = match(lexer, isBits ? bitNumber : isExponent ? exponential : decimal)
  return { kind: 'number', text: ended(lexer, text) }
}

/** A number, unless the servers may take what follows for a part of it. */
function ended(lexer: Lexer, text: string): string {
  const next = lexer.sql[lexer.at] ?? ''
  if (text === '' || next === '.' || partOfWord.test(next))
    throw new CannotTell('a number runs into the word behind it')
  return text
}

/** `.5` is a number where nothing stands before it whose part it could be. */
function fraction(lexer: Lexer, last: Token | undefined, spaced: boolean): Read {
  const ofName = last && (['quoted', 'variable', 'string', 'number'].includes(last.kind) || last.text === '.')
  if (ofName || (last?.kind === 'word' && !spaced)) throw new CannotTell('a number follows a dot')
  return { kind: 'number', text: ended(lexer, match(lexer, fractional)) }
}

function string(lexer: Lexer, quote: string): Read {
  const { sql } = lexer
  for (let at = lexer.at + 1; at < sql.length; at++) {
    if (sql[at] === '\\') at++
    else if (sql[at] === quote && sql[at + 1] === quote) at++
    else if (sql[at] === quote) {
      lexer.at = at + 1
      return { kind: 'string', text: '' }
    }
  }
  throw new CannotTell('a string does not end')
}

const bits = /[xX]'(?:[0-9a-fA-F]{2})*'|[bB]'[01]*'/y

function prefixedString(lexer: Lexer, prefix: string): Read {
  if (/[nN]/.test(prefix)) {
    lexer.at++
    return string(lexer, "'")
  }
  if (match(lexer, bits) === '') throw new CannotTell('a literal of bits cannot be read')
  return { kind: 'string', text: '' }
}

function quotedName(lexer: Lexer): string {
  const text = match(lexer, /`(?:[^`]|``)+`/y)
  const name = text.slice(1, -1).replaceAll('``', '`')
  // No server has a name that ends in a space; who drops the space reads another name.
  if (text === '' || text.length > maxName || (name.at(-1) ?? '') <= ' ')
    throw new CannotTell('a quoted name cannot be read')
  return name
}

const variables =
  /@@(?:[A-Za-z_][\w$]*\.){0,2}[A-Za-z_][\w$]*(?![\w$.\u0080-\uffff])|@[A-Za-z0-9_$.]+(?![\u0080-\uffff])/y

function variable(lexer: Lexer): Read {
  const text = match(lexer, variables)
  if (text !== '') return { kind: 'variable', text }
  const quote = lexer.sql[lexer.at + 1] ?? ''
  lexer.at++
  if (quote === '`') return { kind: 'variable', text: `@${quotedName(lexer)}` }
  if (quote !== "'" && quote !== '"') throw new CannotTell('an @ names no variable')
  string(lexer, quote)
  return { kind: 'variable', text: '@' }
}

function matchBrackets(tokens: Token[]): void {
  const open: number[] = []
  for (const [at, token] of tokens.entries()) {
    if (token.kind !== 'operator') continue
    if (token.text === '(' && open.push(at) > maxBrackets)
      throw new CannotTell('the statement is nested too deeply')
    if (token.text !== ')') continue
    const start = open.pop()
    if (start === undefined) throw new CannotTell('a bracket is closed that was not opened')
    token.pair = start
    ;(tokens[start] as Token).pair = at
  }
  if (open.length > 0) throw new CannotTell('a bracket is not closed')
}
