// Calls of functions: what each one means, and the arguments of those that have a grammar of their own. Other
// parsers are shown every call as one of the same function.
import { grammars, match, plainArguments, sequence } from './mysql-arguments.ts'
import { effect, type Scope, type Walk } from './mysql-names.ts'
import { asciiLower, asciiUpper } from './mysql-lexer.ts'
import {
  classifyFunction,
  isKeywordFunction,
  isReservedFunction,
  withoutBrackets,
} from './mysql-functions.ts'
import {
  acceptSign,
  expectSign,
  fail,
  hide,
  is,
  isAt,
  isName,
  isSign,
  name,
  next,
  peek,
  show,
} from './mysql-reader.ts'
import { over } from './mysql-windows.ts'

/** True where a call of a function begins that is named like anything else. */
export function isCall({ r }: Walk): boolean {
  return isName(r) && (isSign(r, '(', 1) || (isSign(r, '.', 1) && isName(r, 2) && isSign(r, '(', 3)))
}

/** Reads a call. A function of a database is a stored one, of which nothing is known. */
export function call(walk: Walk, scope: Scope): void {
  const { r } = walk
  const start = r.at
  const path = [name(r)]
  if (acceptSign(r, '.')) path.push(name(r))
  const quoted = r.tokens[start]?.kind === 'quoted'
  hide(r, start, 'f')
  for (let at = start; at < r.at; at++) r.names.delete(at)
  const own = asciiUpper(path.at(-1) as string)
  // Some built-in functions are words of the grammar, and only with their bracket at once behind them.
  const stored = path.length > 1 || (isKeywordFunction(own) && (quoted || peek(r).spaced))
  if (stored) unknownFunction(walk, asciiLower(path.join('.')))
  else note(walk, own)
  argumentsOf(walk, scope, stored ? '' : own)
}

/** A call whose name is a word of the grammar, or a function without brackets; false where there is none. */
export function wordCall(walk: Walk, scope: Scope): boolean {
  const { r } = walk
  const { upper } = peek(r)
  if (isAt(r, 1, 'VALUE') && isAt(r, 2, 'FOR') && is(r, 'NEXT', 'PREVIOUS')) return sequenceValue(walk)
  if (is(r, 'MATCH')) return match(walk, scope)
  if (isReservedFunction(upper) && isSign(r, '(', 1)) {
    next(r)
    show(r, 'f')
    note(walk, upper)
    argumentsOf(walk, scope, upper)
    return true
  }
  if (withoutBrackets.has(upper) && !isSign(r, '(', 1)) {
    next(r)
    show(r, '1')
    walk.functions.add(upper.toLowerCase())
    return true
  }
  if (upper === 'DEFAULT' || upper === 'VALUES') fail(r)
  return false
}

/** Notes a function by what it is known to do. */
function note(walk: Walk, upper: string): void {
  const kind = classifyFunction(upper, isSign(walk.r, '(') && isSign(walk.r, ')', 1))
  const lower = asciiLower(upper)
  if (kind === 'unknown') return unknownFunction(walk, lower)
  walk.functions.add(lower)
  if (kind === 'session') effect(walk, 'admin', null)
  if (kind === 'file') effect(walk, 'admin', { unknown: `${lower} reads a file of the server` })
}

function unknownFunction(walk: Walk, lower: string): void {
  walk.functions.add(lower)
  effect(walk, 'admin', { unknown: `what ${lower} touches cannot be told` })
}

/** `NEXT VALUE FOR s` moves the sequence, `PREVIOUS VALUE FOR s` reads it. */
function sequenceValue(walk: Walk): true {
  const { r } = walk
  const start = r.at
  const moves = is(r, 'NEXT')
  r.at += 3
  sequence(walk, moves ? 'nextval' : 'lastval')
  hide(r, start, '1')
  return true
}

function argumentsOf(walk: Walk, scope: Scope, upper: string): void {
  const { r } = walk
  expectSign(r, '(')
  const special = Object.hasOwn(grammars, upper) ? grammars[upper] : undefined
  if (special) special(walk, scope)
  else if (!isSign(r, ')')) plainArguments(walk, scope)
  expectSign(r, ')')
  over(walk, scope)
}
