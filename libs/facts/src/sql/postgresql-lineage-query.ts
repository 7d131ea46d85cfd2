import { CannotTell } from './statement.ts'
import { changedShape } from './postgresql-lineage-changes.ts'
import { lineageOf } from './postgresql-lineage-expressions.ts'
import { fromList } from './postgresql-lineage-from.ts'
import {
  itemOf,
  nothing,
  reference,
  step,
  union,
  unqualified,
  within,
  type Lineage,
  type Output,
  type Scope,
  type Shape,
  type Trace,
} from './postgresql-lineage-names.ts'
import { outputName } from './postgresql-lineage-outputs.ts'
import { listed } from './postgresql-from.ts'
import { returnsSet } from './postgresql-functions.ts'
import { strings, type Node } from './postgresql-names.ts'
import { untag } from './postgresql-walk.ts'

/** No target list of PostgreSQL is wider. */
const maxColumns = 1_664

/** What a query of any kind answers. */
export function queryShape(trace: Trace, tagged: unknown, scope: Scope): Shape {
  step(trace)
  const [tag, node] = untag(tagged)
  return tag === 'SelectStmt' ? selectShape(trace, node, scope) : changedShape(trace, tag, node, scope)
}

/** What a SELECT, VALUES, TABLE or set operation answers. */
export function selectShape(trace: Trace, node: Node, parent: Scope): Shape {
  step(trace)
  const outer = within(parent)
  bindCtes(trace, node['withClause'] as Node | undefined, outer)
  const shape =
    (node['op'] ?? 'SETOP_NONE') === 'SETOP_NONE'
      ? plainShape(trace, node, outer)
      : setOperationShape(trace, node, outer)
  if (shape.columns && shape.columns.length > maxColumns)
    throw new CannotTell('the statement has too many output columns')
  return shape
}

function setOperationShape(trace: Trace, node: Node, outer: Scope): Shape {
  const left = selectShape(trace, node['larg'] as Node, outer)
  const right = selectShape(trace, node['rarg'] as Node, outer)
  const columns = left.columns && bothColumns(left.columns, right.columns)
  const output = within(null)
  output.items.push({ name: '', columns })
  const clauses = ['sortClause', 'limitOffset', 'limitCount'].map((key) => node[key])
  const chosen = node['op'] !== 'SETOP_UNION' || node['all'] !== true
  const selection = union(
    left.selection,
    right.selection,
    clauses.some((clause) => clause !== undefined) ? lineageOf(trace, clauses, output) : nothing,
    chosen || node['limitCount'] || node['limitOffset'] ? everything(columns) : nothing,
  )
  return { columns, selection }
}

function bothColumns(left: Output[], right: Output[] | null): Output[] {
  return left.map(({ name, from }, at) => ({ name, from: union(from, right?.[at]?.from ?? 'unknown') }))
}

function everything(columns: Output[] | null): Lineage {
  return columns ? union(...columns.map(({ from }) => from)) : 'unknown'
}

function plainShape(trace: Trace, node: Node, outer: Scope): Shape {
  const scope = within(outer)
  const { star, selection: fromSelection } = fromList(
    trace,
    (node['fromClause'] ?? []) as Node[],
    scope,
    outer,
  )
  for (const tagged of (node['windowClause'] ?? []) as Node[]) {
    const [, window] = untag(tagged)
    scope.windows.set(window['name'] as string, window)
  }
  const columns = node['valuesLists']
    ? valuesColumns(trace, node['valuesLists'] as Node[], scope)
    : targetColumns(trace, (node['targetList'] ?? []) as Node[], scope, star)
  const clauses = [
    'whereClause',
    'groupClause',
    'havingClause',
    'limitOffset',
    'limitCount',
    'distinctClause',
  ]
  const chosen = node['distinctClause'] || node['limitCount'] || node['limitOffset']
  const selection = union(
    fromSelection,
    ...clauses.map((key) => lineageOf(trace, withoutOutputNames(trace, node[key], columns, scope), scope)),
    chosen ? union(everything(columns), sorting(trace, node, columns, scope)) : nothing,
    groupedByOutput(node, columns),
    setReturning(node, columns),
  )
  return { columns, selection }
}

/** GROUP BY and DISTINCT ON may name or number an output: which one is not looked for. */
function groupedByOutput(node: Node, columns: Output[] | null): Lineage {
  return node['groupClause'] || node['distinctClause'] ? everything(columns) : nothing
}

/** A function that answers many rows, as many as its argument says, may stand in the target list. */
function setReturning(node: Node, columns: Output[] | null): Lineage {
  return callsSetReturning(node['targetList']) ? everything(columns) : nothing
}

function callsSetReturning(value: unknown): boolean {
  if (value === null || typeof value !== 'object') return false
  if (Array.isArray(value)) return value.some(callsSetReturning)
  const call = (value as Node)['FuncCall'] as Node | undefined
  if (call && returnsSet(strings(call['funcname']).at(-1) as string)) return true
  return Object.values(value as Node).some(callsSetReturning)
}

/** A bare name may be an output's, which counts as such where outputs are named at all. */
function namesOutput(trace: Trace, member: Node, columns: Output[] | null, scope: Scope): boolean {
  const column = member['ColumnRef'] as Node | undefined
  const [name, ...others] = column ? reference(column) : []
  if (name === undefined || others.length > 0) return false
  return (
    columns?.some((output) => output.name === name) === true && unqualified(trace, scope, name) === undefined
  )
}

function withoutOutputNames(trace: Trace, clause: unknown, columns: Output[] | null, scope: Scope): unknown {
  return Array.isArray(clause)
    ? clause.filter((member: Node) => !namesOutput(trace, member, columns, scope))
    : clause
}

