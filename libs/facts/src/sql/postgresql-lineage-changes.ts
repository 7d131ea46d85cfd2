import { CannotTell } from './statement.ts'
import { lineageOf } from './postgresql-lineage-expressions.ts'
import { fromList } from './postgresql-lineage-from.ts'
import {
  nothing,
  tableItem,
  union,
  within,
  type Item,
  type Lineage,
  type Scope,
  type Shape,
  type Trace,
} from './postgresql-lineage-names.ts'
import { bindCtes, queryShape, targetColumns } from './postgresql-lineage-query.ts'
import type { Node } from './postgresql-names.ts'
import { untag } from './postgresql-walk.ts'

/** What INSERT, UPDATE, DELETE and MERGE answer by RETURNING: the target's columns hold what was put into them. */
export function changedShape(trace: Trace, tag: string, node: Node, parent: Scope): Shape {
  if (!/^(Insert|Update|Delete|Merge)Stmt$/.test(tag))
    throw new CannotTell(`the statement holds ${tag}, which is not known here`)
  const outer = within(parent)
  bindCtes(trace, node['withClause'] as Node | undefined, outer)
  const scope = within(outer)
  const range = node['relation'] as Node
  const alias = (range['alias'] as Node | undefined)?.['aliasname'] as string | undefined
  const target = tableItem(trace, range, alias ?? (range['relname'] as string), null)
  scope.items.push(target)
  const sources = (node['fromClause'] ?? node['usingClause'] ?? [node['sourceRelation']]) as Node[]
  const listed = fromList(trace, sources.filter(Boolean), scope, outer)
  const excluded = within(scope)
  excluded.items.push({ ...target, name: 'excluded' })
  const assigned = union(
    node['selectStmt'] ? asValue(queryShape(trace, node['selectStmt'], outer)) : nothing,
    assignments(trace, node, excluded),
  )
  const conflict = (node['onConflictClause'] ?? {}) as Node
  const selection = union(
    listed.selection,
    assigned,
    lineageOf(trace, [node['whereClause'], node['joinCondition'], conflict['whereClause']], excluded),
  )
  scope.items[0] = holding(target, assigned)
  return { columns: returned(trace, node, scope, listed.star), selection }
}

function asValue({ columns, selection }: Shape): Lineage {
  return columns ? union(selection, ...columns.map(({ from }) => from)) : 'unknown'
}

/** Everything that SET and the branches of MERGE put into columns. */
function assignments(trace: Trace, node: Node, scope: Scope): Lineage {
  const conflict = (node['onConflictClause'] ?? {}) as Node
  const branches = ((node['mergeWhenClauses'] ?? []) as Node[]).map((tagged) => untag(tagged)[1])
  // In an INSERT the target list is of another key, and names columns only.
  const lists = [
    node['targetList'],
    conflict['targetList'],
    ...branches.flatMap((b) => [b['targetList'], b['values']]),
  ]
  return lineageOf(trace, [lists, branches.map((branch) => branch['condition'])], scope)
}

function holding(item: Item, assigned: Lineage): Item {
  const { columns, other } = item
  return {
    ...item,
    columns: columns?.map(({ name, from }) => ({ name, from: union(from, assigned) })) ?? null,
    other: other && ((column) => union(other(column), assigned)),
  }
}

function returned(trace: Trace, node: Node, scope: Scope, star: Shape['columns']): Shape['columns'] {
  const clause = node['returningClause'] as Node | undefined
  if (!clause) return []
  const [target] = scope.items as [Item]
  const given = ((clause['options'] ?? []) as Node[]).map((option) => untag(option)[1]['value'] as string)
  const versions = within(scope)
  for (const name of ['old', 'new', ...given]) versions.items.push({ ...target, name })
  const reading = { ...scope, parent: versions }
  const own = target.columns
  // MERGE puts its source before its target.
  const all = own && star && (node['sourceRelation'] ? [...star, ...own] : [...own, ...star])
  return targetColumns(trace, (clause['exprs'] ?? []) as Node[], reading, all)
}
