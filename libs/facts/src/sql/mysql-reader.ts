// A place in the tokens of a text, and the few ways to move it. Everything that reads a statement goes through here.
import { CannotTell } from './statement.ts'
import type { Token } from './mysql-lexer.ts'
import { isReserved, mayBeAlias } from './mysql-words.ts'

export type Reader = {
  readonly tokens: Token[]
  at: number
  /** Tokens that were taken for names, by place. */
  readonly names: Set<number>
  /** What other parsers are shown in the place of a token, before one and after one. */
  readonly shown: Map<number, string>
  readonly before: Map<number, string>
  readonly after: Map<number, string>
}

/** A reader at the first token. */
export function createReader(tokens: Token[]): Reader {
  return { tokens, at: 0, names: new Set(), shown: new Map(), before: new Map(), after: new Map() }
}

/** The token at the place, or so many further. */
export function peek(r: Reader, offset = 0): Token {
  return r.tokens[Math.min(r.at + offset, r.tokens.length - 1)] as Token
}

/** True where the statement ends. */
export function atEnd(r: Reader): boolean {
  return peek(r).kind === 'end' || isSign(r, ';')
}

/** True when the token is one of these keywords. */
export function is(r: Reader, ...keywords: string[]): boolean {
  return isAt(r, 0, ...keywords)
}

/** True when the token so many further is one of these keywords. */
export function isAt(r: Reader, offset: number, ...keywords: string[]): boolean {
  const { kind, upper } = peek(r, offset)
  return kind === 'word' && upper !== '' && keywords.includes(upper)
}

/** True when the token is this operator or bracket. */
export function isSign(r: Reader, text: string, offset = 0): boolean {
  const token = peek(r, offset)
  return token.kind === 'operator' && token.text === text
}

/** Moves past a keyword, if it is one of these. */
export function accept(r: Reader, ...keywords: string[]): boolean {
  if (!is(r, ...keywords)) return false
  r.at++
  return true
}

/** Moves past several keywords in a row, if all of them stand there. */
export function acceptAll(r: Reader, ...keywords: string[]): boolean {
  if (!keywords.every((keyword, offset) => isAt(r, offset, keyword))) return false
  r.at += keywords.length
  return true
}

/** Moves past an operator or bracket, if it is this one. */
export function acceptSign(r: Reader, text: string): boolean {
  if (!isSign(r, text)) return false
  r.at++
  return true
}

/** Moves past one of these keywords, which must stand there. */
export function expect(r: Reader, ...keywords: string[]): void {
  if (!accept(r, ...keywords)) fail(r)
}

/** Moves past an operator or bracket, which must stand there. */
export function expectSign(r: Reader, text: string): void {
  if (!acceptSign(r, text)) fail(r)
}

/** Moves past any token. */
export function next(r: Reader): Token {
  const token = peek(r)
  if (token.kind === 'end') fail(r)
  r.at++
  return token
}

/** True where a name may stand. */
export function isName(r: Reader, offset = 0): boolean {
  const { kind, upper } = peek(r, offset)
  return kind === 'quoted' || (kind === 'word' && !isReserved(upper))
}

/** True where a name may stand that is an alias without AS. */
export function isAlias(r: Reader): boolean {
  const { kind, upper } = peek(r)
  return kind === 'quoted' || (kind === 'word' && mayBeAlias(upper))
}

/** Takes a name. */
export function name(r: Reader): string {
  if (!isName(r)) fail(r)
  r.names.add(r.at)
  return next(r).text
}

/** Takes names between brackets. */
export function nameList(r: Reader): string[] {
  expectSign(r, '(')
  const list = [name(r)]
  while (acceptSign(r, ',')) list.push(name(r))
  expectSign(r, ')')
  return list
}

/** Reads one or more of something between commas. */
export function list(r: Reader, each: () => void): void {
  do each()
  while (acceptSign(r, ','))
}

/** Shows other parsers a text in the place of the token before. */
export function show(r: Reader, text: string): void {
  r.shown.set(r.at - 1, text)
}

/** Hides the tokens since a place from other parsers. A query is never hidden. */
export function hide(r: Reader, since: number, text = ''): void {
  for (let at = since; at < r.at; at++) {
    if (r.tokens[at]?.upper === 'SELECT') throw new CannotTell('a query stands where it is not understood')
    r.shown.set(at, '')
    r.before.delete(at)
    r.after.delete(at)
  }
  if (text !== '' && since < r.at) r.shown.set(since, text)
}

/** Shows other parsers the tokens since a place as the arguments of one call. */
export function wrap(r: Reader, since: number): void {
  r.before.set(since, `f ( ${r.before.get(since) ?? ''}`)
  r.after.set(r.at - 1, `${r.after.get(r.at - 1) ?? ''} )`)
}

/** Ends the reading: here stands something that is not known. */
export function fail(r: Reader): never {
  const { kind, text } = peek(r)
  const what = kind === 'end' ? 'its end' : kind === 'string' ? 'a string' : JSON.stringify(text.slice(0, 40))
  throw new CannotTell(`the SQL is not understood as MySQL at ${what}`)
}
