import { tokensOf } from './sqlite-text.ts'

// In SQLite a name outside ORDER BY is a column before it is an output's name; over stub tables, which only have the
// columns that the engine misses, it would be the output's and its column would not be seen.

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

type Use = { name: string; defined: boolean }

/** Names that a text gives to outputs and uses again where a column of that name would come first. */
export function reusedNames(text: string): string[] {
  const counts = new Map<string, { defined: number; bare: number }>()
  for (const { name, defined } of namesIn(text)) {
    const count = counts.get(name) ?? { defined: 0, bare: 0 }
    counts.set(name, count)
    count[defined ? 'defined' : 'bare']++
  }
  // An output may be given its name without AS: that is one bare use.
  return [...counts].flatMap(([name, { defined, bare }]) =>
    (defined > 0 ? bare > 0 : bare > 1 && !keywords.has(name)) ? [name] : [],
  )
}

/** Every bare name of a text: not a qualifier or qualified, not a function, not the name of a table or a query. */
function namesIn(text: string): Use[] {
  const tokens = tokensOf(text)
  const uses: Use[] = []
  const sorted = sortedOutputs(tokens.map(({ name }) => name))
  for (const [at, { name, quote }] of tokens.entries()) {
    const [before, after] = [tokens[at - 1]?.name ?? '', tokens[at + 1]?.name ?? '']
    const defined = before === 'as' && after !== '('
    if (quote === "'" ? !defined : !quote && !/^[a-z_\u0080-\uffff]/.test(name)) continue
    if (sorted.has(at) || before === '.' || after === '.' || after === '(') continue
    if (!quote && !defined && (name === 'as' || /^(from|join|into|update|table)$/.test(before))) continue
    if (after === 'as' && /^(\(|not|materialized)$/.test(tokens[at + 2]?.name ?? '')) continue
    uses.push({ name, defined })
  }
  return uses
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
