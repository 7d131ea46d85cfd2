// Expressions. How operators bind does not matter here: what counts is every name, call and query inside.
// Other parsers are shown an expression as a call, whose arguments are its operands.
import { bracketed, operand } from './mysql-operands.ts'
import { effect, inside, type Scope, type Walk } from './mysql-names.ts'
import {
  accept,
  acceptAll,
  expect,
  expectSign,
  fail,
  hide,
  is,
  isAt,
  isSign,
  list,
  name,
  next,
  peek,
  show,
  wrap,
} from './mysql-reader.ts'

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
