import type { Operation } from '@mcpshield/policy/facts'
import { CannotTell } from './statement.ts'
import { inside, resolveTable, strings, type Node } from './postgresql-names.ts'
import { functionCall } from './postgresql-calls.ts'
import { expression } from './postgresql-expressions.ts'
import { query } from './postgresql-query.ts'
import { tableOf, untag, type Walk } from './postgresql-walk.ts'

/** Reads one whole statement into the walk's ledger. */
export function statement(walk: Walk, tagged: Node): void {
  const [tag, node] = untag(tagged)
  if (['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt'].includes(tag)) {
    query(walk, tagged, inside(null))
  } else if (Object.hasOwn(special, tag)) {
    special[tag]?.(walk, node)
  } else if (withoutData.has(tag)) {
    walk.ledger.entry('admin', null)
  } else if (opaque.has(tag)) {
    opaqueStatement(walk, tag, node)
  } else if (schemaStatements.has(tag)) {
    change(walk, 'schema', tag, node)
  } else if (adminStatements.has(tag)) {
    change(walk, 'admin', tag, node)
  } else {
    throw new CannotTell(`${tag} is not a statement that is known here`)
  }
}

const words = (list: string) => new Set(list.trim().split(/\s+/))

// Session and transaction control: no stored data.
const withoutData = words(`
  VariableSetStmt TransactionStmt DiscardStmt NotifyStmt ListenStmt UnlistenStmt CheckPointStmt DeallocateStmt
  ClosePortalStmt ConstraintsSetStmt
`)

// What these run is written elsewhere, or in a language of its own.
const opaque = words('DoStmt CallStmt PrepareStmt ExecuteStmt FetchStmt LoadStmt')

const schemaStatements = words(`
  CreateStmt ViewStmt IndexStmt AlterTableStmt DropStmt CommentStmt RenameStmt ReindexStmt CreateSchemaStmt
  CreateFunctionStmt AlterFunctionStmt CreateSeqStmt AlterSeqStmt CreateTrigStmt RuleStmt CreatePolicyStmt
  AlterPolicyStmt CreateStatsStmt AlterStatsStmt CreateDomainStmt AlterDomainStmt CompositeTypeStmt CreateEnumStmt
  AlterEnumStmt CreateRangeStmt AlterTypeStmt DefineStmt AlterObjectSchemaStmt AlterObjectDependsStmt AlterOwnerStmt
  CreateCastStmt CreateOpClassStmt CreateOpFamilyStmt AlterOpFamilyStmt AlterOperatorStmt CreateConversionStmt
  CreateTransformStmt RefreshMatViewStmt ClusterStmt AlterTableMoveAllStmt AlterTSDictionaryStmt
  AlterTSConfigurationStmt AlterCollationStmt CreateForeignTableStmt SecLabelStmt
`)

const adminStatements = words(`
  GrantStmt GrantRoleStmt AlterDefaultPrivilegesStmt CreateRoleStmt AlterRoleStmt AlterRoleSetStmt DropRoleStmt
  DropOwnedStmt ReassignOwnedStmt CreatedbStmt AlterDatabaseStmt AlterDatabaseSetStmt AlterDatabaseRefreshCollStmt
  DropdbStmt AlterSystemStmt CreateTableSpaceStmt DropTableSpaceStmt AlterTableSpaceOptionsStmt CreateExtensionStmt
  AlterExtensionStmt AlterExtensionContentsStmt CreateFdwStmt AlterFdwStmt CreateForeignServerStmt
  AlterForeignServerStmt CreateUserMappingStmt AlterUserMappingStmt DropUserMappingStmt ImportForeignSchemaStmt
  CreatePLangStmt CreateEventTrigStmt AlterEventTrigStmt CreateAmStmt CreatePublicationStmt AlterPublicationStmt
  CreateSubscriptionStmt AlterSubscriptionStmt DropSubscriptionStmt
`)

