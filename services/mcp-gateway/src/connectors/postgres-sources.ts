// Which columns of tables the outputs of a statement show. The server tells it of an output that is a column as it
// stands; of one that is computed, the statement's text does. Views, partitions and generated columns are seen
// through. What cannot be told is unknown, and then withheld where fields are redacted.
import type pg from 'pg'
import { outputSources } from '@mcpshield/facts/sql/postgresql-lineage'
import { qualifiedName } from '@mcpshield/facts/sql/statement'
import { isUnknown } from '@mcpshield/policy/facts'
import type { Grant, Table } from './connector.ts'
import { readCatalog, type Relation } from './postgres-catalog.ts'

/** Columns as facts write them, `schema.table.column` with quotes where a name holds a dot. */
type Source = string[] | 'unknown'
/** The same columns as lists of their names. */
type Paths = string[][] | 'unknown'
type Statement = { sql: string; fields: pg.FieldDef[]; names: string[]; searchPath: string[]; grant: Grant }

/** Relations that hold the values of other tables: statistics, other sessions' statements, large objects, bounds. */
const HOLDS_OTHERS =
  /^(pg_catalog\.(pg_stat|pg_largeobject|pg_prepared|pg_cursors|pg_replication|pg_subscription)|pg_toast\.|.*\.pg_stat_statements)/
/** Of a catalogue that is harmless otherwise: the value old rows have, the values of a partition. */
const HOLDS_OTHERS_COLUMNS = new Set([
  'pg_catalog.pg_attribute.attmissingval',
  'pg_catalog.pg_class.relpartbound',
])

export async function sourcesOf(
  client: pg.PoolClient,
  statement: Statement,
): Promise<NonNullable<Table['sources']>> {
  const { names, searchPath } = statement
  try {
    // Views are then written with the names that the text of the statement is read with.
    await client.query(`SAVEPOINT sources; SET LOCAL search_path = ${identifierList(searchPath)}`)
    const told = await tellSources(client, statement)
    return Object.fromEntries(names.map((name, index) => [name, told[index] ?? 'unknown']))
  } catch {
    // A catalogue that cannot be read tells nothing; the outputs are then withheld, and the call works out.
    await client.query('ROLLBACK TO SAVEPOINT sources').catch(() => undefined)
    return Object.fromEntries(names.map((name) => [name, 'unknown']))
  }
}

async function tellSources(client: pg.PoolClient, statement: Statement): Promise<Paths[]> {
  const { sql, fields, searchPath, grant } = statement
  const { relations, overloaded } = await readCatalog(client, {
    oids: fields.map((field) => field.tableID).filter((oid) => oid !== 0),
    names: resourcesOf(grant),
    functions: functionsOf(grant),
    searchPath,
  })
  const lineage = lineageOver(relations, searchPath)
  const computed = overloaded ? 'unknown' : lineage.of(sql)
  const known = computed !== 'unknown' && computed.length === fields.length
  return fields.map((field, index) => {
    const byText = known ? (computed[index] ?? 'unknown') : 'unknown'
    if (field.tableID === 0) return lineage.expanded(byText)
    const byServer = lineage.column(field.tableID, field.columnID, !grant.readOnly)
    // What a change returns may have been put there by the change itself, from another column.
    if (!grant.readOnly) return lineage.expanded(union(byServer, byText))
    return lineage.expanded(byText === 'unknown' ? byServer : union(byServer, byText))
  })
}

function resourcesOf({ accesses }: Grant): (readonly [string, string])[] {
  return accesses.flatMap(({ resource }) => {
    const parts = typeof resource === 'string' ? partsOf(resource) : []
    return parts.length === 2 ? [[parts[0] as string, parts[1] as string] as const] : []
  })
}

function functionsOf({ accesses }: Grant): string[] {
  return accesses.flatMap(({ functions }) =>
    isUnknown(functions) ? [] : functions.map((each) => partsOf(each).at(-1) ?? ''),
  )
}

type Lineage = {
  /** The columns that each output of a text is made of. */
  of(sql: string): Source[] | 'unknown'
  /** What a column that the server named is made of. */
  column(oid: number, number: number, changed: boolean): Source
  /** With everything that these columns stand for, as rules name them. */
  expanded(sources: Source): Paths
}

