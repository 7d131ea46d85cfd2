import { CannotTell, refuseText } from './statement.ts'
import { nothing, within, type Shape, type Trace } from './postgresql-lineage-names.ts'
import { queryShape } from './postgresql-lineage-query.ts'
import type { Node, PostgresqlOptions } from './postgresql-names.ts'
import { parse, refuseDepth } from './postgresql-parse.ts'
import { untag } from './postgresql-walk.ts'

/** How names are resolved, and what stands behind them. */
export type LineageOptions = Pick<PostgresqlOptions, 'searchPath' | 'schema'> & {
  /** `schema.view` → its query, as pg_get_viewdef() writes it: its outputs are then traced to the tables behind. */
  views?: Record<string, string> | undefined
}

const maxSteps = 200_000

/**
 * For each output column of a statement the source columns (`schema.table.column`) its values can be made of:
 * through aliases, common table expressions, sub-queries, set operations, functions, casts and aggregates. What only
 * decides on rows (WHERE, JOIN ON, GROUP BY) is no source of their values, except in a sub-query that stands inside an
 * expression. Unknown where it cannot be told; as a whole where the number of outputs cannot.
 *
 * A view without its query, a partitioned table and a generated column stand for themselves.
 */
export function outputSources(
  sql: string,
  options: LineageOptions = {},
): (string[] | 'unknown')[] | 'unknown' {
  const columns = statementShape(sql, options)?.columns
  return columns?.map(({ from }) => (from === 'unknown' ? from : [...from].toSorted())) ?? 'unknown'
}

/** What decides on which rows a statement answers: beside its outputs' own sources, all that can change its answer. */
export function rowSources(sql: string, options: LineageOptions = {}): string[] | 'unknown' {
  const selection = statementShape(sql, options)?.selection ?? 'unknown'
  return selection === 'unknown' ? selection : [...selection].toSorted()
}

function statementShape(sql: string, options: LineageOptions): Shape | undefined {
  if (refuseText(sql) ?? refuseDepth(sql)) return undefined
  try {
    const [statement, ...others] = parse(sql)
    if (!statement || others.length > 0) return undefined
    return shapeOf({ options, budget: { left: maxSteps }, views: new Set() }, statement)
  } catch (error) {
    // What cannot be told, what does not parse and what is nested too deeply are all the same here.
    if (error instanceof CannotTell || error instanceof Error) return undefined
    throw error
  }
}

function shapeOf(trace: Trace, statement: Node): Shape {
  const [tag, node] = untag(statement)
  if (tag === 'VariableShowStmt') {
    const width = String(node['name']).toLowerCase() === 'all' ? 3 : 1
    return {
      columns: Array.from({ length: width }, () => ({ name: undefined, from: nothing })),
      selection: nothing,
    }
  }
  if (tag === 'ExplainStmt') {
    // A plan says how, and how many: with ANALYZE as many as there were.
    const { columns, selection } = queryShape(trace, node['query'], within(null))
    const known = columns?.every(({ from }) => from !== 'unknown') && selection !== 'unknown'
    return { columns: [{ name: 'QUERY PLAN', from: known ? nothing : 'unknown' }], selection }
  }
  if (node['intoClause']) return { columns: [], selection: nothing }
  return queryShape(trace, statement, within(null))
}
