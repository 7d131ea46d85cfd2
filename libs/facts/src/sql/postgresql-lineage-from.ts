import { CannotTell } from './statement.ts'
import { listed, renamed } from './postgresql-from.ts'
import { lineageOf } from './postgresql-lineage-expressions.ts'
import {
  cteOf,
  nothing,
  step,
  tableItem,
  union,
  within,
  type Item,
  type Lineage,
  type Output,
  type Scope,
  type Shape,
  type Trace,
} from './postgresql-lineage-names.ts'
import { queryShape } from './postgresql-lineage-query.ts'
import { viewShape } from './postgresql-lineage-views.ts'
import { strings, type Node } from './postgresql-names.ts'
import { untag } from './postgresql-walk.ts'

/** One element of FROM: what can be named in it, and what `*` makes of it. */
type Element = { items: Item[]; star: Output[] | null; selection: Lineage }

/** What a FROM list as a whole offers to `*`, and what its conditions depend on. */
export type Listed = { star: Output[] | null; selection: Lineage }

/** Puts the items of a FROM list into the scope. `outer`: what sub-queries without LATERAL see. */
export function fromList(trace: Trace, list: Node[], scope: Scope, outer: Scope): Listed {
  const conditions: unknown[] = []
  const elements: Element[] = []
  for (const node of list) {
    const element = fromElement(trace, node, scope, outer, conditions)
    elements.push(element)
    scope.items.push(...element.items)
  }
  const stars = elements.map(({ star }) => star)
  return {
    star: stars.every((star) => star !== null) ? stars.flat() : null,
    selection: union(...elements.map(({ selection }) => selection), lineageOf(trace, conditions, scope)),
  }
}

function fromElement(trace: Trace, tagged: Node, scope: Scope, outer: Scope, conditions: unknown[]): Element {
  step(trace)
  const [tag, node] = untag(tagged)
  const alias = node['alias'] as Node | undefined
  const name = (alias?.['aliasname'] as string | undefined) ?? ''
  const aliases = listed(alias?.['colnames'])
  switch (tag) {
    case 'RangeVar':
      return rangeVar(trace, node, scope)
    case 'RangeSubselect':
      return element(name, aliases, queryShape(trace, node['subquery'], node['lateral'] ? scope : outer))
    case 'JoinExpr':
      return join(trace, node, scope, outer, conditions)
    case 'RangeTableSample': {
      const sampled = fromElement(trace, node['relation'] as Node, scope, outer, conditions)
      const sample = lineageOf(trace, [node['args'], node['repeatable']], scope)
      return { ...sampled, selection: union(sampled.selection, sample) }
    }
    case 'RangeFunction':
      return rangeFunction(trace, node, scope, name, aliases)
    case 'RangeTableFunc':
    case 'JsonTable':
      return columnsOfDocument(trace, node, scope, name, aliases)
    default:
      throw new CannotTell(`the FROM list holds ${tag}, which is not known here`)
  }
}

function element(name: string, aliases: string[] | null, { columns, selection }: Shape): Element {
  const named = columns?.map(({ name: own, from }, at) => ({ name: aliases?.[at] ?? own, from })) ?? null
  return { items: [{ name, columns: named }], star: named, selection }
}

function rangeVar(trace: Trace, node: Node, scope: Scope): Element {
  const alias = node['alias'] as Node | undefined
  const relation = node['relname'] as string
  const aliases = listed(alias?.['colnames'])
  const name = (alias?.['aliasname'] as string | undefined) ?? relation
  const cte = node['schemaname'] === undefined ? cteOf(scope, relation) : undefined
  if (cte) return element(name, aliases, cte.shape())
  const view = viewShape(trace, node)
  const schema = alias ? undefined : (node['schemaname'] as string | undefined)
  if (view) {
    const seen = element(name, aliases, view)
    return { ...seen, items: seen.items.map((item) => ({ ...item, schema })) }
  }
  const item = { ...tableItem(trace, node, name, aliases), schema }
  return { items: [item], star: item.columns, selection: nothing }
}

function join(trace: Trace, node: Node, scope: Scope, outer: Scope, conditions: unknown[]): Element {
  const left = fromElement(trace, node['larg'] as Node, scope, outer, conditions)
  // What stands on the right may be LATERAL and see the left; ON is looked at when the whole list is known.
  const between = within(scope)
  between.items.push(...left.items)
  const right = fromElement(trace, node['rarg'] as Node, between, outer, conditions)
  conditions.push(node['quals'])
  const shared = sharedColumns(node, left, right)
  const merged = shared && mergedColumns(shared, left, right)
  if (node['isNatural'] || node['usingClause']) scope.merged = true
  const star = joinedStar(shared, merged, left, right)
  const equal = merged ? union(...merged.map(({ from }) => from)) : 'unknown'
  const selection = union(
    left.selection,
    right.selection,
    node['isNatural'] || node['usingClause'] ? equal : nothing,
  )
  const items = [...left.items, ...right.items]
  const usingAlias = node['join_using_alias'] as Node | undefined
  if (usingAlias) items.push({ name: usingAlias['aliasname'] as string, columns: merged })
  const alias = node['alias'] as Node | undefined
  if (!alias) return { items, star, selection }
  return element(alias['aliasname'] as string, listed(alias['colnames']), { columns: star, selection })
}

