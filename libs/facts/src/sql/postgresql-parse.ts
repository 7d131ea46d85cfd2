import { parseSync } from 'libpg-query'
import type { Node } from './postgresql-names.ts'

// An expression this long or deep ends in the parser's stack; such an end costs memory that it never gives back.
const maxChain = 1_000
const maxBrackets = 500

/** The statements of a text, as PostgreSQL's own grammar reads them; throws where it does not parse. */
export function parse(sql: string): Node[] {
  const { stmts } = parseSync(sql) as { stmts?: { stmt?: Node }[] }
  return (stmts ?? []).map(({ stmt }) => stmt ?? {})
}

const depthTokens =
  /[,;]|[([]|[)\]]|[-+*/<>=~!@#%^&|`?:]+|\b(?:and|or|not|is|isnull|notnull|collate|zone|case|end|union|except|intersect|join)\b/gi

/** Chains of operators, and brackets, that the parser could not end. Quoted text does not count. */
export function refuseDepth(sql: string): string | undefined {
  // The lexer looks at a run of operator characters again for each of them.
  if (/[-+*/<>=~!@#%^&|`?]{500}/.test(sql)) return 'the SQL holds an operator that is too long'
  if (sql.length < maxChain) return undefined
  let operators = 0
  let brackets = 0
  let joins = 0
  for (const [token] of sql.replace(/'[^']*'/g, '').matchAll(depthTokens)) {
    const word = token.toLowerCase()
    if (/^[([]$|^case$/.test(word)) brackets++
    else if (/^[)\]]$|^end$/.test(word)) brackets--
    else if (/^(union|except|intersect|join)$/.test(word)) joins++
    // Lists, and chains of AND and OR, are flat in the tree.
    else if (/^([,;]|and|or)$/.test(word)) operators = 0
    else operators++
    if (operators > maxChain || brackets > maxBrackets || joins > maxChain)
      return 'the SQL is nested too deeply'
  }
  return undefined
}