const special: Record<string, (walk: Walk, node: Node) => void> = {
  VariableShowStmt: (walk) => void walk.ledger.entry('read', null),
  ExplainStmt: explain,
  CopyStmt: copy,
  CreateTableAsStmt: (walk, node) => {
    const clause = node['into'] as Node
    for (const resource of tableOf(walk, clause['rel'] as Node))
      walk.ledger.entry('schema', resource).allFields = true
    inner(walk, node['query'])
  },
  TruncateStmt: (walk, node) => {
    tables(walk, node['relations'], 'write')
    if (node['behavior'] === 'DROP_CASCADE')
      walk.ledger.entry('write', { unknown: 'CASCADE reaches tables not named' })
  },
  LockStmt: (walk, node) => tables(walk, node['relations'], 'admin', 'reads'),
  VacuumStmt: vacuum,
  DeclareCursorStmt: (walk, node) => {
    walk.ledger.entry('admin', null)
    inner(walk, node['query'])
  },
}

function inner(walk: Walk, node: unknown): void {
  if (node) statement(walk, node as Node)
}

function tables(walk: Walk, list: unknown, operation: Operation, listing?: 'reads' | 'writes'): void {
  for (const range of (list ?? []) as Node[]) {
    for (const resource of tableOf(walk, untag(range)[1]))
      walk.ledger.entry(operation, resource, listing).allFields = true
  }
}

/** EXPLAIN plans only, and plans are reads; with ANALYZE it runs what it explains. */
function explain(walk: Walk, node: Node): void {
  const options = ((node['options'] ?? []) as Node[]).map((option) => untag(option)[1])
  const analyze = options.some(
    (option) => option['defname'] === 'analyze' && !isFalse(option['arg'] as Node | undefined),
  )
  const [tag] = untag(node['query'])
  const plannable = ['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt'].includes(tag)
  inner({ ...walk, planOnly: walk.planOnly || (!analyze && plannable) }, node['query'])
}

function isFalse(arg: Node | undefined): boolean {
  const [value] = Object.values(arg ?? {}) as Node[]
  if (arg === undefined || value === undefined) return false
  // The tree leaves out what is zero or false.
  if ('Integer' in arg) return !value['ival']
  if ('Boolean' in arg) return value['boolval'] !== true
  const text = value['sval']
  return typeof text === 'string' && ['false', 'off', '0'].includes(text.toLowerCase())
}

function copy(walk: Walk, node: Node): void {
  const toFile = node['is_program'] === true || node['filename'] !== undefined
  if (toFile) walk.ledger.entry('admin', { unknown: 'COPY reaches a file or a program of the server' })
  if (node['query']) inner(walk, node['query'])
  if (!node['relation']) return
  const columns = strings(node['attlist'])
  for (const resource of tableOf(walk, node['relation'] as Node)) {
    const entry = walk.ledger.entry(node['is_from'] ? 'write' : 'read', resource)
    if (columns.length === 0) entry.allFields = true
    for (const column of columns) entry.fields.add(column)
  }
  const scope = inside(null)
  expression(walk, node['whereClause'], scope)
}

function vacuum(walk: Walk, node: Node): void {
  const relations = ((node['rels'] ?? []) as Node[]).map((rel) => untag(rel)[1]['relation'])
  if (relations.length === 0) walk.ledger.entry('admin', { unknown: 'every table of the database' })
  for (const relation of relations) {
    for (const resource of tableOf(walk, relation as Node)) {
      walk.ledger.entry('admin', resource, node['is_vacuumcmd'] ? 'writes' : 'reads').allFields = true
    }
  }
}

function opaqueStatement(walk: Walk, tag: string, node: Node): void {
  walk.ledger.entry('admin', {
    unknown: `what ${tag.replace('Stmt', '').toUpperCase()} runs is not in the statement`,
  })
  if (tag === 'PrepareStmt') inner(walk, node['query'])
  if (tag === 'CallStmt') functionCall(walk, node['funccall'] as Node, inside(null))
  if (tag === 'ExecuteStmt') expression(walk, node['params'], inside(null))
}

