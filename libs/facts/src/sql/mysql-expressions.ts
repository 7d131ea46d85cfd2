// Expressions. How operators bind does not matter here: what counts is every name, call and query inside. Other
// parsers are shown an expression as a call, whose arguments are its operands.
import { effect, inside, type Scope, type Walk } from './mysql-names.ts'
import { call, isCall, wordCall } from './mysql-calls.ts'
import { isBracketedQuery, queryValue } from './mysql-query.ts'
import {
  accept,
  acceptAll,
  expect,
  expectSign,
  fail,
  hide,
  is,
  isAt,
  isName,
  isSign,
  list,
  name,
  next,
  peek,
  show,
  wrap,
} from './mysql-reader.ts'
import { isIntroducer, isUnit } from './mysql-words.ts'

/** Reads an expression to its end. */
export function expression(walk: Walk, scope: Scope): void {
  const start = walk.r.at
  if (operands(walk, scope) > 1) wrap(walk.r, start)
}

/** Reads an expression among the arguments of a call. `noIn`: as in `POSITION(a IN b)`, IN is none of its own. */
export function argument(walk: Walk, scope: Scope, noIn = false): void {
  operands(walk, scope, noIn)
}

function operands(walk: Walk, scope: Scope, noIn = false): number {
  let count = 0
  do {
    operand(walk, scope)
    count++
    for (let more = suffix(walk, scope, noIn); more !== undefined; more = suffix(walk, scope, noIn))
      count += more
  } while (operator(walk))
  return count
}

const infix = new Set([
  ...[
    '||',
    '&&',
    '|',
    '&',
    '<<',
    '>>',
    '+',
    '-',
    '*',
    '/',
    '%',
    '^',
    '=',
    '<=>',
    '>=',
    '>',
    '<=',
    '<',
    '<>',
    '!=',
  ],
  ':=',
])
const infixWords = ['OR', 'AND', 'XOR', 'DIV', 'MOD', 'LIKE', 'ESCAPE', 'REGEXP', 'RLIKE', 'BETWEEN']

/** Moves past an operator with another operand behind it. */
function operator(walk: Walk): boolean {
  const { r } = walk
  const start = r.at
  const { kind, text } = peek(r)
  if (kind === 'operator' && infix.has(text)) {
    // What is assigned stays in the session.
    if (text === ':=') effect(walk, 'admin', null)
    next(r)
  } else {
    if (is(r, 'NOT') && isAt(r, 1, 'LIKE', 'REGEXP', 'RLIKE', 'BETWEEN')) next(r)
    if (!accept(r, ...infixWords) && !acceptAll(r, 'SOUNDS', 'LIKE')) return false
  }
  hide(r, start, ',')
  return true
}

/** What follows an operand and ends in itself: how many operands it has; undefined where there is none. */
function suffix(walk: Walk, scope: Scope, noIn: boolean): number | undefined {
  const { r } = walk
  const start = r.at
  if (isSign(r, '->') || isSign(r, '->>')) {
    next(r)
    show(r, ',')
    if (next(r).kind !== 'string') fail(r)
    return 1
  }
  if (accept(r, 'COLLATE')) {
    if (peek(r).kind === 'string' || is(r, 'BINARY')) next(r)
    else name(r)
    hide(r, start)
    return 0
  }
  if (accept(r, 'IS')) {
    accept(r, 'NOT')
    expect(r, 'NULL', 'TRUE', 'FALSE', 'UNKNOWN')
    hide(r, start)
    return 0
  }
  const not = is(r, 'NOT') ? 1 : 0
  if (isAt(r, not, 'IN') && !noIn) r.at += not + 1
  else if (isAt(r, not, 'MEMBER') && isAt(r, not + 1, 'OF')) r.at += not + 2
  else return undefined
  hide(r, start, ',')
  bracketed(walk, scope)
  return 1
}

const prefixes = new Set(['-', '+', '~', '!'])

function operand(walk: Walk, scope: Scope): void {
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

function bracketed(walk: Walk, scope: Scope): void {
  if (isBracketedQuery(walk.r.tokens, walk.r.at)) queryValue(walk, scope)
  else tuple(walk, scope, 'f (')
}

/**
 * Expressions between brackets. A list of constants is one constant to other parsers, however long; true when it
 * was one.
 */
export function tuple(walk: Walk, scope: Scope, opening = '('): boolean {
  const { r } = walk
  expectSign(r, '(')
  show(r, opening)
  const start = r.at
  let plain = true
  if (!isSign(r, ')'))
    list(r, () => {
      const first = r.at
      if (is(r, 'DEFAULT') && !isSign(r, '(', 1)) {
        next(r)
        show(r, '1')
      } else argument(walk, scope)
      plain &&= r.at === first + 1 && /^(string|number)$/.test(r.tokens[first]?.kind ?? '')
    })
  if (plain && r.at > start + 1) hide(r, start, '1')
  expectSign(r, ')')
  return plain
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

/**
 * What ORDER BY and GROUP BY list. `aliases`: names of outputs, which are no columns where they stand alone.
 */
export function orderList(walk: Walk, scope: Scope, aliases: string[] = []): void {
  const { r } = walk
  list(r, () => {
    const start = r.at
    const uses = walk.uses.length
    expression(walk, scope)
    const alone = r.at === start + 1 && walk.uses.length === uses + 1
    if (alone && aliases.some((alias) => alias.toLowerCase() === r.tokens[start]?.text.toLowerCase()))
      walk.uses.pop()
    if (accept(r, 'ASC', 'DESC')) show(r, '')
  })
}

/** An expression that stands by itself, without tables around it. */
export function bareExpression(walk: Walk): void {
  expression(walk, inside(null))
}
