import { expression } from './postgresql-expressions.ts'
import { classifyFunction, isKnownOperator } from './postgresql-functions.ts'
import { strings, type Node, type Scope } from './postgresql-names.ts'
import type { Walk } from './postgresql-walk.ts'

/** A name without pg_catalog, which is where built-in functions live. */
export function withoutCatalogue(parts: string[]): string {
  return (parts.length === 2 && parts[0] === 'pg_catalog' ? parts.slice(1) : parts).join('.')
}

/** Notes an operator: one that is not known may run any function. */
export function operator(walk: Walk, name: unknown): void {
  const parts = strings(name)
  if (parts.length === 0) return
  const resolved = withoutCatalogue(parts)
  if (!isKnownOperator(resolved)) unknownFunction(walk, `operator(${resolved})`)
}

/** Notes a function of which nothing is known, unless the options declare it pure. */
export function unknownFunction(walk: Walk, name: string): void {
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
  if (kind === 'sequence' || kind === 'sequence value') {
    const literal = textLiteral(args[0])
    walk.ledger.entry(
      kind === 'sequence' ? 'write' : 'read',
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
