import type { Operation, Unknown } from '@mcpshield/policy/facts'
import { qualifiedName, type Entry, type Ledger } from './statement.ts'
import { isSign, name, next, type Reader } from './mysql-reader.ts'

export type MysqlOptions = {
  /** The database of names without one; absent, such names are told as written. */
  database?: string | undefined
}

/** Something a column may belong to: a table, or what a query or function makes in its place. */
export type Item = {
  name: string
  /** The table's resource; undefined for what is not a stored table. */
  resource: string | undefined
  /** The columns of what is not a stored table; null when they are not known. */
  columns: string[] | null
  operation: 'read' | 'write'
  /** Its rows are locked, too. */
  locked: boolean
  fields: Set<string>
  allFields: boolean
}

/** What is visible at one place of a statement. */
export type Scope = {
  parent: Scope | null
  /** The common table expressions, by name; null where the columns are not known. */
  ctes: Map<string, string[] | null>
  items: Item[]
  /** Around the query that defines a common table expression; what encloses it has the others of the same WITH. */
  definition?: boolean
}

/** A column as it was written, resolved once its scope is complete. */
type ColumnUse = { scope: Scope; path: string[] }

/** What a part of a text is; of a change of the schema other parsers may understand less than is understood here. */
export type Core = 'query' | 'change' | 'schema'

/** Everything one statement was found to do, until it is entered in the ledger. */
export type Walk = {
  r: Reader
  options: MysqlOptions
  items: Item[]
  uses: ColumnUse[]
  effects: { operation: Operation; resource: string | null | Unknown; list?: Entry['list']; all: boolean }[]
  functions: Set<string>
  /** Scopes whose tables are joined by columns of which the text says nothing. */
  naturalJoins: Scope[]
  /** Every name that stands where a table may, as written, and the place of its first token. */
  tableNames: { at: number; name: string }[]
  /** Names of common table expressions and of aliases that stand where a table may: no table of ours is missing. */
  otherNames: Set<string>
  /** The parts of the text that other parsers are shown, each a statement by itself: the places of their tokens. */
  cores: { from: number; to: number; kind: Core }[]
  /** Under EXPLAIN nothing is run: a change of rows is only planned, and so a read. */
  planOnly: boolean
}

/** A walk that has found nothing yet. */
export function createWalk(r: Reader, options: MysqlOptions): Walk {
  return {
    r,
    options,
    items: [],
    uses: [],
    effects: [],
    functions: new Set(),
    naturalJoins: [],
    tableNames: [],
    otherNames: new Set(),
    cores: [],
    planOnly: false,
  }
}

/** A scope inside another. */
export function inside(parent: Scope | null): Scope {
  return { parent, ctes: new Map(), items: [] }
}

/** A table's name as it stands in the text. */
export type TableName = { path: string[]; resource: string }

/** Takes `table` or `database.table`. */
export function tableName(walk: Walk): TableName {
  const at = walk.r.at
  const path = [name(walk.r)]
  if (isSign(walk.r, '.')) {
    next(walk.r)
    path.push(name(walk.r))
  }
  walk.tableNames.push({ at, name: path.join('.') })
  return { path, resource: resourceOf(walk, path) }
}

/** The resource of a table, an unqualified one being in the session's database. */
export function resourceOf({ options }: Walk, path: string[]): string {
  return path.length > 1 ? qualifiedName(...path) : qualifiedName(options.database, path[0])
}

/** Notes an effect that is not one on the rows of a table in a FROM list. */
export function effect(
  walk: Walk,
  operation: Operation,
  resource: string | null | Unknown,
  list?: Entry['list'],
): void {
  walk.effects.push({ operation, resource, ...(list && { list }), all: typeof resource === 'string' })
}

