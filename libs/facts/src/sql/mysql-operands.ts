// Operands: constants, columns, calls, what stands in brackets, and the words that begin one.
import type { Scope, Walk } from './mysql-names.ts'
import { argument, expression, tuple } from './mysql-expressions.ts'
import { call, isCall, wordCall } from './mysql-calls.ts'
import { isBracketedQuery, queryValue } from './mysql-query.ts'
import {
  accept,
  expect,
  expectSign,
  fail,
  hide,
  is,
  isName,
  isSign,
  name,
  next,
  peek,
  show,
} from './mysql-reader.ts'
import { isIntroducer, isUnit } from './mysql-words.ts'

const prefixes = new Set(['-', '+', '~', '!'])

/** Reads one operand, with the signs before it. */
export function operand(walk: Walk, scope: Scope): void {
  const { r } = walk
  const start = r.at
  while ((peek(r).kind === 'operator' && prefixes.has(peek(r).text)) || is(r, 'NOT', 'BINARY')) next(r)
  hide(r, start)
  const { kind } = peek(r)
  if (kind === 'string' || kind === 'number' || kind === 'parameter' || kind === 'variable')
    return literal(walk)
  if (isSign(r, '(')) return bracketed(walk, scope)
  if (isSign(r, '{')) return odbcLiteral(walk)
  if (kind === 'word' && keywordOperand(walk, scope)) return
  if (isCall(walk)) return call(walk, scope)
  column(walk, scope)
}

/** Strings side by side are one string. */
function literal({ r }: Walk): void {
  const { kind } = next(r)
  const start = r.at
  if (kind === 'string') while (peek(r).kind === 'string') next(r)
  hide(r, start)
}

/** What stands in brackets: a query, or expressions. */
export function bracketed(walk: Walk, scope: Scope): void {
  if (isBracketedQuery(walk.r.tokens, walk.r.at)) queryValue(walk, scope)
  else tuple(walk, scope, 'f (')
}

/** `{d '2026-01-31'}`. */
function odbcLiteral({ r }: Walk): void {
  const start = r.at
  next(r)
  expect(r, 'D', 'T', 'TS')
  if (next(r).kind !== 'string') fail(r)
  expectSign(r, '}')
  hide(r, start, '1')
}

/** An operand that begins with a word of the grammar; false where the word is a name. */
function keywordOperand(walk: Walk, scope: Scope): boolean {
  const { r } = walk
  const { upper } = peek(r)
  if (upper === '') return false
  if (accept(r, 'NULL', 'TRUE', 'FALSE', 'MAXVALUE')) {
    show(r, '1')
    return true
  }
  const literals = isIntroducer(upper)
    ? /^(string|number)$/
    : /^(DATE|TIME|TIMESTAMP)$/.test(upper)
      ? /^string$/
      : /^$/
  if (literals.test(peek(r, 1).kind)) {
    next(r)
    show(r, '')
    literal(walk)
    return true
  }
  if (is(r, 'CASE')) return caseExpression(walk, scope)
  if (is(r, 'INTERVAL')) return interval(walk, scope)
  const ofQuery = is(r, 'EXISTS') || (is(r, 'ANY', 'ALL', 'SOME') && isBracketedQuery(r.tokens, r.at + 1))
  if (ofQuery || (is(r, 'ROW') && isSign(r, '(', 1))) {
    next(r)
    show(r, '')
    if (ofQuery) queryValue(walk, scope)
    else tuple(walk, scope, 'f (')
    return true
  }
  return wordCall(walk, scope)
}

function caseExpression(walk: Walk, scope: Scope): true {
  const { r } = walk
  expect(r, 'CASE')
  show(r, 'f (')
  const parts = (keyword: string, shown: string) => {
    expect(r, keyword)
    show(r, shown)
    argument(walk, scope)
  }
  const simple = !is(r, 'WHEN')
  if (simple) argument(walk, scope)
  for (let first = true; first || is(r, 'WHEN'); first = false) {
    parts('WHEN', first && !simple ? '' : ',')
    parts('THEN', ',')
  }
  if (is(r, 'ELSE')) parts('ELSE', ',')
  expect(r, 'END')
  show(r, ')')
  return true
}

/** `INTERVAL 1 DAY`, or the function of that name; to other parsers only its value. */
function interval(walk: Walk, scope: Scope): true {
  const { r } = walk
  const isFunction = isSign(r, '(', 1)
  expect(r, 'INTERVAL')
  show(r, '')
  expression(walk, scope)
  if (isUnit(peek(r).upper)) {
    next(r)
    show(r, '')
  } else if (isFunction) walk.functions.add('interval')
  else fail(r)
  return true
}

/** A column, with its table and database where they are given. */
function column(walk: Walk, scope: Scope): void {
  const { r } = walk
  const path = [name(r)]
  while (path.length < 3 && isSign(r, '.') && isName(r, 1)) {
    next(r)
    path.push(name(r))
  }
  walk.uses.push({ scope, path })
}