function sorting(trace: Trace, node: Node, columns: Output[] | null, scope: Scope): Lineage {
  const sorts = ((node['sortClause'] ?? []) as Node[]).map((sort) => untag(sort)[1]['node'])
  return lineageOf(trace, withoutOutputNames(trace, sorts, columns, scope), scope)
}

function valuesColumns(trace: Trace, rows: Node[], scope: Scope): Output[] {
  const columns: Output[] = []
  for (const row of rows) {
    const values = ((row['List'] as Node | undefined)?.['items'] ?? []) as unknown[]
    values.forEach((value, at) => {
      const from = union(columns[at]?.from ?? nothing, lineageOf(trace, value, scope))
      columns[at] = { name: `column${at + 1}`, from }
    })
  }
  return columns
}

/** The outputs of a target list, or of a RETURNING list; null where their number cannot be told. */
export function targetColumns(
  trace: Trace,
  targets: Node[],
  scope: Scope,
  star: Output[] | null,
): Output[] | null {
  const columns: Output[] = []
  for (const target of targets) {
    const { name, val } = untag(target)[1] as { name?: string; val?: Node }
    const expanded = expansion(val, scope, star)
    if (expanded === null) return null
    if (expanded) columns.push(...expanded)
    else columns.push({ name: name ?? outputName(val), from: lineageOf(trace, val, scope) })
    if (columns.length > maxColumns) throw new CannotTell('the statement has too many output columns')
  }
  return columns
}

/** What a star stands for; undefined for what is none, null where that cannot be told. */
function expansion(val: Node | undefined, scope: Scope, star: Output[] | null): Output[] | null | undefined {
  const column = val?.['ColumnRef'] as Node | undefined
  if (column) {
    const names = reference(column)
    if (names.at(-1) !== '*') return undefined
    return names.length === 1 ? star : (itemOf(scope, names.slice(0, -1))?.columns ?? null)
  }
  // (row).* has as many columns as the type has fields.
  const path = ((val?.['A_Indirection'] as Node | undefined)?.['indirection'] ?? []) as Node[]
  return path.at(-1)?.['A_Star'] ? null : undefined
}

/** Binds a WITH list. Each query of it is looked at when it is first used, so that siblings may stand in any order. */
export function bindCtes(trace: Trace, clause: Node | undefined, scope: Scope): void {
  if (!clause) return
  const recursive = clause['recursive'] === true
  for (const tagged of (clause['ctes'] ?? []) as Node[]) {
    const [, cte] = untag(tagged)
    // Without RECURSIVE a name is visible only after its own query.
    const before = recursive ? scope : { ...scope, ctes: new Map(scope.ctes) }
    const make = recursive ? recursiveShape : cteShape
    scope.ctes.set(cte['ctename'] as string, { shape: lazily(() => make(trace, cte, before)) })
  }
}

function lazily(make: () => Shape): () => Shape {
  let made: Shape | undefined
  let making = false
  return () => {
    if (made) return made
    if (making) throw new CannotTell('common table expressions refer to each other')
    making = true
    made = make()
    return made
  }
}

function cteShape(trace: Trace, cte: Node, scope: Scope): Shape {
  return withAliases(cte, queryShape(trace, cte['ctequery'], scope))
}

function withAliases(cte: Node, { columns, selection }: Shape): Shape {
  if (!columns) return { columns, selection }
  const aliases = listed(cte['aliascolnames']) ?? []
  const named = columns.map(({ name, from }, at) => ({ name: aliases[at] ?? name, from }))
  const search = (cte['search_clause'] ?? {}) as Node
  const cycle = (cte['cycle_clause'] ?? {}) as Node
  const extra = [search['search_seq_column'], cycle['cycle_mark_column'], cycle['cycle_path_column']]
    .filter((name) => typeof name === 'string')
    .map((name) => ({ name, from: everything(columns) }))
  return { columns: [...named, ...extra], selection }
}

/** What a query that reads itself answers: what it begins with, and again with what it answered, until no more comes. */
function recursiveShape(trace: Trace, cte: Node, scope: Scope): Shape {
  const [tag, node] = untag(cte['ctequery'])
  const name = cte['ctename'] as string
  const own = within(scope)
  const bind = (shape: Shape) => own.ctes.set(name, { shape: () => shape })
  if (tag !== 'SelectStmt' || node['op'] !== 'SETOP_UNION') {
    bind({ columns: null, selection: 'unknown' })
    return cteShape(trace, cte, own)
  }
  const { withClause, larg } = node
  let current = withAliases(cte, selectShape(trace, { ...(larg as Node), ...both(larg, withClause) }, own))
  for (;;) {
    bind(current)
    const next = cteShape(trace, cte, own)
    if (fingerprint(next) === fingerprint(current)) return next
    current = next
  }
}

/** The first half of a union, with the WITH list that stands before the union. */
function both(larg: unknown, clause: unknown): Node {
  const inner = (larg as Node)['withClause'] as Node | undefined
  const outer = clause as Node | undefined
  if (!outer || !inner) return outer ? { withClause: outer } : {}
  const ctes = [...(outer['ctes'] as Node[]), ...(inner['ctes'] as Node[])]
  return {
    withClause: { ...inner, ctes, recursive: outer['recursive'] === true || inner['recursive'] === true },
  }
}

function fingerprint({ columns, selection }: Shape): string {
  const text = (lineage: Lineage) => (lineage === 'unknown' ? lineage : [...lineage].toSorted())
  return JSON.stringify([columns?.map(({ name, from }) => [name, text(from)]) ?? null, text(selection)])
}
