import type { Operation } from '@mcpshield/policy/facts'
import { CannotTell } from './statement.ts'
import { isScalarCall } from './postgresql-attributes.ts'
import { unknownFunction, withoutCatalogue } from './postgresql-calls.ts'
import { expression } from './postgresql-expressions.ts'
import { isKnownTablesample } from './postgresql-functions.ts'
import {
  findCte,
  inside,
  strings,
  useAll,
  useUnqualified,
  type Item,
  type Node,
  type Scope,
} from './postgresql-names.ts'
import { query } from './postgresql-query.ts'
import { tableEntry, tableOf, untag, type Walk } from './postgresql-walk.ts'

/** The names of an alias list; null where there is none. */
export function listed(names: unknown): string[] | null {
  return names ? strings(names) : null
}

/** An alias list renames the first columns. */
export function renamed(columns: string[] | null, aliases: string[] | null): string[] | null {
  if (!aliases) return columns
  return columns ? [...aliases, ...columns.slice(aliases.length)] : aliases
}

const maxTables = 500

/** Puts the items of a FROM list into the scope. `outer`: what sub-queries without LATERAL see. */
export function from(walk: Walk, list: Node[] | undefined, scope: Scope, outer: Scope): void {
  const conditions: unknown[] = []
  for (const node of list ?? []) {
    scope.items.push(...fromItem(walk, node, scope, outer, conditions))
    // Each column may be one of any of them.
    if (scope.items.length > maxTables) throw new CannotTell('the statement joins too many tables')
  }
  for (const condition of conditions) expression(walk, condition, scope)
}

function fromItem(walk: Walk, tagged: Node, scope: Scope, outer: Scope, conditions: unknown[]): Item[] {
  const [tag, node] = untag(tagged)
  const alias = node['alias'] as Node | undefined
  const name = alias?.['aliasname'] as string | undefined
  const aliases = listed(alias?.['colnames'])
  switch (tag) {
    case 'RangeVar':
      return [rangeVar(walk, node, scope)]
    case 'RangeSubselect': {
      const inner = query(walk, node['subquery'], node['lateral'] ? scope : outer)
      const columns = renamed(inner.columns ?? null, aliases)
      return [{ name: name ?? '', entries: [], columns, lockable: inner }]
    }
    case 'JoinExpr':
      return join(walk, node, scope, outer, conditions)
    case 'RangeTableSample': {
      const method = strings(node['method'])
      if (!isKnownTablesample(withoutCatalogue(method))) unknownFunction(walk, withoutCatalogue(method))
      expression(walk, [node['args'], node['repeatable']], scope)
      return fromItem(walk, node['relation'] as Node, scope, outer, conditions)
    }
    case 'RangeFunction':
      return [rangeFunction(walk, node, scope, name, aliases)]
    case 'RangeTableFunc':
    case 'JsonTable': {
      const { alias: _alias, ...rest } = node
      expression(walk, rest, scope, true)
      return [{ name: name ?? '', entries: [], columns: aliases }]
    }
    default:
      throw new CannotTell(`the FROM list holds ${tag}, which is not known here`)
  }
}

function rangeVar(walk: Walk, node: Node, scope: Scope): Item {
  const alias = node['alias'] as Node | undefined
  const schema = node['schemaname'] as string | undefined
  const relation = node['relname'] as string
  const aliases = listed(alias?.['colnames'])
  const name = (alias?.['aliasname'] as string | undefined) ?? relation
  const cte = schema ? undefined : findCte(scope, relation)
  if (cte) return { name, entries: [], columns: renamed(cte.columns, aliases) }
  return tableItem(walk, node, 'read', name, alias ? undefined : schema, aliases)
}

/** The item of a real table, with its entry in the ledger. */
export function tableItem(
  walk: Walk,
  range: Node,
  operation: Operation,
  name: string,
  schema: string | undefined,
  aliases: string[] | null,
): Item {
  const resources = tableOf(walk, range)
  const entries = resources.map((resource) => tableEntry(walk, operation, resource))
  const known = walk.options.schema
  const own = known && resources.length === 1 ? known[resources[0] as string] : undefined
  if (!own && aliases) for (const entry of entries) entry.allFields = true
  return { name, schema, entries, columns: own ? renamed(own, aliases) : null, source: own }
}

function join(walk: Walk, node: Node, scope: Scope, outer: Scope, conditions: unknown[]): Item[] {
  const left = fromItem(walk, node['larg'] as Node, scope, outer, conditions)
  // What stands on the right may be LATERAL and see the left; ON is looked at when the whole list is known.
  const between = inside(scope)
  between.items.push(...left)
  const right = fromItem(walk, node['rarg'] as Node, between, outer, conditions)
  const both = [...left, ...right]
  if (node['isNatural']) both.forEach(useAll)
  const sides: Scope = { ...inside(null), items: both }
  for (const column of listed(node['usingClause']) ?? []) {
    for (const side of [left, right]) useUnqualified({ ...sides, items: side }, column)
  }
  conditions.push(node['quals'])
  const alias = node['alias'] as Node | undefined
  const merged = node['join_using_alias'] as Node | undefined
  if (merged)
    both.push({ name: merged['aliasname'] as string, entries: [], columns: listed(node['usingClause']) })
  if (!alias) return both
  const columns = both.some((item) => !item.columns) ? null : both.flatMap((item) => item.columns as string[])
  const names = listed(alias['colnames'])
  if (names) both.forEach(useAll)
  return [{ name: alias['aliasname'] as string, entries: [], columns: names ?? columns, parts: both }]
}

const knownOutputs: Record<string, string[]> = {
  json_each: ['key', 'value'],
  jsonb_each: ['key', 'value'],
  json_each_text: ['key', 'value'],
  jsonb_each_text: ['key', 'value'],
  json_array_elements: ['value'],
  jsonb_array_elements: ['value'],
  json_array_elements_text: ['value'],
  jsonb_array_elements_text: ['value'],
}

function rangeFunction(
  walk: Walk,
  node: Node,
  scope: Scope,
  name: string | undefined,
  aliases: string[] | null,
): Item {
  const calls = ((node['functions'] ?? []) as Node[]).map((list) => untag(list)[1]['items'] as Node[])
  for (const [call] of calls) expression(walk, call, scope)
  const definitions = (node['coldeflist'] ?? calls.flatMap(([, list]) => list?.['List'] ?? [])) as Node[]
  expression(walk, node['coldeflist'], scope)
  const call = calls[0]?.[0]?.['FuncCall'] as Node | undefined
  const own = call ? (strings(call['funcname']).at(-1) as string) : ''
  const defined = definitions.flatMap(
    (d) => ((d['ColumnDef'] as Node | undefined)?.['colname'] as string | undefined) ?? [],
  )
  const ordinality = node['ordinality'] ? ['ordinality'] : []
  const outputs =
    defined.length > 0 ? defined : Object.hasOwn(knownOutputs, own) ? (knownOutputs[own] ?? null) : null
  const columns = renamed(outputs && [...outputs, ...ordinality], aliases)
  const scalar = calls.length === 1 && definitions.length === 0 && isScalarCall(call)
  // Of a value there are these names and no others.
  const names = scalar ? [own, ...ordinality, ...(aliases ?? []), ...(name ? [name] : [])] : columns
  return {
    name: name ?? own,
    entries: [],
    columns: names && name && !scalar ? [...names, name] : names,
    callable: true,
    scalar,
  }
}
