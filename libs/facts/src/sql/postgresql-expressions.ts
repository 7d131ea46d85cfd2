import { CannotTell } from './statement.ts'
import { attribute } from './postgresql-attributes.ts'
import { functionCall, operator, unknownFunction } from './postgresql-calls.ts'
import {
  isColumn,
  itemNamed,
  knownFields,
  resolveTable,
  strings,
  useAll,
  useQualified,
  useUnqualified,
  type Node,
  type Scope,
} from './postgresql-names.ts'
import { query, select } from './postgresql-query.ts'
import type { Walk } from './postgresql-walk.ts'

// Structs without a tag stand in these fields. Any other field that holds one is unknown, and refused.
const bareFields = new Set(
  `over context_item output returning format on_empty on_error pathspec constructor arg value val
  expr collClause`.split(/\s+/),
)

// Nodes that are walked through without any meaning of their own. A node that is neither here nor in `special` is
// refused: a future version of the grammar must not pass unseen.
const transparent = new Set(
  `A_ArrayExpr A_Const A_Indices Alias BitString BoolExpr Boolean BooleanTest CaseExpr CaseWhen
  CoalesceExpr CollateClause ColumnDef CurrentOfExpr Float GroupingFunc GroupingSet IndexElem Integer JsonAggConstructor
  JsonArgument JsonArrayAgg JsonArrayConstructor JsonBehavior JsonFormat JsonFuncExpr JsonIsPredicate JsonKeyValue
  JsonObjectAgg JsonObjectConstructor JsonOutput JsonParseExpr JsonReturning JsonScalarExpr JsonSerializeExpr
  JsonTableColumn JsonTablePathSpec JsonValueExpr List MergeSupportFunc MinMaxExpr MultiAssignRef NamedArgExpr
  NullTest ParamRef RangeTableFuncCol ResTarget RowExpr SetToDefault SQLValueFunction String TypeCast TypeName
  WindowDef XmlExpr XmlSerialize`.split(/\s+/),
)

/** True for a node that means no more than its parts. */
export function isTransparent(tag: string): boolean {
  return transparent.has(tag) || tag === 'A_Indirection'
}

const special: Record<string, (walk: Walk, node: Node, scope: Scope) => void> = {
  SelectStmt: (walk, node, scope) => void select(walk, node, scope),
  SubLink: (walk, node, scope) => {
    operator(walk, node['operName'])
    expression(walk, node['testexpr'], scope)
    query(walk, node['subselect'], scope)
  },
  JsonArrayQueryConstructor: (walk, node, scope) => {
    query(walk, node['query'], scope)
    expression(walk, node['output'], scope, true)
  },
  ColumnRef: columnReference,
  A_Indirection: indirection,
  FuncCall: functionCall,
  A_Expr: (walk, node, scope) => {
    if (!String(node['kind']).includes('BETWEEN')) operator(walk, node['name'])
    expression(walk, node['lexpr'], scope)
    expression(walk, node['rexpr'], scope)
  },
  SortBy: (walk, node, scope) => {
    operator(walk, node['useOp'])
    expression(walk, node['node'], scope)
  },
}

/** Walks an expression, or a list of them. `bare`: a struct without its tag is expected. */
export function expression(walk: Walk, value: unknown, scope: Scope, bare = false): void {
  if (value === null || typeof value !== 'object') return
  if (Array.isArray(value)) {
    for (const member of value) expression(walk, member, scope)
    return
  }
  const node = value as Node
  const keys = Object.keys(node)
  const tag = keys.length === 1 && /^[A-Z]/.test(keys[0] as string) ? (keys[0] as string) : undefined
  if (tag) {
    const handler = Object.hasOwn(special, tag) ? special[tag] : undefined
    if (handler) handler(walk, node[tag] as Node, scope)
    else if (transparent.has(tag)) fields(walk, node[tag] as Node, scope, tag)
    else throw new CannotTell(`the statement holds ${tag}, which is not known here`)
  } else if (bare) {
    fields(walk, node, scope, '')
  } else if (keys.length > 0) {
    throw new CannotTell('the statement holds a part that is not known here')
  }
}

function fields(walk: Walk, node: Node, scope: Scope, tag: string): void {
  // Constants and types hold no expression: a type's modifiers may look like columns, geometry(Point), and are not.
  if (tag === 'A_Const' || tag === 'Alias' || tag === 'TypeName') return
  for (const [key, value] of Object.entries(node)) {
    if (key !== 'typeName' && key !== 'alias') expression(walk, value, scope, bareFields.has(key))
  }
}

/** `(value).name`, `(value)[1]`, `(value).*` and what of them follows each other. */
function indirection(walk: Walk, node: Node, scope: Scope): void {
  expression(walk, node['arg'], scope)
  fieldsOfRow(walk, node, scope)
  const steps = (node['indirection'] ?? []) as Node[]
  for (const [at, step] of steps.entries()) {
    if ('A_Star' in step) continue
    if (!('String' in step)) expression(walk, step, scope)
    else {
      const value = at === 0 ? node['arg'] : { A_Indirection: { ...node, indirection: steps.slice(0, at) } }
      attribute(walk, value, strings([step])[0] as string, scope)
    }
  }
}

function columnReference(walk: Walk, node: Node, scope: Scope): void {
  const names = strings(node['fields'])
  const column = names.at(-1) as string
  if (names.length === 1) {
    if (column === '*') scope.items.forEach(useAll)
    else useUnqualified(scope, column)
    return
  }
  const fields = knownFields(walk.options.schema)
  const found = useQualified(scope, names.at(-3), names.at(-2) as string, column, fields)
  // No such table in sight: whatever is meant, no table here may be taken to be used less than fully.
  if (found === 'no column') unknownFunction(walk, column)
  if (found === 'no table') for (let s: Scope | null = scope; s; s = s.parent) s.items.forEach(useAll)
}

/** Where all tables are known, a field that no row has is a function: `(u).touch`. A column may be a row of any type. */
function fieldsOfRow(walk: Walk, node: Node, scope: Scope): void {
  const fields = knownFields(walk.options.schema)
  if (!fields || isOtherType(walk, node['arg'] as Node | undefined)) return
  const row = (node['arg'] as Node | undefined)?.['ColumnRef'] as Node | undefined
  const names = row ? strings(row['fields']) : []
  const column = names.at(-1)
  if (column !== undefined && isColumn(scope, names.at(-2), column)) return
  const table = names.length === 1 ? itemNamed(scope, column as string)?.source : undefined
  for (const step of (node['indirection'] ?? []) as Node[]) {
    const name = (step['String'] as { sval?: string } | undefined)?.sval
    if (name !== undefined && !(table ? table.includes(name) : fields.has(name))) unknownFunction(walk, name)
    if (table) return
  }
}

/** A value cast to a type that is not the row of a known table: its fields are known to nobody here. */
function isOtherType(walk: Walk, value: Node | undefined): boolean {
  const type = (value?.['TypeCast'] as Node | undefined)?.['typeName'] as Node | undefined
  const names = strings(type?.['names'])
  const table = names.at(-1)
  if (table === undefined) return value?.['RowExpr'] !== undefined
  const resources = resolveTable(names.at(-2), table, walk.options)
  return !resources.some((resource) => Object.hasOwn(walk.options.schema ?? {}, resource))
}
