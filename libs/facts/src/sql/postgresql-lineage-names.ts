import { CannotTell, qualifiedName } from './statement.ts'
import { namesEffect } from './postgresql-attributes.ts'
import { classifyFunction } from './postgresql-functions.ts'
import { resolveTable, rowFunctions, strings, systemColumns, type Node } from './postgresql-names.ts'
import { renamed } from './postgresql-from.ts'
import type { LineageOptions } from './postgresql-lineage.ts'

/** The source columns that a value may be made of; unknown where that cannot be told. */
export type Lineage = ReadonlySet<string> | 'unknown'

/** A value of no table. */
export const nothing: Lineage = new Set()

/** What is made of all of these. */
export function union(...lineages: Lineage[]): Lineage {
  const all = new Set<string>()
  for (const lineage of lineages) {
    if (lineage === 'unknown') return lineage
    for (const source of lineage) all.add(source)
  }
  return all
}

/** One output column. The name is undefined where it cannot be told, and may then be any. */
export type Output = { name: string | undefined; from: Lineage }

/**
 * What a query answers. `selection`: what decides which rows there are, which is no lineage of their values unless
 * the query stands inside an expression.
 */
export type Shape = { columns: Output[] | null; selection: Lineage }

/** Something in FROM: its columns where they are known, and what any other name would be. */
export type Item = {
  name: string
  schema?: string | undefined
  columns: Output[] | null
  /** What a column is made of that is not among the known ones; undefined where there can be none. */
  other?: ((column: string) => Lineage) | undefined
  /** What all of it is made of, where that can be told without its columns. */
  all?: Lineage
}

/** A common table expression, looked at when it is first used. */
export type Cte = { shape: () => Shape }

/** What is visible at one place. `merged`: a join by equal names, so that a name may mean both sides. */
export type Scope = {
  parent: Scope | null
  ctes: Map<string, Cte>
  items: Item[]
  windows: Map<string, Node>
  merged: boolean
}

/** What an analysis carries along: `selection` gathers what decides on rows of the query being read. */
export type Trace = {
  options: LineageOptions
  /** Steps that are left: common table expressions multiply. */
  budget: { left: number }
  /** The views that are being seen through. */
  views: ReadonlySet<string>
}

/** So many steps of the analysis; ends it when there were too many. */
export function step(trace: Trace, count = 1): void {
  trace.budget.left -= count
  if (trace.budget.left < 0) throw new CannotTell('the statement has too many parts')
}

/** A scope inside another. */
export function within(parent: Scope | null): Scope {
  return { parent, ctes: new Map(), items: [], windows: new Map(), merged: false }
}

/** The common table expression of a name. */
export function cteOf(scope: Scope, name: string): Cte | undefined {
  for (let s: Scope | null = scope; s; s = s.parent) {
    const found = s.ctes.get(name)
    if (found) return found
  }
  return undefined
}

// The statistics hold values of every column of every table, and the activity texts of statements.
const leaking = /^pg_catalog\.(pg_stat|pg_prepared|pg_cursors|pg_largeobject)|^pg_stat|^pg_toast\.|^pg_toast_/

/** The item of a table, as far as its columns are known. */
export function tableItem(trace: Trace, range: Node, name: string, aliases: string[] | null): Item {
  const schema = range['schemaname'] as string | undefined
  const resources = resolveTable(schema, range['relname'] as string, trace.options)
  const made = (column: string): Lineage =>
    resources.some((resource) => leaking.test(resource))
      ? 'unknown'
      : new Set(resources.map((resource) => `${resource}.${qualifiedName(column)}`))
  const known = resources.length === 1 ? trace.options.schema?.[resources[0] as string] : undefined
  if (known) {
    const names = renamed(known, aliases) as string[]
    return {
      name,
      schema,
      columns: known.map((column, at) => ({ name: names[at], from: made(column) })),
      other: (column) => (systemColumns.has(column) ? made(column) : 'unknown'),
    }
  }
  // Which columns an alias list renames cannot be told.
  const other = (column: string): Lineage => (aliases?.includes(column) ? 'unknown' : made(column))
  return { name, schema, columns: null, other }
}

/** Everything that an item holds. */
export function whole(item: Item): Lineage {
  return item.columns ? union(...item.columns.map(({ from }) => from)) : (item.all ?? 'unknown')
}

/** What a name without its table is made of; undefined where no such name is in sight. */
export function unqualified(trace: Trace, scope: Scope, column: string): Lineage | undefined {
  const possible: Lineage[] = []
  for (let s: Scope | null = scope; s; s = s.parent) {
    step(trace, s.items.length)
    const sure = s.items.flatMap((item) => named(item, column))
    const maybe = s.items.flatMap((item) => perhaps(item, column))
    if (sure.length > 0) return union(...possible, ...sure, ...(s.merged ? maybe : []))
    possible.push(...maybe)
    const row = s.items.find((item) => item.name === column)
    if (row) return union(...possible, whole(row))
  }
  return possible.length > 0 ? union(...possible) : undefined
}

function named(item: Item, column: string): Lineage[] {
  return (item.columns ?? []).filter(({ name }) => name === column).map(({ from }) => from)
}

function perhaps(item: Item, column: string): Lineage[] {
  const nameless = (item.columns ?? []).filter(({ name }) => name === undefined).map(({ from }) => from)
  if (item.columns) return systemColumns.has(column) && item.other ? [item.other(column)] : nameless
  return item.other ? [item.other(column)] : ['unknown']
}

/** What `qualifier.column` or `schema.table.column` is made of. */
export function qualified(scope: Scope, names: string[]): Lineage {
  const item = itemOf(scope, names.slice(0, -1))
  if (!item) return 'unknown'
  const column = names.at(-1) as string
  if (column === '*') return whole(item)
  const sure = named(item, column)
  if (sure.length > 0) return union(...sure)
  if (!item.columns)
    return rowFunctions.has(column) || namesEffect(column) ? 'unknown' : union(...perhaps(item, column))
  const maybe = perhaps(item, column)
  if (maybe.length > 0) return union(...maybe)
  // A name that the row does not have is a function of the row.
  return classifyFunction(column, 1, false) === 'pure' ? whole(item) : 'unknown'
}

/** The item that a qualifier names. */
export function itemOf(scope: Scope, qualifier: string[]): Item | undefined {
  const name = qualifier.at(-1)
  const schema = qualifier.at(-2)
  for (let s: Scope | null = scope; s; s = s.parent) {
    const found = s.items.find((i) => i.name === name && (!schema || !i.schema || i.schema === schema))
    if (found) return found
  }
  return undefined
}

/** The words of a column reference; `*` for a star. */
export function reference(node: Node): string[] {
  return strings(node['fields'])
}