/** A stored table among the items of a scope. */
export function addTable(
  walk: Walk,
  scope: Scope,
  alias: string | undefined,
  { path, resource }: TableName,
): Item {
  const item: Item = {
    name: alias ?? (path.at(-1) as string),
    resource,
    columns: null,
    operation: 'read',
    locked: false,
    fields: new Set(),
    allFields: false,
  }
  scope.items.push(item)
  walk.items.push(item)
  return item
}

/** What a query or a function makes, among the items of a scope. */
export function addDerived(scope: Scope, alias: string, columns: string[] | null): void {
  scope.items.push({
    name: alias,
    resource: undefined,
    columns,
    operation: 'read',
    locked: false,
    fields: new Set(),
    allFields: false,
  })
}

/**
 * The columns of a common table expression in scope. `certain` is false where one server takes the name for a stored
 * table: when only its case differs; and inside a definition of a WITH, for a name of another WITH further out.
 */
export function findCte(
  scope: Scope,
  wanted: string,
): { columns: string[] | null; certain: boolean } | undefined {
  const lower = wanted.toLowerCase()
  let certain = true
  let inDefinition = false
  for (let s: Scope | null = scope; s; s = s.parent) {
    for (const [each, columns] of s.ctes)
      if (each.toLowerCase() === lower) return { columns, certain: certain && each === wanted }
    if (inDefinition) certain = false
    inDefinition = s.definition === true
  }
  return undefined
}

/** Notes every column of the tables among some items. */
export function useAll(items: Item[]): void {
  for (const item of items) item.allFields = true
}

/** Enters everything a walk found. */
export function enter(walk: Walk, ledger: Ledger): void {
  for (const { scope, path } of walk.uses) resolve(scope, path)
  for (const { items } of walk.naturalJoins) useAll(items)
  for (const item of walk.items) {
    const planned = walk.planOnly && item.operation === 'write'
    const entry = planned
      ? ledger.entry('read', item.resource as string, 'writes')
      : ledger.entry(item.operation, item.resource as string)
    for (const field of item.fields) entry.fields.add(field)
    entry.allFields ||= item.allFields
    if (item.locked) ledger.entry('write', item.resource as string)
    if (isResetByReading(item.resource as string)) ledger.entry('admin', item.resource as string)
  }
  for (const { operation, resource, list, all } of walk.effects)
    ledger.entry(operation, resource, list).allFields ||= all
  for (const each of walk.functions) ledger.call(each)
}

/**
 * True for the tables of counters that everybody shares and that go back to zero when they are read. Their names are
 * compared without regard to case and accents.
 */
function isResetByReading(resource: string): boolean {
  const plain = resource.normalize('NFKD').replaceAll(/\p{M}/gu, '')
  return /(?:^|\.)innodb_cmp(?:mem|_per_index)?_reset$/iu.test(plain)
}

function resolve(scope: Scope, path: string[]): void {
  const column = path.at(-1) as string
  if (path.length === 1) useUnqualified(scope, column)
  else useQualified(scope, path.at(-2) as string, column)
}

/** The columns of stored tables are not known: every table in sight that may have the column is noted to use it. */
function useUnqualified(scope: Scope, column: string): void {
  for (let s: Scope | null = scope; s; s = s.parent) {
    if (s.items.some((item) => has(item, column))) return
    for (const item of s.items) item.fields.add(column)
  }
}

function has(item: Item, column: string): boolean {
  return item.columns?.some((each) => each.toLowerCase() === column.toLowerCase()) ?? false
}

function useQualified(scope: Scope, qualifier: string, column: string): void {
  const lower = qualifier.toLowerCase()
  for (let s: Scope | null = scope; s; s = s.parent) {
    const found = s.items.filter((item) => item.name.toLowerCase() === lower)
    if (found.length === 0) continue
    // Two names that differ in case only are two tables on one system and one on another.
    for (const item of found)
      if (column === '*') item.allFields = true
      else item.fields.add(column)
    return
  }
  // Nothing of that name is here: the server would refuse the statement.
  for (let s: Scope | null = scope; s; s = s.parent) useAll(s.items)
}
