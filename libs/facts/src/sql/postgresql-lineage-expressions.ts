import { withoutCatalogue } from './postgresql-calls.ts'
import { isTransparent } from './postgresql-expressions.ts'
import { namesEffect } from './postgresql-attributes.ts'
import { classifyFunction, isKnownOperator } from './postgresql-functions.ts'
import { queryShape } from './postgresql-lineage-query.ts'
import {
  nothing,
  qualified,
  reference,
  step,
  union,
  unqualified,
  whole,
  type Lineage,
  type Scope,
  type Trace,
} from './postgresql-lineage-names.ts'
import { strings, type Node } from './postgresql-names.ts'

/** What the value of an expression, or of a list of them, may be made of. */
export function lineageOf(trace: Trace, value: unknown, scope: Scope): Lineage {
  if (value === null || typeof value !== 'object') return nothing
  step(trace)
  if (Array.isArray(value)) return union(...value.map((member) => lineageOf(trace, member, scope)))
  const node = value as Node
  const [tag, ...others] = Object.keys(node)
  if (tag !== undefined && others.length === 0 && /^[A-Z]/.test(tag)) {
    const special = Object.hasOwn(meanings, tag) ? meanings[tag] : undefined
    if (special) return special(trace, node[tag] as Node, scope)
    if (!isTransparent(tag)) return 'unknown'
    return lineageOf(trace, Object.values(node[tag] as Node), scope)
  }
  return lineageOf(trace, Object.values(node), scope)
}

const meanings: Record<string, (trace: Trace, node: Node, scope: Scope) => Lineage> = {
  // Types and constants hold no expression, though their modifiers may look like one.
  TypeName: () => nothing,
  A_Const: () => nothing,
  Alias: () => nothing,
  ColumnRef: column,
  A_Indirection: (trace, node, scope) => {
    const names = ((node['indirection'] ?? []) as Node[]).flatMap((step) =>
      'String' in step ? strings([step]) : [],
    )
    // `(x).pg_read_file` is a call where x has no such field.
    return names.some(namesEffect) ? 'unknown' : lineageOf(trace, [node['arg'], node['indirection']], scope)
  },
  A_Star: () => nothing,
  String: () => nothing,
  FuncCall: call,
  A_Expr: (trace, node, scope) => {
    const sides = union(lineageOf(trace, node['lexpr'], scope), lineageOf(trace, node['rexpr'], scope))
    return String(node['kind']).includes('BETWEEN') || known(node['name']) ? sides : 'unknown'
  },
  SortBy: (trace, node, scope) =>
    node['useOp'] && !known(node['useOp']) ? 'unknown' : lineageOf(trace, node['node'], scope),
  SubLink: subquery,
  JsonArrayQueryConstructor: (trace, node, scope) => inExpression(trace, node['query'], scope),
  SelectStmt: (trace, node, scope) => inExpression(trace, { SelectStmt: node }, scope),
  WindowDef: window,
}

function known(name: unknown): boolean {
  return isKnownOperator(withoutCatalogue(strings(name)))
}

function column(trace: Trace, node: Node, scope: Scope): Lineage {
  const names = reference(node)
  const [first] = names
  if (names.length > 1) return qualified(scope, names)
  return first === '*'
    ? union(...scope.items.map(whole))
    : (unqualified(trace, scope, first as string) ?? 'unknown')
}

function call(trace: Trace, node: Node, scope: Scope): Lineage {
  const parts = strings(node['funcname'])
  const args = (node['args'] ?? []) as Node[]
  const kind = classifyFunction(withoutCatalogue(parts), args.length, parts.length > 1)
  // One that is declared free of side effects may still read tables.
  if (kind !== 'pure') return 'unknown'
  const over = node['over'] as Node | undefined
  return union(
    lineageOf(trace, [args, node['agg_order'], node['agg_filter']], scope),
    over ? window(trace, over, scope) : nothing,
  )
}

/** What decides on the frame of a window function: partition, order, and the window it is built on. */
function window(trace: Trace, node: Node, scope: Scope): Lineage {
  step(trace)
  const { partitionClause, orderClause, startOffset, endOffset, name, refname } = node
  const own = lineageOf(trace, [partitionClause, orderClause, startOffset, endOffset], scope)
  const base = scope.windows.get((refname ?? name) as string)
  return base && base !== node ? union(own, window(trace, base, scope)) : own
}

function subquery(trace: Trace, node: Node, scope: Scope): Lineage {
  const name = node['operName']
  const operator = Array.isArray(name) && !known(name) ? 'unknown' : nothing
  const { columns, selection } = queryShape(trace, node['subselect'], scope)
  // Whether there is a row is all that EXISTS tells.
  const values =
    node['subLinkType'] === 'EXISTS_SUBLINK'
      ? nothing
      : columns
        ? union(...columns.map(({ from }) => from))
        : 'unknown'
  return union(operator, lineageOf(trace, node['testexpr'], scope), values, selection)
}

function inExpression(trace: Trace, query: unknown, scope: Scope): Lineage {
  const { columns, selection } = queryShape(trace, query, scope)
  return columns ? union(selection, ...columns.map(({ from }) => from)) : 'unknown'
}
