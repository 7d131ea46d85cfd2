import { CannotTell, qualifiedName, type Entry } from './statement.ts'
import { namesEffect } from './postgresql-attributes.ts'
import { classifyFunction } from './postgresql-functions.ts'

/** A node of the parser's tree, as it comes: one upper-case tag around a struct, or a bare struct. */
export type Node = { [key: string]: unknown }

/** How names are resolved. Without either, names are reported as written. */
export type PostgresqlOptions = {
  searchPath?: string[] | undefined
  /** `schema.table` → its columns, in order. */
  schema?: Record<string, string[]> | undefined
  /** Functions the operator declares free of side effects, as they are written in statements. */
  pureFunctions?: string[] | undefined
}

/** Something a column name may refer to: a table, a CTE, a sub-query or a function in FROM. */
export type Item = {
  name: string
  schema?: string | undefined
  /** The ledger's entries of the table; empty for what is not a table. */
  entries: Entry[]
  /** The visible column names; null when they are not known. */
  columns: string[] | null
  /** The table's own name of each visible column, where an alias list renames them. */
  source?: string[] | undefined
  /** A function in FROM. */
  callable?: boolean
  /** A function in FROM whose result is no row: its name stands for the value, and has no fields. */
  scalar?: boolean
  /** The parts of a join under an alias. */
  parts?: Item[]
  /** The items inside a sub-query: its columns hide them, FOR UPDATE reaches them. */
  lockable?: Item[]
}

/** What is visible at one place of a statement. `barrier`: columns further out are not. */
export type Scope = {
  parent: Scope | null
  ctes: Map<string, string[] | null>
  items: Item[]
  barrier?: boolean
  /** How much looking up is left for the statement as a whole. */
  work: { left: number }
}

// Thousands of names looked for in thousands of tables would take minutes.
const maxWork = 1_000_000

/** A scope inside another. */
export function inside(parent: Scope | null, barrier = false): Scope {
  return { parent, ctes: new Map(), items: [], barrier, work: parent?.work ?? { left: maxWork } }
}

/** Counts a look into the items of a scope. */
function look({ items, work }: Scope): void {
  for (const { columns } of items) work.left -= 1 + (columns?.length ?? 0) / 50
  if (work.left < 0) throw new CannotTell('the statement has too many tables and columns')
}

/** The columns of a common table expression that is in scope under this name; undefined when there is none. */
export function findCte(scope: Scope, name: string): { columns: string[] | null } | undefined {
  for (let s: Scope | null = scope; s; s = s.parent) {
    const columns = s.ctes.get(name)
    if (columns !== undefined) return { columns }
  }
  return undefined
}

/** The texts of a list of String nodes; `*` for a star. */
export function strings(list: unknown): string[] {
  if (!Array.isArray(list)) return []
  return list.map((node: Node) => {
    if ('A_Star' in node) return '*'
    const text = (node['String'] as { sval?: string } | undefined)?.sval
    if (text === undefined) throw new CannotTell('a name in the statement cannot be read')
    return text
  })
}

/** The resources an unqualified or qualified table name may mean, as the server would look it up. */
export function resolveTable(schema: string | undefined, name: string, options: PostgresqlOptions): string[] {
  if (schema) return [qualifiedName(schema, name)]
  const { searchPath = options.schema ? ['public'] : undefined, schema: known } = options
  if (!searchPath) return [qualifiedName(name)]
  const inCatalogue = name.startsWith('pg_') && !searchPath.includes('pg_catalog')
  const candidates = searchPath.map((place) => qualifiedName(place, name))
  const found = known && candidates.find((candidate) => Object.hasOwn(known, candidate))
  if (found) return [found]
  return inCatalogue
    ? [qualifiedName('pg_catalog', name)]
    : candidates.length > 0
      ? candidates
      : [qualifiedName(name)]
}

/** Beyond this a list of columns helps nobody, and all of them are meant. */
const maxFields = 1_000

/** Notes that one column of an item is used. */
export function useColumn(item: Item, column: string): void {
  const at = item.source && item.columns ? item.columns.indexOf(column) : -1
  for (const entry of item.entries) {
    if (entry.fields.size < maxFields) entry.fields.add(at >= 0 ? (item.source?.[at] ?? column) : column)
    else entry.allFields = true
  }
}

/** Notes that all columns of an item, or of the items under its alias, are used. */
export function useAll(item: Item): void {
  for (const part of item.parts ?? []) useAll(part)
  for (const entry of item.entries) {
    const own = item.source ?? item.columns
    if (own) for (const column of own) entry.fields.add(column)
    else entry.allFields = true
  }
}

/**
 * Resolves an unqualified column. Where the columns of a table are not known, every table that the name may
 * belong to is noted to use it: that may say too much of a table, never too little.
 */
