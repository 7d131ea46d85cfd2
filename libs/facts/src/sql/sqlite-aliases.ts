import { tokensOf, type Token } from './sqlite-text.ts'

// Over stub tables, which only have the columns that the engine misses, a bare name may be taken for an output's, for a
// column of a query further out or of a table function, where in the database a column of a table comes first.

const keywords = new Set(
  `abort action add after all alter always analyze and any as asc attach autoincrement before begin between by cascade case
  cast check collate column commit conflict constraint create cross current current_date current_time current_timestamp
  database default deferrable deferred delete desc detach distinct do drop each else end escape except exclude exclusive
  exists explain fail false filter first following for foreign from full generated glob group groups having if ignore
  immediate in index indexed initially inner insert instead intersect into is isnull join key last left like limit match
  materialized natural no not nothing notnull null nulls of offset on or order others outer over partition plan pragma
  preceding primary query raise range recursive references regexp reindex release rename replace restrict returning right
  rollback row rows savepoint select set table temp temporary then ties to transaction trigger true unbounded union unique
  update using vacuum values view virtual when where window with within without`.split(/\s+/),
)

/**
 * Every bare name of a text that a column may have, as it is written: not a qualifier or qualified, not a function, not the name of a table,
 * not one that is only being given.
 */
export function bareNames(text: string): Set<string> {
  const tokens = tokensOf(text)
  const sorted = sortedOutputs(tokens.map(({ name }) => name))
  const names = new Set<string>()
  for (const [at, { name, written, quote }] of tokens.entries()) {
    const [before, after] = [tokens[at - 1], tokens[at + 1]?.name ?? '']
    if (quote === "'" || (!quote && (!/^[a-z_\u0080-\uffff]/.test(name) || keywords.has(name)))) continue
    if (sorted.has(at) || before?.name === '.' || after === '.' || after === '(') continue
    if (
      before &&
      (endsOperand(before) || /^(as|from|join|into|update|table|collate|over|window)$/.test(before.name))
    )
      continue
    if (before?.name === 'by' && tokens[at - 2]?.name === 'indexed') continue
    // The name of a common table expression.
    if (after === 'as' && /^(\(|not|materialized)$/.test(tokens[at + 2]?.name ?? '')) continue
    names.add(written)
  }
  return names
}

/** True for the last token of an expression or of a table: a name behind it is a name given. */
function endsOperand({ name, quote }: Token): boolean {
  if (quote || name === ')' || name === '*' || /^\d/.test(name)) return name !== '*'
  return (
    /^(end|null|true|false|current_date|current_time|current_timestamp)$/.test(name) ||
    (/^[\w$\u0080-\uffff]/.test(name) && !keywords.has(name))
  )
}

/** Where a term of a query's ORDER BY is a name and nothing else: there it is the output's. */
function sortedOutputs(tokens: string[]): Set<number> {
  const found = new Set<number>()
  const brackets: { isQuery: boolean; sorting: boolean }[] = [{ isQuery: true, sorting: false }]
  for (const [at, name] of tokens.entries()) {
    const inner = brackets.at(-1) as (typeof brackets)[number]
    if (name === '(') {
      brackets.push({ isQuery: /^(select|with|values)$/.test(tokens[at + 1] ?? ''), sorting: false })
    } else if (name === ')' && brackets.length > 1) brackets.pop()
    else if (name === 'by' && tokens[at - 1] === 'order') inner.sorting = inner.isQuery
    else if (/^(limit|;|select)$/.test(name)) inner.sorting = false
    const [before = '', after = ''] = [tokens[at - 1], tokens[at + 1]]
    if (inner.sorting && /^(by|,)$/.test(before) && /^(,|\)|;|asc|desc|collate|nulls|limit|)$/.test(after))
      found.add(at)
  }
  return found
}
