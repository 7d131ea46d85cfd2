import { CannotTell } from './statement.ts'
import { operator } from './postgresql-calls.ts'
import { changes } from './postgresql-changes.ts'
import { expression } from './postgresql-expressions.ts'
import { from, listed, renamed } from './postgresql-from.ts'
import { inside, strings, type Item, type Node, type Scope } from './postgresql-names.ts'
import { derived, tableEntry, tableOf, untag, type Derived, type Walk } from './postgresql-walk.ts'

/** Walks a query of any kind; returns the names of its columns, or null when they cannot be told. */
export function query(walk: Walk, tagged: unknown, scope: Scope): Derived {
  const [tag, node] = untag(tagged)
  if (tag === 'SelectStmt') return select(walk, node, scope)
  const change = Object.hasOwn(changes, tag) ? changes[tag] : undefined
  if (!change) throw new CannotTell(`the statement holds ${tag}, which is not known here`)
  return change(walk, node, scope)
}

/** Walks a SELECT, VALUES or TABLE, with its WITH list. */
export function select(walk: Walk, node: Node, parent: Scope): Derived {
  const outer = inside(parent)
  bindCtes(walk, node['withClause'] as Node | undefined, outer)
  if (node['intoClause']) into(walk, node['intoClause'] as Node)
  const result =
    (node['op'] ?? 'SETOP_NONE') === 'SETOP_NONE'
      ? plainSelect(walk, node, outer)
      : setOperation(walk, node, outer)
  if (node['lockingClause']) lock(walk, node['lockingClause'] as Node[], result)
  return result
}

function setOperation(walk: Walk, node: Node, outer: Scope): Derived {
  const left = select(walk, node['larg'] as Node, outer)
  const right = select(walk, node['rarg'] as Node, outer)
  // ORDER BY, LIMIT of a set operation see its output columns only.
  const output = inside(outer, true)
  output.items.push({ name: '', entries: [], columns: left.columns ?? null })
  for (const key of ['sortClause', 'limitOffset', 'limitCount']) expression(walk, node[key], output)
  return derived([...left, ...right], left.columns ?? null)
}

function plainSelect(walk: Walk, node: Node, outer: Scope): Derived {
  const scope = inside(outer)
  from(walk, node['fromClause'] as Node[] | undefined, scope, outer)
  const targets = (node['targetList'] ?? []) as Node[]
  const columns = outputColumns(targets, scope)
  for (const key of [
    'distinctClause',
    'targetList',
    'valuesLists',
    'whereClause',
    'groupClause',
    'havingClause',
  ])
    expression(walk, node[key], scope)
  for (const key of ['windowClause', 'limitOffset', 'limitCount']) expression(walk, node[key], scope)
  const aliases = targets.map((target) => untag(target)[1]['name'] ?? lastName(untag(target)[1]['val']))
  for (const sort of (node['sortClause'] ?? []) as Node[]) {
    // A bare name in ORDER BY is an output column first.
    const name = bareName(untag(sort)[1]['node'])
    if (name !== undefined && aliases.includes(name)) operator(walk, untag(sort)[1]['useOp'])
    else expression(walk, sort, scope)
  }
  const values = node['valuesLists'] as Node[] | undefined
  const width = values
    ? ((values[0]?.['List'] as Node | undefined)?.['items'] as unknown[] | undefined)?.length
    : 0
  return derived(
    scope.items,
    values ? Array.from({ length: width ?? 0 }, (_, i) => `column${i + 1}`) : columns,
  )
}

function columnNames(node: unknown): string[] {
  const reference = (node as Node | undefined)?.['ColumnRef'] as Node | undefined
  return reference ? strings(reference['fields']) : []
}

function bareName(node: unknown): string | undefined {
  const names = columnNames(node)
  return names.length === 1 && names[0] !== '*' ? names[0] : undefined
}

/** The name that a column keeps in the output when it is given no other. */
function lastName(node: unknown): string | undefined {
  const last = columnNames(node).at(-1)
  return last === '*' ? undefined : last
}

/** The names of a target list; null where one cannot be told. */
export function outputColumns(targets: Node[], scope: Scope): string[] | null {
  const columns: string[] = []
  for (const target of targets) {
    const { name, val } = untag(target)[1] as { name?: string; val?: Node }
    if (name !== undefined) columns.push(name)
    else if (val?.['ColumnRef']) {
      const names = strings((val['ColumnRef'] as Node)['fields'])
      const last = names.at(-1) as string
      const starred = last === '*' ? starColumns(names, scope) : [last]
      if (!starred) return null
      columns.push(...starred)
    } else if (val?.['FuncCall'])
      columns.push(strings((val['FuncCall'] as Node)['funcname']).at(-1) as string)
    else if (val?.['TypeCast'] || val?.['A_Indirection'] || val?.['SubLink']) return null
    else columns.push('?column?')
  }
  return columns
}

function starColumns(names: string[], scope: Scope): string[] | null {
  const meant = names.length === 1 ? scope.items : scope.items.filter((item) => item.name === names.at(-2))
  if (meant.length === 0 || meant.some((item) => !item.columns)) return null
  return meant.flatMap((item) => item.columns as string[])
}

function into(walk: Walk, clause: Node): void {
  for (const resource of tableOf(walk, clause['rel'] as Node))
    walk.ledger.entry('schema', resource).allFields = true
}

/** Binds the WITH list: without RECURSIVE a name is visible only after its own query, as the server has it. */
export function bindCtes(walk: Walk, clause: Node | undefined, scope: Scope): void {
  if (!clause) return
  const ctes = ((clause['ctes'] ?? []) as Node[]).map((cte) => untag(cte)[1])
  if (clause['recursive']) {
    for (const cte of ctes) scope.ctes.set(cte['ctename'] as string, listed(cte['aliascolnames']))
  }
  for (const cte of ctes) {
    const { columns = null } = query(walk, cte['ctequery'], scope)
    const extra = cycleColumns(walk, cte, scope)
    const names = renamed(columns, listed(cte['aliascolnames']))
    scope.ctes.set(cte['ctename'] as string, names && [...names, ...extra])
  }
}

function cycleColumns(walk: Walk, cte: Node, scope: Scope): string[] {
  const search = (cte['search_clause'] ?? {}) as Node
  const cycle = (cte['cycle_clause'] ?? {}) as Node
  expression(walk, [cycle['cycle_mark_value'], cycle['cycle_mark_default']], inside(scope, true))
  return [search['search_seq_column'], cycle['cycle_mark_column'], cycle['cycle_path_column']].filter(
    (name) => typeof name === 'string',
  )
}

/**
 * FOR UPDATE and its kin lock rows, and so write them: those of the tables named, or of all in the FROM list. Where that
 * is none, which the server passes over, the statement asks for a lock all the same.
 */
function lock(walk: Walk, clauses: Node[], items: Item[]): void {
  for (const clause of clauses) {
    const names = ((untag(clause)[1]['lockedRels'] ?? []) as Node[]).map(
      (range) => untag(range)[1]['relname'],
    )
    const meant = names.length > 0 ? items.filter((item) => names.includes(item.name)) : items
    const locked = meant.flatMap(tablesIn)
    for (const resource of locked) tableEntry(walk, 'write', resource)
    if (locked.length === 0) walk.ledger.entry(walk.planOnly ? 'read' : 'write', null)
  }
}

function tablesIn({ entries, parts = [], lockable = [] }: Item): string[] {
  const own = entries.flatMap(({ resource }) => (typeof resource === 'string' ? [resource] : []))
  return [...own, ...[...parts, ...lockable].flatMap(tablesIn)]
}