export function useUnqualified(scope: Scope, column: string): void {
  let placed = false
  for (let s: Scope | null = scope; s; s = s.barrier ? null : s.parent) {
    look(s)
    const sure = s.items.filter((item) => has(item, column) === true)
    for (const item of sure) useIn(item, column)
    if (sure.length > 0) return
    for (const item of s.items) {
      if (has(item, column) === undefined) useIn(item, column)
      if (item.name === column) useAll(item)
      if (has(item, column) === undefined || item.name === column) placed = true
    }
  }
  // A system column, or a listing that is out of date: every table in sight may be meant.
  if (!placed)
    for (let s: Scope | null = scope; s; s = s.barrier ? null : s.parent)
      s.items.forEach((i) => useIn(i, column))
}

/**
 * Resolves `qualifier.column` or `schema.table.column`. `no table`: none of that name is in scope. `no column`: the
 * table is known not to have it, and so it is a function of the row, `users.touch` for `touch(users)`.
 */
export function useQualified(
  scope: Scope,
  schema: string | undefined,
  qualifier: string,
  column: string,
  fields: ReadonlySet<string> | undefined,
): 'used' | 'no table' | 'no column' {
  for (let s: Scope | null = scope; s; s = s.barrier ? null : s.parent) {
    look(s)
    const item = s.items.find(
      (i) => i.name === qualifier && (!schema || i.schema === undefined || i.schema === schema),
    )
    if (!item) continue
    if (column === '*') useAll(item)
    else useIn(item, column)
    return column !== '*' && isCalled(item, column, fields) ? 'no column' : 'used'
  }
  return 'no table'
}

/** Whether a name after an item is no column of it, and so a function of the row or of the value. */
function isCalled(item: Item, column: string, fields: ReadonlySet<string> | undefined): boolean {
  if (item.source) return has(item, column) === false && !systemColumns.has(column)
  if (!item.callable || has(item, column) === true) return false
  if (item.scalar) return classifyFunction(column, 1, false) !== 'pure'
  return namesEffect(column) || (has(item, column) === undefined && fields?.has(column) === false)
}

const fieldsOfSchemas = new WeakMap<object, ReadonlySet<string>>()

// What the functions of PostgreSQL that answer rows call their columns.
const fieldsOfFunctions =
  `alias abbrev barelabel baredesc catcode catdesc depth description detail dictionaries dictionary
  grantee grantor hint identity is_dst is_grantable isleaf key level lexeme lexemes message n name option_name option_value
  ordinality parentrelid positions privilege_type relid schema sql_error_code tokid token type utc_offset value weights word
  x`.split(/\s+/)

/** Every name a field of a row may have, where the columns of all tables are known; any other is a function of the row. */
export function knownFields(schema: PostgresqlOptions['schema']): ReadonlySet<string> | undefined {
  if (!schema) return undefined
  const found = fieldsOfSchemas.get(schema)
  if (found) return found
  const fields = new Set([...Object.values(schema).flat(), ...fieldsOfFunctions])
  fieldsOfSchemas.set(schema, fields)
  return fields
}

/** The columns that every table has. */
export const systemColumns: ReadonlySet<string> = new Set([
  'ctid',
  'xmin',
  'xmax',
  'cmin',
  'cmax',
  'tableoid',
])

/**
 * Functions of PostgreSQL's own that take a row of any table, and so may stand as `users.to_json` where a column would.
 * Other functions of one argument do not take a row, or are not PostgreSQL's.
 */
export const rowFunctions: ReadonlySet<string> = new Set(
  `any_value array_agg concat count hash_record hash_record_extended json_agg json_agg_strict json_build_array jsonb_agg
  jsonb_agg_strict jsonb_build_array max min num_nonnulls num_nulls pg_column_compression pg_column_size pg_typeof
  quote_literal quote_nullable record_out record_send row_to_json to_json to_jsonb`.split(/\s+/),
)

function useIn(item: Item, column: string): void {
  useColumn(item, column)
  for (const part of item.parts ?? []) if (has(part, column) !== false) useIn(part, column)
}

/** Whether an item has a column: true, false, or undefined when its columns are not known. */
function has(item: Item, column: string): boolean | undefined {
  if (item.columns) return item.columns.includes(column)
  // A function or sub-query named like the column stands for its own value.
  if (item.entries.length === 0 && item.name === column) return true
  return undefined
}

/** The nearest item of a name. */
export function itemNamed(scope: Scope, name: string): Item | undefined {
  for (let s: Scope | null = scope; s; s = s.barrier ? null : s.parent) {
    const found = s.items.find((item) => item.name === name)
    if (found) return found
  }
  return undefined
}

/** Whether a name is a column of a table in sight. */
export function isColumn(scope: Scope, qualifier: string | undefined, column: string): boolean {
  for (let s: Scope | null = scope; s; s = s.barrier ? null : s.parent) {
    const items = s.items.filter((item) => qualifier === undefined || item.name === qualifier)
    if (items.some((item) => item.source && has(item, column) === true)) return true
  }
  return false
}
