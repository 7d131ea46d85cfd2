// The tables of a query, a change or a deletion, and how they are joined.
import { addDerived, addTable, findCte, inside, tableName, type Scope, type Walk } from './mysql-names.ts'
import { expression } from './mysql-expressions.ts'
import { jsonTable } from './mysql-json-table.ts'
import { bracketedQuery, isBracketedQuery } from './mysql-query.ts'
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
  nameList,
  next,
  show,
} from './mysql-reader.ts'

/** Reads a list of tables and joins into a scope; to other parsers a comma is a join as well. */
export function from(walk: Walk, scope: Scope): void {
  joined(walk, scope)
  while (acceptSign(walk.r, ',')) {
    show(walk.r, 'JOIN')
    joined(walk, scope)
  }
}

/** Tables joined in whatever order; the server knows which conditions belong where. */
function joined(walk: Walk, scope: Scope): void {
  const { r } = walk
  factor(walk, scope)
  for (let conditions = 0; ;) {
    // Behind INSERT … SELECT the same word begins something else.
    if (is(r, 'ON') && !isAt(r, 1, 'DUPLICATE')) {
      next(r)
      if (conditions++ > 0) show(r, '+')
      expression(walk, scope)
    } else if (accept(r, 'USING')) using(walk, scope)
    else if (joinWords(walk, scope)) {
      factor(walk, scope)
      conditions = 0
    } else return
  }
}

function using(walk: Walk, scope: Scope): void {
  const start = walk.r.at - 1
  for (const column of nameList(walk.r)) for (const item of scope.items) item.fields.add(column)
  hide(walk.r, start)
}

function joinWords(walk: Walk, scope: Scope): boolean {
  const { r } = walk
  const start = r.at
  if (accept(r, 'STRAIGHT_JOIN', 'JOIN')) {
    show(r, 'JOIN')
    return true
  }
  const natural = accept(r, 'NATURAL')
  // Which columns a natural join compares is in no text.
  if (natural) walk.naturalJoins.push(scope)
  if (accept(r, 'LEFT', 'RIGHT')) accept(r, 'OUTER')
  else if (!accept(r, 'INNER', 'CROSS') && !natural) return false
  expect(r, 'JOIN')
  hide(r, start, 'JOIN')
  return true
}

function factor(walk: Walk, scope: Scope): void {
  const { r } = walk
  const lateral = accept(r, 'LATERAL')
  if (lateral) show(r, '')
  if (lateral || isBracketedQuery(r.tokens, r.at)) return derivedTable(walk, scope, lateral)
  if (is(r, 'JSON_TABLE') && isSign(r, '(', 1)) return jsonTable(walk, scope)
  if (acceptSign(r, '(')) {
    from(walk, scope)
    return expectSign(r, ')')
  }
  tableFactor(walk, scope, { alias: true })
}

/** A query in the place of a table; without LATERAL it sees nothing of the tables beside it. */
function derivedTable(walk: Walk, scope: Scope, lateral: boolean): void {
  const { r } = walk
  const made = bracketedQuery(walk, lateral ? scope : beside(scope))
  accept(r, 'AS')
  const alias = name(r)
  const given = columnNames(walk)
  addDerived(scope, alias, given ?? made)
}

/** The names between brackets that a query or a table is given for its columns. */
export function columnNames({ r }: Walk): string[] | undefined {
  if (!isSign(r, '(')) return undefined
  const start = r.at
  const names = nameList(r)
  hide(r, start)
  return names
}

/** The scope around a list of tables: its common table expressions, but not the tables of the list. */
function beside(scope: Scope): Scope {
  return { ...inside(scope.parent), ctes: scope.ctes }
}

/** One table by its name, or a common table expression by one. */
export function tableFactor(walk: Walk, scope: Scope, { alias: mayHaveAlias }: { alias: boolean }): void {
  const { r } = walk
  const table = tableName(walk)
  partitions(walk)
  if (mayHaveAlias) period(walk, scope)
  const alias = mayHaveAlias && (accept(r, 'AS') ? isName(r) || fail(r) : isAlias(r)) ? name(r) : undefined
  if (mayHaveAlias) indexHints(walk)
  const own = table.path.at(-1) as string
  const cte = table.path.length === 1 ? findCte(scope, own) : undefined
  if (alias !== undefined) walk.otherNames.add(alias)
  if (cte) addDerived(scope, alias ?? own, cte.columns)
  if (!cte?.certain) addTable(walk, scope, alias, table)
}

/** `PARTITION (p0, p1)` behind a table. */
export function partitions({ r }: Walk): void {
  const start = r.at
  if (accept(r, 'PARTITION')) nameList(r)
  hide(r, start)
}

/** `FOR SYSTEM_TIME …`: rows as they were, of a table that keeps them. */
function period(walk: Walk, scope: Scope): void {
  const { r } = walk
  const start = r.at
  if (!acceptAll(r, 'FOR', 'SYSTEM_TIME')) return
  if (acceptAll(r, 'AS', 'OF')) {
    if (isAt(r, 0, 'TIMESTAMP', 'TRANSACTION')) next(r)
    expression(walk, scope)
  } else if (accept(r, 'BETWEEN')) {
    expression(walk, scope)
  } else if (accept(r, 'FROM')) {
    expression(walk, scope)
    expect(r, 'TO')
    expression(walk, scope)
  } else expect(r, 'ALL')
  hide(r, start)
}

function indexHints({ r }: Walk): void {
  const start = r.at
  for (;;) {
    if (isSign(r, ',') && isAt(r, 1, 'USE', 'FORCE', 'IGNORE') && isAt(r, 2, 'INDEX', 'KEY')) next(r)
    if (!accept(r, 'USE', 'FORCE', 'IGNORE')) break
    expect(r, 'INDEX', 'KEY')
    if (
      accept(r, 'FOR') &&
      !accept(r, 'JOIN') &&
      !acceptAll(r, 'ORDER', 'BY') &&
      !acceptAll(r, 'GROUP', 'BY')
    )
      fail(r)
    expectSign(r, '(')
    if (!isSign(r, ')')) list(r, () => void (accept(r, 'PRIMARY') || name(r)))
    expectSign(r, ')')
  }
  hide(r, start)
}
