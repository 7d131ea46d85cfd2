// Calls of functions: what each one means, and the arguments of those that have a grammar of their own. Other
// parsers are shown every call as one of the same function.
import { effect, tableName, type Scope, type Walk } from './mysql-names.ts'
import { argument, orderList } from './mysql-expressions.ts'
import { asciiLower, asciiUpper } from './mysql-lexer.ts'
import {
  classifyFunction,
  isKeywordFunction,
  isReservedFunction,
  withoutBrackets,
} from './mysql-functions.ts'
import {
  accept,
  acceptAll,
  acceptSign,
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
} from './mysql-reader.ts'
import { isUnit } from './mysql-words.ts'
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

function sequence(walk: Walk, called: 'nextval' | 'setval' | 'lastval'): void {
  walk.functions.add(called)
  effect(walk, called === 'lastval' ? 'read' : 'write', tableName(walk).resource)
}

type Arguments = (walk: Walk, scope: Scope) => void

function argumentsOf(walk: Walk, scope: Scope, upper: string): void {
  const { r } = walk
  expectSign(r, '(')
  const special = Object.hasOwn(grammars, upper) ? grammars[upper] : undefined
  if (special) special(walk, scope)
  else if (!isSign(r, ')')) plainArguments(walk, scope)
  expectSign(r, ')')
  over(walk, scope)
}

function plainArguments(walk: Walk, scope: Scope): void {
  const { r } = walk
  if (accept(r, 'DISTINCT', 'ALL')) show(r, '')
  if (acceptSign(r, '*')) show(r, '1')
  else list(r, () => argument(walk, scope))
  const start = r.at
  if (!acceptAll(r, 'ORDER', 'BY')) return
  hide(r, start, ',')
  orderList(walk, scope)
}

/** A word between two arguments, to other parsers a comma. */
function between(walk: Walk, ...keywords: string[]): boolean {
  if (!accept(walk.r, ...keywords)) return false
  show(walk.r, ',')
  return true
}

/** `EXTRACT(YEAR FROM x)`, `TIMESTAMPDIFF(DAY, a, b)`: a unit is no column. */
function unit({ r }: Walk): void {
  if (!isUnit(peek(r).upper)) fail(r)
  next(r)
  show(r, '1')
}

const withUnit: Arguments = (walk, scope) => {
  unit(walk)
  expectSign(walk.r, ',')
  list(walk.r, () => argument(walk, scope))
}

const substring: Arguments = (walk, scope) => {
  argument(walk, scope)
  if (between(walk, 'FROM')) {
    argument(walk, scope)
    if (between(walk, 'FOR')) argument(walk, scope)
  } else if (acceptSign(walk.r, ',')) list(walk.r, () => argument(walk, scope))
}

const trim: Arguments = (walk, scope) => {
  const { r } = walk
  const sided = accept(r, 'BOTH', 'LEADING', 'TRAILING')
  if (sided) show(r, '')
  if (sided && accept(r, 'FROM')) show(r, '')
  argument(walk, scope)
  if (between(walk, 'FROM')) argument(walk, scope)
}

/** A type, up to the end of the arguments: words and lengths, never an expression. */
function dataType({ r }: Walk, ...ends: string[]): void {
  let depth = 0
  while (depth > 0 || !(isSign(r, ')') || isSign(r, ',') || is(r, ...ends))) {
    const { kind, upper } = peek(r)
    if (isSign(r, '(')) depth++
    else if (isSign(r, ')')) depth--
    else if (!/^(word|number)$/.test(kind) && !isSign(r, ',')) fail(r)
    if (/^(SELECT|TABLE|VALUES|WITH)$/.test(upper)) fail(r)
    next(r)
  }
}

const cast: Arguments = (walk, scope) => {
  const { r } = walk
  argument(walk, scope)
  const start = r.at
  if (acceptAll(r, 'AT', 'TIME', 'ZONE')) {
    accept(r, 'INTERVAL')
    if (next(r).kind !== 'string') fail(r)
  }
  expect(r, 'AS')
  dataType(walk)
  hide(r, start)
}