/** A change of the schema or of the server: every table it names, and every query inside it. */
function change(walk: Walk, operation: Operation, tag: string, node: Node): void {
  const named = collect(walk, operation, node) || objects(walk, operation, tag, node)
  const cascades = node['behavior'] === 'DROP_CASCADE'
  if (!named || cascades) {
    const why = cascades ? 'CASCADE reaches objects not named' : 'the statement names no table'
    walk.ledger.entry(operation, { unknown: why })
  }
}

/** Enters the tables named anywhere under a node; true when there is one outside a query. */
function collect(walk: Walk, operation: Operation, value: unknown): boolean {
  if (value === null || typeof value !== 'object') return false
  if (Array.isArray(value)) return value.map((member) => collect(walk, operation, member)).includes(true)
  const node = value as Node
  if (typeof node['relname'] === 'string') {
    for (const resource of tableOf(walk, node)) walk.ledger.entry(operation, resource).allFields = true
    return true
  }
  const [tag] = Object.keys(node)
  if (tag && /^(Select|Insert|Update|Delete|Merge)Stmt$/.test(tag)) {
    inner(walk, node)
    return false
  }
  if (tag === 'TableLikeClause') {
    tables(walk, [{ RangeVar: (node[tag] as Node)['relation'] }], 'read')
    return false
  }
  if (tag === 'FuncCall') {
    functionCall(walk, node['FuncCall'] as Node, { ...inside(null) })
    return false
  }
  // An index or a sequence may be named by itself, beside its table.
  return Object.values(node)
    .map((member) => collect(walk, operation, member))
    .includes(true)
}

const namedByList = words(
  'objects object defnames typeName funcname domainname collname opclassname opfamilyname',
)
// Objects of these kinds hold or are data of one name; of any other kind (a schema, a role, an extension) what is
// touched has no name.
const withName =
  /^OBJECT_(TABLE|VIEW|MATVIEW|INDEX|SEQUENCE|FOREIGN_TABLE|TYPE|DOMAIN|FUNCTION|PROCEDURE|ROUTINE|AGGREGATE|STATISTIC_EXT|COLLATION|COLUMN|TRIGGER|RULE|POLICY|TABCONSTRAINT)$/
const ofTable = /^OBJECT_(COLUMN|TRIGGER|RULE|POLICY|TABCONSTRAINT)$/

/** Enters the objects named by lists of words; true when there is one. */
function objects(walk: Walk, operation: Operation, tag: string, node: Node): boolean {
  if (tag === 'CreateSchemaStmt' && typeof node['schemaname'] === 'string') {
    walk.ledger.entry(operation, node['schemaname'])
    return true
  }
  const kind = (node['removeType'] ?? node['objtype'] ?? node['objectType'] ?? node['renameType']) as
    string | undefined
  if (kind !== undefined && !withName.test(kind)) return false
  let found = false
  for (const key of namedByList) {
    // A domain stands beside the type that it is made of.
    const value = key === 'typeName' && node['domainname'] ? undefined : node[key]
    const lists = key === 'objects' ? ((value ?? []) as unknown[]) : value === undefined ? [] : [value]
    for (const list of lists) {
      const parts = nameParts(list)
      const name = kind && ofTable.test(kind) ? parts.slice(0, -1) : parts
      if (name.length === 0) return false
      for (const resource of resolveTable(name.at(-2), name.at(-1) as string, walk.options)) {
        walk.ledger.entry(operation, resource).allFields = true
      }
      found = true
    }
  }
  return found
}

/** The words of a name in any of the shapes the tree has for one. */
function nameParts(value: unknown): string[] {
  if (Array.isArray(value)) return strings(value)
  const [tag, node] = untag(value)
  if (tag === 'List') return strings(node['items'])
  if (tag === 'ObjectWithArgs') return strings(node['objname'])
  if (tag === 'TypeName') return strings(node['names'])
  return tag === 'String' ? strings([value]) : []
}
