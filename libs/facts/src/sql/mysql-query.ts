// Queries: SELECT, TABLE, VALUES, what joins several of them, and WITH before them.
import { into, tail } from './mysql-query-end.ts'
import { inside, useAll, type Item, type Scope, type Walk } from './mysql-names.ts'
import { expression, orderList, tuple } from './mysql-expressions.ts'
import { columnNames, from, tableFactor } from './mysql-from.ts'
import {
  accept,
  acceptAll,
  acceptSign,
  expect,
  expectSign,
  fail,
  hide,
  is,
  isAlias,
  isAt,
  isName,
  isSign,
  list,
  name,
  next,
  peek,
  show,
} from './mysql-reader.ts'
import { windowDefinition } from './mysql-windows.ts'

/** The names of a query's columns; null when they are not known. An unnamed one is empty. */
export type Columns = string[] | null

/** True where a query begins. */
export function isQuery(walk: Walk): boolean {
  return isQueryAt(walk, 0)
}

function isQueryAt({ r }: Walk, offset: number): boolean {
  return isAt(r, offset, 'SELECT', 'WITH', 'TABLE', 'VALUES') || isBracketedQuery(r.tokens, r.at + offset)
}

/** True where a bracket holds a query, rather than an expression or tables that begin with one. */
export function isBracketedQuery(tokens: Walk['r']['tokens'], at: number): boolean {
  const token = tokens[at]
  if (token?.kind !== 'operator' || token.text !== '(') return false
  const inner = tokens[at + 1]
  if (inner?.upper === 'VALUES') return isRows(tokens, at + 1)
  if (inner?.kind === 'word') return /^(SELECT|WITH|TABLE)$/.test(inner.upper)
  if (!isBracketedQuery(tokens, at + 1)) return false
  const after = (inner as { pair: number }).pair + 1
  const { kind, upper } = tokens[after] as { kind: string; upper: string }
  return after === token.pair || (kind === 'word' && /^(UNION|EXCEPT|INTERSECT|ORDER|LIMIT)$/.test(upper))
}

/** Whether VALUES begins rows, or is the function that tells an inserted value within an expression. */
function isRows(tokens: Walk['r']['tokens'], at: number): boolean {
  const bracket = tokens[at + 1]
  if (bracket?.text !== '(' || bracket.kind !== 'operator') return true
  const { kind, text, upper } = tokens[bracket.pair + 1] as Walk['r']['tokens'][number]
  if (kind === 'word') return /^(UNION|EXCEPT|INTERSECT|ORDER|LIMIT)$/.test(upper)
  return kind === 'operator' && (text === ')' || (text === ',' && tokens[bracket.pair + 2]?.text === '('))
}

/** Reads a query and all that belongs to it; what it makes is known by the names of its columns. */
export function query(walk: Walk, parent: Scope | null): Columns {
  const scope = inside(parent)
  withClause(walk, scope)
  return queryBody(walk, scope)
}

/** Reads a query from behind its WITH. */
export function queryBody(walk: Walk, scope: Scope): Columns {
  const firstItem = walk.items.length
  const columns = queryTerm(walk, scope)
  while (accept(walk.r, 'UNION', 'EXCEPT', 'INTERSECT')) {
    show(walk.r, 'UNION')
    if (accept(walk.r, 'ALL', 'DISTINCT')) show(walk.r, '')
    queryTerm(walk, scope)
  }
  tail(walk, scope, columns ?? [], walk.items.slice(firstItem))
  return columns
}

/** A query between brackets. */
export function bracketedQuery(walk: Walk, parent: Scope | null): Columns {
  expectSign(walk.r, '(')
  const columns = query(walk, parent)
  expectSign(walk.r, ')')
  return columns
}

/** A query that stands for a value. One that begins with a bracket is shown to other parsers as one over a query. */
export function queryValue(walk: Walk, scope: Scope): void {
  const { r } = walk
  const nested = isSign(r, '(', 1)
  expectSign(r, '(')
  if (nested) show(r, '( SELECT 1 FROM (')
  query(walk, scope)
  expectSign(r, ')')
  if (nested) show(r, ') x )')
}

/** WITH: each name is visible to those after it, with RECURSIVE to itself too. */
export function withClause(walk: Walk, scope: Scope): void {
  const { r } = walk
  if (!accept(r, 'WITH')) return
  const recursive = accept(r, 'RECURSIVE')
  if (recursive) show(r, '')
  list(r, () => {
    const own = name(r)
    const given = columnNames(walk)
    expect(r, 'AS')
    const inner: Scope = { ...inside(scope), definition: true }
    if (recursive) inner.ctes.set(own, given ?? null)
    const made = bracketedQuery(walk, inner)
    if (is(r, 'CYCLE')) fail(r)
    walk.otherNames.add(own)
    scope.ctes.set(own, given ?? made)
  })
}

