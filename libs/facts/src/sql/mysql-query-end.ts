// What may follow a whole query: its order, its limit, where its rows go, which rows it locks.
import { effect, type Item, type Scope, type Walk } from './mysql-names.ts'
import { expression, orderList } from './mysql-expressions.ts'
import {
  accept,
  acceptAll,
  acceptSign,
  atEnd,
  expect,
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
} from './mysql-reader.ts'

/** What may follow a whole query: ORDER BY, LIMIT, INTO, locks. `aliases`: names that are no columns there. */
export function tail(walk: Walk, scope: Scope, aliases: string[], items: Item[]): void {
  const { r } = walk
  if (acceptAll(r, 'ORDER', 'BY')) orderList(walk, scope, aliases)
  const start = r.at
  limit(walk, scope)
  if (is(r, 'PROCEDURE')) fail(r)
  while (into(walk) || lock(walk, items));
  hide(r, start)
}

/** LIMIT in all its forms. */
export function limit(walk: Walk, scope: Scope): void {
  const { r } = walk
  if (accept(r, 'LIMIT')) {
    if (!is(r, 'ROWS')) {
      limitValue(walk)
      if (acceptSign(r, ',') || accept(r, 'OFFSET')) limitValue(walk)
    }
    if (acceptAll(r, 'ROWS', 'EXAMINED')) expression(walk, scope)
    return
  }
  if (is(r, 'OFFSET')) {
    next(r)
    limitValue(walk)
    expect(r, 'ROW', 'ROWS')
  }
  if (!accept(r, 'FETCH')) return
  expect(r, 'FIRST', 'NEXT')
  if (!is(r, 'ROW', 'ROWS')) limitValue(walk)
  expect(r, 'ROW', 'ROWS')
  if (!accept(r, 'ONLY') && !acceptAll(r, 'WITH', 'TIES')) fail(r)
}

function limitValue({ r }: Walk): void {
  const { kind } = next(r)
  if (kind !== 'number' && kind !== 'parameter') fail(r)
}

/** INTO a file of the server is more than any right to read; INTO variables leaves them in the session. */
export function into(walk: Walk): boolean {
  const { r } = walk
  if (!accept(r, 'INTO')) return false
  if (is(r, 'OUTFILE', 'DUMPFILE')) {
    effect(walk, 'admin', { unknown: 'INTO writes a file of the server' })
    next(r)
    if (next(r).kind !== 'string') fail(r)
    fileFormat(walk)
    return true
  }
  list(r, () => {
    if (peek(r).kind !== 'variable' && !isName(r)) fail(r)
    next(r)
  })
  effect(walk, 'admin', null)
  return true
}

function fileFormat({ r }: Walk): void {
  while (!atEnd(r) && !is(r, 'FROM', 'FOR', 'LOCK') && !isSign(r, ')')) next(r)
}

/** FOR UPDATE and its kin lock rows, and so write them: those of the tables named, or of all in the block. */
function lock(walk: Walk, items: Item[]): boolean {
  const { r } = walk
  if (!acceptAll(r, 'LOCK', 'IN', 'SHARE', 'MODE')) {
    if (!is(r, 'FOR') || !isAt(r, 1, 'UPDATE', 'SHARE')) return false
    r.at += 2
  }
  const named: string[] = []
  if (accept(r, 'OF')) list(r, () => void named.push(name(r).toLowerCase()))
  if (accept(r, 'WAIT')) limitValue(walk)
  else if (!accept(r, 'NOWAIT')) acceptAll(r, 'SKIP', 'LOCKED')
  const meant = named.length > 0 ? items.filter((item) => named.includes(item.name.toLowerCase())) : items
  for (const item of meant) item.locked = true
  if (meant.length === 0) effect(walk, 'write', null)
  return true
}
