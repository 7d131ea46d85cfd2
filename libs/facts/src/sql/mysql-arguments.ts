// The arguments of functions, many of which have a grammar of their own.
import { effect, tableName, type Scope, type Walk } from './mysql-names.ts'
import { argument, orderList } from './mysql-expressions.ts'
import {
  accept,
  acceptAll,
  acceptSign,
  expect,
  expectSign,
  fail,
  hide,
  is,
  isSign,
  list,
  name,
  next,
  peek,
  show,
} from './mysql-reader.ts'
import { isUnit } from './mysql-words.ts'

/** Notes the sequence that is named here as moved, set or read. */
export function sequence(walk: Walk, called: 'nextval' | 'setval' | 'lastval'): void {
  walk.functions.add(called)
  effect(walk, called === 'lastval' ? 'read' : 'write', tableName(walk).resource)
}

type Arguments = (walk: Walk, scope: Scope) => void

/** Arguments between commas, as most functions have them. */
export function plainArguments(walk: Walk, scope: Scope): void {
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

/** What stands between the brackets of those functions that have a grammar of their own. */
export const grammars: Record<string, Arguments> = {
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
export function match(walk: Walk, scope: Scope): true {
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
