// Windows: what stands behind OVER and WINDOW.
import type { Scope, Walk } from './mysql-names.ts'
import { expression, orderList } from './mysql-expressions.ts'
import {
  accept,
  acceptAll,
  expect,
  expectSign,
  fail,
  hide,
  is,
  isName,
  isSign,
  list,
  name,
} from './mysql-reader.ts'

/** What may follow the arguments of an aggregate or window function. */
export function over(walk: Walk, scope: Scope): void {
  const { r } = walk
  const start = r.at
  if (acceptAll(r, 'WITHIN', 'GROUP')) {
    expectSign(r, '(')
    if (!acceptAll(r, 'ORDER', 'BY')) fail(r)
    orderList(walk, scope)
    expectSign(r, ')')
  }
  if (!acceptAll(r, 'FROM', 'FIRST')) acceptAll(r, 'FROM', 'LAST')
  if (!acceptAll(r, 'RESPECT', 'NULLS')) acceptAll(r, 'IGNORE', 'NULLS')
  if (accept(r, 'OVER')) {
    if (isSign(r, '(')) windowDefinition(walk, scope)
    else name(r)
  }
  hide(r, start)
}

/** A window between brackets. */
export function windowDefinition(walk: Walk, scope: Scope): void {
  const { r } = walk
  expectSign(r, '(')
  if (isName(r) && !is(r, 'PARTITION', 'RANGE', 'ROWS', 'GROUPS')) name(r)
  if (acceptAll(r, 'PARTITION', 'BY')) list(r, () => expression(walk, scope))
  if (acceptAll(r, 'ORDER', 'BY')) orderList(walk, scope)
  if (accept(r, 'ROWS', 'RANGE', 'GROUPS')) frame(walk, scope)
  expectSign(r, ')')
}

function frame(walk: Walk, scope: Scope): void {
  const { r } = walk
  if (accept(r, 'BETWEEN')) {
    bound(walk, scope)
    expect(r, 'AND')
  }
  bound(walk, scope)
  if (!accept(r, 'EXCLUDE')) return
  if (!acceptAll(r, 'CURRENT', 'ROW') && !acceptAll(r, 'NO', 'OTHERS')) expect(r, 'GROUP', 'TIES')
}

function bound(walk: Walk, scope: Scope): void {
  const { r } = walk
  if (acceptAll(r, 'CURRENT', 'ROW')) return
  if (!accept(r, 'UNBOUNDED')) expression(walk, scope)
  expect(r, 'PRECEDING', 'FOLLOWING')
}
