// INSERT, REPLACE, UPDATE and DELETE: which tables they write, and which they only read.
import { remove } from './mysql-deletions.ts'
import { CannotTell } from './statement.ts'
import {
  addDerived,
  addTable,
  inside,
  tableName,
  useAll,
  type Item,
  type Scope,
  type Walk,
} from './mysql-names.ts'
import { expression, orderList, tuple } from './mysql-expressions.ts'
import { columnNames, from, partitions } from './mysql-from.ts'
import { isQuery, query, selectItems } from './mysql-query.ts'
import { limit } from './mysql-query-end.ts'
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
  isSign,
  list,
  name,
  next,
  show,
} from './mysql-reader.ts'

/** True where a change of rows begins. */
export function isChange({ r }: Walk): boolean {
  return is(r, 'INSERT', 'REPLACE', 'UPDATE', 'DELETE')
}

/** Reads a change of rows; `parent` has the common table expressions before it. */
export function change(walk: Walk, parent: Scope | null): void {
  const { r } = walk
  const block = inside(parent)
  if (is(r, 'INSERT', 'REPLACE')) insert(walk, block)
  else if (accept(r, 'UPDATE')) update(walk, block)
  else remove(walk, block)
}

/** Passes over words that change nothing of what is touched. */
export function modifiers(walk: Walk, ...keywords: string[]): void {
  const { r } = walk
  const start = r.at
  while (accept(r, ...keywords));
  hide(r, start)
}

function insert(walk: Walk, block: Scope): void {
  const { r } = walk
  const start = r.at
  next(r)
  while (accept(r, 'LOW_PRIORITY', 'DELAYED', 'HIGH_PRIORITY', 'IGNORE'));
  accept(r, 'INTO')
  hide(r, start, 'INSERT INTO')
  const item = addTable(walk, block, undefined, tableName(walk))
  item.operation = 'write'
  partitions(walk)
  if (isSign(r, '(') && !isQuery(walk)) insertColumns(walk, item)
  else if (!is(r, 'SET')) item.allFields = true
  insertedRows(walk, block, item)
  rowAlias(walk, block)
  if (acceptAll(r, 'ON', 'DUPLICATE', 'KEY', 'UPDATE')) assignments(walk, block, () => [item])
  returning(walk, block)
}

function insertColumns({ r }: Walk, item: Item): void {
  expectSign(r, '(')
  if (!isSign(r, ')'))
    list(r, () => {
      const start = r.at
      let column = name(r)
      while (acceptSign(r, '.')) column = name(r)
      hide(r, start, '`c`')
      item.fields.add(column)
    })
  else item.allFields = true
  expectSign(r, ')')
}

function insertedRows(walk: Walk, block: Scope, item: Item): void {
  const { r } = walk
  if (is(r, 'VALUES', 'VALUE') && !isAt(r, 1, 'ROW')) {
    next(r)
    show(r, 'VALUES')
    return rows(walk, block)
  }
  if (accept(r, 'SET')) {
    show(r, 'VALUES (')
    list(r, () => {
      assignedColumn(walk, () => [item], '')
      assignedValue(walk, block)
    })
    r.after.set(r.at - 1, `${r.after.get(r.at - 1) ?? ''} )`)
    return
  }
  const before = walk.items.length
  if (!isQuery(walk)) fail(r)
  query(walk, { ...inside(block.parent), ctes: block.ctes })
  // ON DUPLICATE KEY UPDATE sees what the query reads.
  block.items.push(...walk.items.slice(before))
}

/** Rows of constants are all alike: other parsers see the first. */
function rows(walk: Walk, block: Scope): void {
  const { r } = walk
  for (let first = true; first || isSign(r, ','); first = false) {
    const start = r.at
    if (!first) next(r)
    if (tuple(walk, block) && !first) hide(r, start)
  }
}

/** `AS new(a, b)` behind the rows: what ON DUPLICATE KEY UPDATE may call them. */
function rowAlias(walk: Walk, block: Scope): void {
  const { r } = walk
  const start = r.at
  if (!accept(r, 'AS')) return
  const alias = name(r)
  hide(r, start)
  addDerived(block, alias, columnNames(walk) ?? null)
}

type Targets = (path: string[]) => Item[]

function assignments(walk: Walk, block: Scope, targets: Targets): void {
  list(walk.r, () => {
    assignedColumn(walk, targets, '`c` =')
    assignedValue(walk, block)
  })
}

function assignedColumn(walk: Walk, targets: Targets, shown: string): void {
  const { r } = walk
  const start = r.at
  const path = [name(r)]
  while (acceptSign(r, '.')) path.push(name(r))
  if (!acceptSign(r, '=') && !acceptSign(r, ':=')) fail(r)
  hide(r, start, shown)
  for (const item of targets(path)) {
    item.operation = 'write'
    item.fields.add(path.at(-1) as string)
  }
}

function assignedValue(walk: Walk, block: Scope): void {
  const { r } = walk
  if (!is(r, 'DEFAULT') || isSign(r, '(', 1)) return expression(walk, block)
  next(r)
  show(r, '1')
}

function update(walk: Walk, block: Scope): void {
  const { r } = walk
  modifiers(walk, 'LOW_PRIORITY', 'IGNORE')
  from(walk, block)
  portion(walk, block)
  expect(r, 'SET')
  const tables = block.items.filter(({ resource }) => resource !== undefined)
  assignments(walk, block, (path) => targetOf(path, tables))
  condition(walk, block)
}

/** The tables that an assigned column may belong to. */
function targetOf(path: string[], tables: Item[]): Item[] {
  const qualifier = path.at(-2)?.toLowerCase()
  const meant = tables.filter((item) => qualifier === undefined || item.name.toLowerCase() === qualifier)
  if (meant.length === 0)
    throw new CannotTell(`which table is changed by ${path.join('.').slice(0, 80)} cannot be told`)
  return meant
}

/** `FOR PORTION OF p FROM a TO b`. */
export function portion(walk: Walk, block: Scope): void {
  const { r } = walk
  const start = r.at
  if (!acceptAll(r, 'FOR', 'PORTION', 'OF')) return
  name(r)
  expect(r, 'FROM')
  expression(walk, block)
  expect(r, 'TO')
  expression(walk, block)
  hide(r, start)
}

/** WHERE, ORDER BY and LIMIT of a change. */
export function condition(walk: Walk, block: Scope): void {
  const { r } = walk
  if (accept(r, 'WHERE')) expression(walk, block)
  if (acceptAll(r, 'ORDER', 'BY')) orderList(walk, block)
  const start = r.at
  limit(walk, block)
  hide(r, start)
}

/** RETURNING: rows of the tables that are changed. */
export function returning(walk: Walk, block: Scope): void {
  if (!accept(walk.r, 'RETURNING')) return
  const outputs = selectItems(walk, block)
  if (outputs.some(({ kind }) => kind === 'star')) useAll(block.items)
}
