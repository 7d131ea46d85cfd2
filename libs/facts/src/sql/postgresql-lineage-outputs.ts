import { strings, type Node } from './postgresql-names.ts'

const fixed: Record<string, string> = {
  SetToDefault: '?column?',
  A_ArrayExpr: 'array',
  RowExpr: 'row',
  CoalesceExpr: 'coalesce',
  GroupingFunc: 'grouping',
  MergeSupportFunc: 'merge_action',
  BoolExpr: '?column?',
  NullTest: '?column?',
  BooleanTest: '?column?',
  ParamRef: '?column?',
  A_Const: '?column?',
}

/** The name an output has when it is given none; undefined where it is not known here, and may be any. */
export function outputName(val: Node | undefined): string | undefined {
  const [tag] = Object.keys(val ?? {})
  const node = (val?.[tag ?? ''] ?? {}) as Node
  switch (tag) {
    case 'ColumnRef':
      return strings(node['fields']).at(-1)
    case 'FuncCall':
      return strings(node['funcname']).at(-1)
    case 'A_Expr':
      return node['kind'] === 'AEXPR_NULLIF' ? 'nullif' : '?column?'
    case 'MinMaxExpr':
      return node['op'] === 'IS_LEAST' ? 'least' : 'greatest'
    default:
      return tag !== undefined && Object.hasOwn(fixed, tag) ? fixed[tag] : undefined
  }
}