function lineageOver(relations: Relation[], searchPath: string[]): Lineage {
  const known = knownColumns(relations)
  const schema = Object.fromEntries(
    relations.map(({ name, columns }) => [name, columns.map((each) => each.name)]),
  )
  const views = Object.fromEntries(
    relations.flatMap(({ name, query }) => (query === null ? [] : [[name, query]])),
  )
  const of = (sql: string) => outputSources(sql, { searchPath, schema, views })
  const ofExpression = (relation: Relation, expression: string): Source => {
    const told = of(`select ${expression} from ${quotedName(relation.name)}`)
    return told === 'unknown' || told.length !== 1 ? 'unknown' : (told[0] ?? 'unknown')
  }
  /** Adds what a column stands for to `seen`; false when that cannot be told. */
  const follow = (source: string, seen: Set<string>): boolean => {
    if (seen.has(source)) return true
    seen.add(source)
    const found = known.get(source)
    if (found === undefined) return isSystemColumn(source) || isHarmlessCatalogue(source)
    const { relation, column } = found
    if (relation.kind === 'f' || holdsOthers(source)) return false
    const made = column.generated === null ? [] : ofExpression(relation, `(${column.generated})`)
    if (made === 'unknown') return false
    // The same column of a partition is a column of its parent, and the parent shows what its partitions hold.
    const same = familyOf(relation, relations).map((each) => columnName(each, column))
    return [...made, ...same.filter((each) => known.has(each))].every((each) => follow(each, seen))
  }
  return {
    of,
    column(oid, number, changed) {
      const relation = relations.find((each) => each.oid === oid)
      if (relation === undefined || (changed && relation.rewritten)) return 'unknown'
      if (number < 0) return []
      // 0 is the whole row.
      const columns =
        number === 0 ? relation.columns : relation.columns.filter((each) => each.number === number)
      if (columns.length === 0) return 'unknown'
      if (relation.query === null) return columns.map((each) => columnName(relation, each))
      return union(...columns.map((each) => ofExpression(relation, quoted(each.name))))
    },
    expanded(sources) {
      if (sources === 'unknown') return sources
      const seen = new Set<string>()
      return sources.every((source) => follow(source, seen)) ? [...seen].map(partsOf) : 'unknown'
    },
  }
}

function knownColumns(
  relations: Relation[],
): Map<string, { relation: Relation; column: Relation['columns'][number] }> {
  return new Map(
    relations.flatMap((relation) =>
      relation.columns.map((column) => [columnName(relation, column), { relation, column }] as const),
    ),
  )
}

/** A table's ancestors and descendants, by inheritance or partitioning. */
function familyOf(relation: Relation, relations: Relation[]): Relation[] {
  const reached = (next: (from: Relation) => Relation[]): Relation[] => {
    const found = new Set<Relation>()
    const visit = (from: Relation) => {
      for (const each of next(from).filter((one) => !found.has(one))) {
        found.add(each)
        visit(each)
      }
    }
    visit(relation)
    return [...found]
  }
  return [
    ...reached(({ parents }) => relations.filter(({ oid }) => parents.includes(oid))),
    ...reached(({ oid }) => relations.filter(({ parents }) => parents.includes(oid))),
  ]
}

function union(...sources: Source[]): Source {
  const all = new Set<string>()
  for (const source of sources) {
    if (source === 'unknown') return source
    for (const each of source) all.add(each)
  }
  return [...all]
}

/** Where a row is stored, and by which transaction it was written. */
const SYSTEM_COLUMNS = new Set(['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid'])
const isSystemColumn = (source: string) => SYSTEM_COLUMNS.has(partsOf(source).at(-1) ?? '')

/** PostgreSQL does not record that its own views are made of its own tables. */
const isHarmlessCatalogue = (source: string) => source.startsWith('pg_catalog.') && !holdsOthers(source)

const holdsOthers = (source: string) => HOLDS_OTHERS.test(source) || HOLDS_OTHERS_COLUMNS.has(source)

const columnName = (relation: Relation, column: { name: string }) =>
  `${relation.name}.${qualifiedName(column.name)}`
/** Names as a list of SQL. */
export const identifierList = (names: string[]) => names.map(quoted).join(', ')
const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`
const quotedName = (name: string) => partsOf(name).map(quoted).join('.')

/** The parts of a name as facts write it, in which a part that holds a dot or a quote is quoted. */
export function partsOf(name: string): string[] {
  return [...name.matchAll(/"((?:[^"]|"")*)"|[^."]+/g)].map(
    ([whole, inner]) => inner?.replaceAll('""', '"') ?? whole,
  )
}