const convert: Arguments = (walk, scope) => {
  const { r } = walk
  argument(walk, scope)
  const start = r.at
  if (accept(r, 'USING')) {
    if (!accept(r, 'BINARY')) name(r)
  } else {
    expectSign(r, ',')
    dataType(walk)
  }
  hide(r, start)
}

const aggregated: Arguments = (walk, scope) => {
  const { r } = walk
  plainArguments(walk, scope)
  const start = r.at
  if (accept(r, 'SEPARATOR') && !/^(string|parameter)$/.test(next(r).kind)) fail(r)
  if (accept(r, 'LIMIT')) {
    next(r)
    if (acceptSign(r, ',') || accept(r, 'OFFSET')) next(r)
  }
  hide(r, start)
}

const jsonValue: Arguments = (walk, scope) => {
  const { r } = walk
  list(r, () => argument(walk, scope))
  const start = r.at
  if (accept(r, 'RETURNING')) dataType(walk, 'NULL', 'ERROR', 'DEFAULT')
  for (let more = true; more;) {
    if (accept(r, 'DEFAULT')) {
      if (!/^(string|number)$/.test(next(r).kind)) fail(r)
    } else more = accept(r, 'NULL', 'ERROR')
    if (more && !acceptAll(r, 'ON', 'EMPTY')) if (!acceptAll(r, 'ON', 'ERROR')) fail(r)
  }
  hide(r, start)
}

const sequenceName = (called: 'nextval' | 'setval' | 'lastval'): Arguments => {
  return (walk, scope) => {
    const { r } = walk
    const start = r.at
    sequence(walk, called)
    hide(r, start, '1')
    if (acceptSign(r, ',')) list(r, () => argument(walk, scope))
  }
}

const grammars: Record<string, Arguments> = {
  CAST: cast,
  CONVERT: convert,
  SUBSTRING: substring,
  SUBSTR: substring,
  MID: substring,
  TRIM: trim,
  GROUP_CONCAT: aggregated,
  JSON_ARRAYAGG: aggregated,
  JSON_OBJECTAGG: aggregated,
  JSON_VALUE: jsonValue,
  TIMESTAMPDIFF: withUnit,
  TIMESTAMPADD: withUnit,
  NEXTVAL: sequenceName('nextval'),
  SETVAL: sequenceName('setval'),
  LASTVAL: sequenceName('lastval'),
  EXTRACT: (walk, scope) => {
    unit(walk)
    if (!between(walk, 'FROM')) fail(walk.r)
    argument(walk, scope)
  },
  POSITION: (walk, scope) => {
    argument(walk, scope, true)
    if (!between(walk, 'IN')) fail(walk.r)
    argument(walk, scope)
  },
  GET_FORMAT: (walk, scope) => {
    expect(walk.r, 'DATE', 'TIME', 'DATETIME', 'TIMESTAMP')
    show(walk.r, '1')
    expectSign(walk.r, ',')
    argument(walk, scope)
  },
  CHAR: (walk, scope) => {
    const { r } = walk
    list(r, () => argument(walk, scope))
    const start = r.at
    if (accept(r, 'USING')) next(r)
    hide(r, start)
  },
  WEIGHT_STRING: (walk, scope) => {
    const { r } = walk
    argument(walk, scope)
    const start = r.at
    if (accept(r, 'AS')) dataType(walk)
    hide(r, start)
  },
}

/** `MATCH (a, b) AGAINST (words IN BOOLEAN MODE)`, also without the first brackets. */
function match(walk: Walk, scope: Scope): true {
  const { r } = walk
  next(r)
  show(r, 'f (')
  walk.functions.add('match')
  const bracketed = acceptSign(r, '(')
  if (bracketed) show(r, '')
  list(r, () => argument(walk, scope))
  if (bracketed) {
    expectSign(r, ')')
    show(r, '')
  }
  if (!between(walk, 'AGAINST')) fail(r)
  expectSign(r, '(')
  show(r, '')
  argument(walk, scope, true)
  const start = r.at
  if (!acceptAll(r, 'IN', 'BOOLEAN', 'MODE')) acceptAll(r, 'IN', 'NATURAL', 'LANGUAGE', 'MODE')
  acceptAll(r, 'WITH', 'QUERY', 'EXPANSION')
  hide(r, start)
  expectSign(r, ')')
  return true
}
