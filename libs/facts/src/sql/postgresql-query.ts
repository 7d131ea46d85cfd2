import type { Operation } from '@mcpshield/policy/facts'
import { CannotTell, type Entry, type Ledger } from './statement.ts'
import { classifyFunction, isKnownOperator, isKnownTablesample } from './postgresql-functions.ts'
import {
  findCte,
  inside,
  resolveTable,
  strings,
  useAll,
  useQualified,
  useUnqualified,
  type Item,
  type Node,
  type PostgresqlOptions,
  type Scope,
} from './postgresql-names.ts'

/** What a walk needs at every step. */
export type Walk = {
  ledger: Ledger
  options: PostgresqlOptions
  /** Under EXPLAIN without ANALYZE nothing is run: a change of data is only planned, and so a read. */
  planOnly: boolean
  /** Reads another text of SQL, one that a function takes as a string. */
  nested: (sql: string) => void
}

// Structs without a tag stand in these fields. Any other field that holds one is unknown, and refused.
const bareFields = new Set(
  `over context_item output returning format on_empty on_error pathspec constructor arg value val
  expr collClause`.split(/\s+/),
)

// Nodes that are walked through without any meaning of their own. A node that is neither here nor in `special` is
// refused: a future version of the grammar must not pass unseen.
const transparent = new Set(
  `A_ArrayExpr A_Const A_Indices A_Indirection Alias BitString BoolExpr Boolean BooleanTest CaseExpr CaseWhen
  CoalesceExpr CollateClause ColumnDef CurrentOfExpr Float GroupingFunc GroupingSet IndexElem Integer JsonAggConstructor
  JsonArgument JsonArrayAgg JsonArrayConstructor JsonBehavior JsonFormat JsonFuncExpr JsonIsPredicate JsonKeyValue
  JsonObjectAgg JsonObjectConstructor JsonOutput JsonParseExpr JsonReturning JsonScalarExpr JsonSerializeExpr
  JsonTableColumn JsonTablePathSpec JsonValueExpr List MergeSupportFunc MinMaxExpr MultiAssignRef NamedArgExpr
  NullTest ParamRef RangeTableFuncCol ResTarget RowExpr SetToDefault SQLValueFunction String TypeCast TypeName
  WindowDef XmlExpr XmlSerialize`.split(/\s+/),
)

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

/** Walks a query of any kind; returns the names of its columns, or null when they cannot be told. */
export function query(walk: Walk, tagged: unknown, scope: Scope): Item[] & { columns?: string[] | null } {
  const [tag, node] = untag(tagged)
  if (tag === 'SelectStmt') return select(walk, node, scope)
  const change = Object.hasOwn(changes, tag) ? changes[tag] : undefined
  if (!change) throw new CannotTell(`the statement holds ${tag}, which is not known here`)
  return change(walk, node, scope)
}

/** The tag and the struct of a node. */
export function untag(node: unknown): [string, Node] {
  const [pair] = Object.entries((node ?? {}) as Node)
  if (!pair || !/^[A-Z]/.test(pair[0]))
    throw new CannotTell('the statement holds a part that is not known here')
  return [pair[0], pair[1] as Node]
}

type Derived = Item[] & { columns?: string[] | null }

function derived(items: Item[], columns: string[] | null): Derived {
  return Object.assign(items, { columns })
}

