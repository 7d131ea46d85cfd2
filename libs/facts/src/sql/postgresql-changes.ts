import { expression } from './postgresql-expressions.ts'
import { from, tableItem } from './postgresql-from.ts'
import { inside, useAll, type Item, type Node, type Scope } from './postgresql-names.ts'
import { bindCtes, outputColumns, query } from './postgresql-query.ts'
import { derived, untag, type Derived, type Walk } from './postgresql-walk.ts'

/** The statements that change rows, each of which may be a query too, by its RETURNING. */
export const changes: Record<string, (walk: Walk, node: Node, scope: Scope) => Derived> = {
  InsertStmt: insert,
  UpdateStmt: update,
  DeleteStmt: remove,
  MergeStmt: merge,
}

function target(walk: Walk, node: Node, scope: Scope): { outer: Scope; inner: Scope; item: Item } {
  const outer = inside(scope)
  bindCtes(walk, node['withClause'] as Node | undefined, outer)
  const range = node['relation'] as Node
  const alias = range['alias'] as Node | undefined
  const name = (alias?.['aliasname'] as string | undefined) ?? (range['relname'] as string)
  // The target of a change is always a real table, also when a common table expression has its name.
  const schema = alias ? undefined : (range['schemaname'] as string | undefined)
  const item = tableItem(walk, range, 'write', name, schema, null)
  const inner = inside(outer)
  inner.items.push(item)
  return { outer, inner, item }
}

function setColumns(walk: Walk, list: unknown, item: Item, scope: Scope): void {
  for (const tagged of (list ?? []) as Node[]) {
    const [, node] = untag(tagged)
    if (typeof node['name'] === 'string') for (const entry of item.entries) entry.fields.add(node['name'])
    expression(walk, [node['indirection'], node['val']], scope)
  }
}

/** RETURNING sees the target under its name, and as old and new or under the names it gives them. */
function returning(walk: Walk, clause: Node | undefined, scope: Scope, item: Item): Derived {
  if (!clause) return derived([], [])
  const versions = inside(scope)
  const given = ((clause['options'] ?? []) as Node[]).map((option) => untag(option)[1]['value'] as string)
  for (const name of ['old', 'new', ...given]) versions.items.push({ ...item, name, columns: [] })
  expression(walk, clause['exprs'], versions)
  return derived([], outputColumns((clause['exprs'] ?? []) as Node[], scope))
}

function insert(walk: Walk, node: Node, scope: Scope): Derived {
  const { outer, inner, item } = target(walk, node, scope)
  if (node['cols']) setColumns(walk, node['cols'], item, inner)
  else useAll(item)
  if (node['selectStmt']) query(walk, node['selectStmt'], outer)
  const conflict = node['onConflictClause'] as Node | undefined
  if (conflict) {
    const both = inside(inner)
    both.items.push({ ...item, name: 'excluded', columns: [] })
    expression(walk, conflict['infer'], inner, true)
    setColumns(walk, conflict['targetList'], item, both)
    expression(walk, conflict['whereClause'], both)
  }
  return returning(walk, node['returningClause'] as Node | undefined, inner, item)
}

function update(walk: Walk, node: Node, scope: Scope): Derived {
  const { outer, inner, item } = target(walk, node, scope)
  from(walk, node['fromClause'] as Node[] | undefined, inner, outer)
  setColumns(walk, node['targetList'], item, inner)
  expression(walk, node['whereClause'], inner)
  return returning(walk, node['returningClause'] as Node | undefined, inner, item)
}

function remove(walk: Walk, node: Node, scope: Scope): Derived {
  const { outer, inner, item } = target(walk, node, scope)
  useAll(item)
  from(walk, node['usingClause'] as Node[] | undefined, inner, outer)
  expression(walk, node['whereClause'], inner)
  return returning(walk, node['returningClause'] as Node | undefined, inner, item)
}

function merge(walk: Walk, node: Node, scope: Scope): Derived {
  const { outer, inner, item } = target(walk, node, scope)
  from(walk, [node['sourceRelation'] as Node], inner, outer)
  expression(walk, node['joinCondition'], inner)
  for (const tagged of (node['mergeWhenClauses'] ?? []) as Node[]) {
    const [, clause] = untag(tagged)
    expression(walk, [clause['condition'], clause['values']], inner)
    setColumns(walk, clause['targetList'], item, inner)
    const whole =
      clause['commandType'] === 'CMD_DELETE' ||
      (clause['commandType'] === 'CMD_INSERT' && !clause['targetList'])
    if (whole) useAll(item)
  }
  return returning(walk, node['returningClause'] as Node | undefined, inner, item)
}
