import { nothing, within, type Shape, type Trace } from './postgresql-lineage-names.ts'
import { queryShape } from './postgresql-lineage-query.ts'
import { resolveTable, type Node } from './postgresql-names.ts'
import { parse } from './postgresql-parse.ts'
import { CannotTell } from './statement.ts'

/** What a view answers, where its query is known; undefined for what is no view. */
export function viewShape(trace: Trace, range: Node): Shape | undefined {
  const { views, schema } = trace.options
  if (!views) return undefined
  const [resource, ...others] = resolveTable(
    range['schemaname'] as string | undefined,
    range['relname'] as string,
    trace.options,
  )
  if (resource === undefined || !Object.hasOwn(views, resource)) return undefined
  if (others.length > 0 || trace.views.has(resource))
    throw new CannotTell(`what ${resource} stands for cannot be told`)
  const inner = { ...trace, views: new Set([...trace.views, resource]) }
  const [query] = parse(views[resource] as string)
  const { columns } = queryShape(inner, query, within(null))
  const names = schema?.[resource]
  if (!columns || (names && names.length !== columns.length)) return { columns: null, selection: 'unknown' }
  // A view keeps the names it was made with.
  return {
    columns: columns.map(({ name, from }, at) => ({ name: names?.[at] ?? name, from })),
    selection: nothing,
  }
}