/** The columns that a join makes one of; null where a NATURAL join does not tell. */
function sharedColumns(node: Node, left: Element, right: Element): string[] | null {
  if (!node['isNatural']) return listed(node['usingClause']) ?? []
  const names = (side: Element) => side.star?.map(({ name }) => name)
  const [mine, theirs] = [names(left), names(right)]
  if (!mine || !theirs || [...mine, ...theirs].includes(undefined)) return null
  return mine.filter((name) => theirs.includes(name)) as string[]
}

function mergedColumns(shared: string[], left: Element, right: Element): Output[] {
  const side = ({ items }: Element, column: string) => {
    const found = items.flatMap(({ columns }) => (columns ?? []).filter(({ name }) => name === column))
    const possible = items.flatMap(({ columns, other }) => (columns ? [] : [other?.(column) ?? 'unknown']))
    return found.length + possible.length > 0
      ? union(...found.map(({ from }) => from), ...possible)
      : 'unknown'
  }
  return shared.map((name) => ({ name, from: union(side(left, name), side(right, name)) }))
}

/** `*` over a join: the merged columns come first, then what is left of either side. */
function joinedStar(
  shared: string[] | null,
  merged: Output[] | null,
  left: Element,
  right: Element,
): Output[] | null {
  if (!shared || !merged || !left.star || !right.star) return null
  const rest = (star: Output[]) => star.filter(({ name }) => name === undefined || !shared.includes(name))
  const nameless = [...left.star, ...right.star].some(({ name }) => name === undefined)
  // A column without a known name may be one that is merged.
  if (shared.length > 0 && nameless) return null
  return [...merged, ...rest(left.star), ...rest(right.star)]
}

const columnsOfFunction: Record<string, string[]> = {
  json_each: ['key', 'value'],
  jsonb_each: ['key', 'value'],
  json_each_text: ['key', 'value'],
  jsonb_each_text: ['key', 'value'],
  json_array_elements: ['value'],
  jsonb_array_elements: ['value'],
  json_array_elements_text: ['value'],
  jsonb_array_elements_text: ['value'],
}
// Functions whose one column has the name of the alias, or else their own.
const oneColumn =
  /^(generate_series|generate_subscripts|string_to_table|regexp_split_to_table|regexp_matches|jsonb?_object_keys|jsonb_path_query|jsonb_path_query_tz)$/

function rangeFunction(
  trace: Trace,
  node: Node,
  scope: Scope,
  name: string,
  aliases: string[] | null,
): Element {
  const calls = ((node['functions'] ?? []) as Node[]).map((list) => untag(list)[1]['items'] as Node[])
  const from = lineageOf(
    trace,
    calls.map(([call]) => call),
    scope,
  )
  const names = calls.map(([call, list]) => functionColumns(call, list, node['coldeflist'], name))
  const own = names.every((columns) => columns !== null) ? names.flat() : null
  const all = own && node['ordinality'] ? [...own, 'ordinality'] : own
  const columns = renamed(all, all ? aliases : null)?.map((column) => ({ name: column, from })) ?? null
  const called = (calls[0]?.[0]?.['FuncCall'] as Node | undefined)?.['funcname']
  const item: Item = { name: name || (strings(called).at(-1) ?? ''), columns, other: () => from, all: from }
  return { items: [item], star: columns, selection: from }
}

/** The names of a function's columns in FROM; null where they cannot be told. */
function functionColumns(
  call: Node | undefined,
  list: Node | undefined,
  definition: unknown,
  alias: string,
): string[] | null {
  const defined = ((list?.['List'] as Node | undefined)?.['items'] ?? definition) as Node[] | undefined
  if (defined) {
    const names = defined.map((column) => (column['ColumnDef'] as Node | undefined)?.['colname'])
    return names.every((name) => typeof name === 'string') ? names : null
  }
  const called = strings((call?.['FuncCall'] as Node | undefined)?.['funcname']).at(-1)
  if (called === undefined) return null
  if (Object.hasOwn(columnsOfFunction, called)) return columnsOfFunction[called] ?? null
  return oneColumn.test(called) ? [alias || called] : null
}

/** XMLTABLE and JSON_TABLE: each column may hold anything of the document. */
function columnsOfDocument(
  trace: Trace,
  node: Node,
  scope: Scope,
  name: string,
  aliases: string[] | null,
): Element {
  const from = lineageOf(
    trace,
    Object.entries(node).flatMap(([key, value]) => (key === 'alias' ? [] : [value])),
    scope,
  )
  const names = renamed(documentColumns((node['columns'] ?? []) as Node[]), aliases) as string[]
  const columns = names.map((column) => ({ name: column, from }))
  return { items: [{ name, columns }], star: columns, selection: from }
}

function documentColumns(columns: Node[]): string[] {
  return columns.flatMap((tagged) => {
    const [, column] = untag(tagged)
    if (column['coltype'] === 'JTC_NESTED') return documentColumns((column['columns'] ?? []) as Node[])
    return [(column['name'] ?? column['colname']) as string]
  })
}