function select(walk: Walk, node: Node, parent: Scope): Derived {
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
function outputColumns(targets: Node[], scope: Scope): string[] | null {
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

/** The resources a RangeVar names; common table expressions are not looked at. */
export function tableOf(walk: Walk, range: Node): string[] {
  return resolveTable(range['schemaname'] as string | undefined, range['relname'] as string, walk.options)
}

/** Binds the WITH list: without RECURSIVE a name is visible only after its own query, as the server has it. */
function bindCtes(walk: Walk, clause: Node | undefined, scope: Scope): void {
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

function listed(names: unknown): string[] | null {
  return names ? strings(names) : null
}

/** An alias list renames the first columns. */
function renamed(columns: string[] | null, aliases: string[] | null): string[] | null {
  if (!aliases) return columns
  return columns ? [...aliases, ...columns.slice(aliases.length)] : aliases
}

/** Puts the items of a FROM list into the scope. `outer`: what sub-queries without LATERAL see. */
function from(walk: Walk, list: Node[] | undefined, scope: Scope, outer: Scope): void {
  const conditions: unknown[] = []
  for (const node of list ?? []) scope.items.push(...fromItem(walk, node, scope, outer, conditions))
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
function tableItem(
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

function tableEntry(walk: Walk, operation: Operation, resource: string): Entry {
  return walk.planOnly && operation === 'write'
    ? walk.ledger.entry('read', resource, 'writes')
    : walk.ledger.entry(operation, resource)
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
  return { name: name ?? own, entries: [], columns: columns && name ? [...columns, name] : columns }
}

/** FOR UPDATE and its kin lock rows, and so write them: those of the tables named, or of all in the FROM list. */
function lock(walk: Walk, clauses: Node[], items: Item[]): void {
  for (const clause of clauses) {
    const names = ((untag(clause)[1]['lockedRels'] ?? []) as Node[]).map(
      (range) => untag(range)[1]['relname'],
    )
    const meant = names.length > 0 ? items.filter((item) => names.includes(item.name)) : items
    const lockItem = (item: Item): void => {
      for (const { resource } of item.entries)
        if (typeof resource === 'string') tableEntry(walk, 'write', resource)
      for (const inner of [...(item.parts ?? []), ...(item.lockable ?? [])]) lockItem(inner)
    }
    meant.forEach(lockItem)
    if (meant.length === 0) walk.ledger.entry(walk.planOnly ? 'read' : 'write', null)
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
  const found = useQualified(scope, names.at(-3), names.at(-2) as string, column)
  // No such table in sight: whatever is meant, no table here may be taken to be used less than fully.
  if (found === 'no column') unknownFunction(walk, column)
  if (found === 'no table') for (let s: Scope | null = scope; s; s = s.parent) s.items.forEach(useAll)
}

function withoutCatalogue(parts: string[]): string {
  return (parts.length === 2 && parts[0] === 'pg_catalog' ? parts.slice(1) : parts).join('.')
}

function operator(walk: Walk, name: unknown): void {
  const parts = strings(name)
  if (parts.length === 0) return
  const resolved = withoutCatalogue(parts)
  if (!isKnownOperator(resolved)) unknownFunction(walk, `operator(${resolved})`)
}

function unknownFunction(walk: Walk, name: string): void {
  walk.ledger.call(name)
  if (walk.options.pureFunctions?.includes(name)) return
  walk.ledger.entry('admin', { unknown: `what ${name} touches cannot be told` })
}

/** Notes a call of a function and what it means; its arguments are walked like any expression. */
export function functionCall(walk: Walk, node: Node, scope: Scope): void {
  const parts = strings(node['funcname'])
  const name = withoutCatalogue(parts)
  const args = (node['args'] ?? []) as Node[]
  const kind = classifyFunction(name, args.length, parts.length > 1)
  if (kind === 'unknown') unknownFunction(walk, name)
  else walk.ledger.call(name)
  if (kind === 'session') walk.ledger.entry('admin', null)
  if (kind === 'sequence') {
    const literal = textLiteral(args[0])
    walk.ledger.entry(
      'write',
      literal ? nameInText(literal) : { unknown: `the sequence of ${name} is not a literal` },
    )
  }
  if (/^lo_(get|export)$|^loread$/.test(name)) walk.ledger.entry('read', 'pg_largeobject').allFields = true
  if (kind === 'text') {
    walk.ledger.entry('admin', { unknown: `${name} reads what a string names` })
    args.forEach((arg, at) => nestedText(walk, name, at, textLiteral(arg)))
  }
  expression(walk, [args, node['agg_order'], node['agg_filter']], scope)
  expression(walk, node['over'], scope, true)
}

/** A string constant, also under a cast or put together from constants. */
function textLiteral(node: Node | undefined): string | undefined {
  const cast = node?.['TypeCast'] as Node | undefined
  if (cast) return textLiteral(cast['arg'] as Node)
  const joined = node?.['A_Expr'] as Node | undefined
  if (joined && strings(joined['name']).join('.') === '||') {
    const [left, right] = [textLiteral(joined['lexpr'] as Node), textLiteral(joined['rexpr'] as Node)]
    return left === undefined || right === undefined ? undefined : left + right
  }
  const constant = node?.['A_Const'] as Node | undefined
  return (constant?.['sval'] as { sval?: string } | undefined)?.sval
}

/** A name as regclass reads it. */
function nameInText(literal: string): string {
  return literal
    .split('.')
    .map((part) => (/^".*"$/.test(part) ? part.slice(1, -1) : part.toLowerCase()))
    .join('.')
}

// What a string names is reported where it can be read; that the access is unknown stays.
function nestedText(walk: Walk, call: string, at: number, text: string | undefined): void {
  if (text === undefined) return
  if (call.startsWith('table_to_') && at === 0) walk.ledger.entry('read', nameInText(text)).allFields = true
  else walk.nested(text)
}

const changes: Record<string, (walk: Walk, node: Node, scope: Scope) => Derived> = {
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
