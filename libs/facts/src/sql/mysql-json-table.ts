import { addDerived, type Scope, type Walk } from './mysql-names.ts'
import { expression } from './mysql-expressions.ts'
import { accept, expect, expectSign, fail, hide, isSign, name, next, peek, show } from './mysql-reader.ts'

/** `JSON_TABLE(document, path COLUMNS (…)) alias`: rows out of a value. */
export function jsonTable(walk: Walk, scope: Scope): void {
  const { r } = walk
  next(r)
  show(r, '')
  expectSign(r, '(')
  show(r, '( SELECT')
  expression(walk, scope)
  const start = r.at
  expectSign(r, ',')
  if (next(r).kind !== 'string') fail(r)
  const columns: string[] = []
  expect(r, 'COLUMNS')
  columnList(walk, columns)
  hide(r, start)
  expectSign(r, ')')
  accept(r, 'AS')
  const alias = name(r)
  walk.functions.add('json_table')
  addDerived(scope, alias, columns)
}

function columnList(walk: Walk, columns: string[]): void {
  const { r } = walk
  expectSign(r, '(')
  do {
    if (accept(r, 'NESTED')) {
      accept(r, 'PATH')
      if (next(r).kind !== 'string') fail(r)
      expect(r, 'COLUMNS')
      columnList(walk, columns)
    } else {
      columns.push(name(r))
      columnBody(walk)
    }
  } while (isSign(r, ',') && next(r))
  expectSign(r, ')')
}

/** A type, a path and what to do without a value: words, strings and numbers, never an expression. */
function columnBody({ r }: Walk): void {
  while (!isSign(r, ',') && !isSign(r, ')')) {
    const { kind, upper } = peek(r)
    if (isSign(r, '(')) lengths(r)
    else if (!/^(word|string|number)$/.test(kind) || /^(SELECT|WITH|TABLE|VALUES)$/.test(upper)) fail(r)
    else next(r)
  }
}

function lengths(r: Walk['r']): void {
  expectSign(r, '(')
  while (!isSign(r, ')'))
    if (!/^(number|string)$/.test(peek(r).kind) && !isSign(r, ',')) fail(r)
    else next(r)
  next(r)
}