function queryTerm(walk: Walk, scope: Scope): Columns {
  const { r } = walk
  if (isSign(r, '(')) return bracketedQuery(walk, scope)
  if (accept(r, 'SELECT')) return select(walk, scope)
  if (accept(r, 'VALUES')) return values(walk, scope)
  expect(r, 'TABLE')
  show(r, 'SELECT 1 FROM')
  const block = inside(scope)
  tableFactor(walk, block, { alias: false })
  useAll(block.items)
  return null
}

function values(walk: Walk, scope: Scope): Columns {
  const { r } = walk
  show(r, 'SELECT')
  list(r, () => {
    if (accept(r, 'ROW')) show(r, '')
    tuple(walk, scope, 'f (')
  })
  return null
}

const selectOptions = [
  ...[
    'ALL',
    'DISTINCT',
    'DISTINCTROW',
    'HIGH_PRIORITY',
    'STRAIGHT_JOIN',
    'SQL_SMALL_RESULT',
    'SQL_BIG_RESULT',
  ],
  ...['SQL_BUFFER_RESULT', 'SQL_CACHE', 'SQL_NO_CACHE', 'SQL_CALC_FOUND_ROWS'],
]

function select(walk: Walk, scope: Scope): Columns {
  const { r } = walk
  const firstItem = walk.items.length
  const block = inside(scope)
  const start = r.at
  while (accept(r, ...selectOptions));
  hide(r, start)
  const outputs = selectItems(walk, block)
  const end = r.at
  into(walk)
  hide(r, end)
  if (!acceptDual(walk) && accept(r, 'FROM')) from(walk, block)
  const columns = columnsOf(outputs, block.items)
  if (accept(r, 'WHERE')) expression(walk, block)
  if (acceptAll(r, 'GROUP', 'BY')) {
    orderList(walk, block)
    const rollup = r.at
    acceptAll(r, 'WITH', 'ROLLUP')
    hide(r, rollup)
  }
  if (accept(r, 'HAVING')) expression(walk, block)
  windows(walk, block)
  const aliases = outputs.flatMap((output) => (output.kind === 'alias' ? [output.name] : []))
  tail(walk, block, aliases, walk.items.slice(firstItem))
  return columns
}

/** FROM DUAL is no table. */
function acceptDual({ r }: Walk): boolean {
  const start = r.at
  const found = acceptAll(r, 'FROM', 'DUAL')
  hide(r, start)
  return found
}

function windows(walk: Walk, block: Scope): void {
  const { r } = walk
  const start = r.at
  if (!accept(r, 'WINDOW')) return
  list(r, () => {
    name(r)
    expect(r, 'AS')
    windowDefinition(walk, block)
  })
  hide(r, start)
}

type Output =
  | { kind: 'alias'; name: string }
  | { kind: 'column'; name: string }
  | { kind: 'unnamed' }
  | { kind: 'star'; path: string[] }

/** The list between SELECT and FROM, or behind RETURNING. */
export function selectItems(walk: Walk, block: Scope): Output[] {
  const outputs: Output[] = []
  list(walk.r, () => void outputs.push(selectItem(walk, block)))
  return outputs
}

function selectItem(walk: Walk, block: Scope): Output {
  const { r } = walk
  if (acceptSign(r, '*')) return { kind: 'star', path: [] }
  const path = qualifiedStar(walk)
  if (path) {
    walk.uses.push({ scope: block, path: [...path, '*'] })
    return { kind: 'star', path }
  }
  const start = r.at
  expression(walk, block)
  const last = r.tokens[r.at - 1]
  const end = r.at
  const as = accept(r, 'AS')
  if (peek(r).kind === 'string') {
    next(r)
    hide(r, end)
    return { kind: 'unnamed' }
  }
  if (as || isAlias(r)) return { kind: 'alias', name: name(r) }
  const plain = r.tokens
    .slice(start, r.at)
    .every(({ kind, text }) => /^(word|quoted)$/.test(kind) || text === '.')
  return plain && last ? { kind: 'column', name: last.text } : { kind: 'unnamed' }
}

/** `t.*` or `db.t.*`; the path before the star. */
function qualifiedStar({ r }: Walk): string[] | undefined {
  for (const parts of [1, 2]) {
    const offsets = Array.from({ length: parts }, (_, part) => part * 2)
    const isPath = offsets.every((offset) => isName(r, offset) && isSign(r, '.', offset + 1))
    if (!isPath || !isSign(r, '*', parts * 2)) continue
    const path = offsets.map((offset) => peek(r, offset).text)
    for (const offset of offsets) r.names.add(r.at + offset)
    r.at += parts * 2 + 1
    return path
  }
  return undefined
}

/** Resolves the stars: the tables are marked, and the columns of what is no table are known. */
function columnsOf(outputs: Output[], items: Item[]): Columns {
  let known = true
  const columns = outputs.flatMap((output) => {
    if (output.kind === 'unnamed') return ['']
    if (output.kind !== 'star') return [output.name]
    const meant = output.path.length > 0 ? items.filter((i) => i.name === output.path.at(-1)) : items
    if (output.path.length === 0) useAll(meant)
    if (meant.length === 0 || meant.some((item) => !item.columns)) known = false
    return meant.flatMap((item) => item.columns ?? [])
  })
  return known ? columns : null
}
