import { createRequire } from 'node:module'
import type * as LibPgQuery from 'libpg-query'
import { CannotTell } from './statement.ts'
import type { Node } from './postgresql-names.ts'

type Parser = Pick<typeof LibPgQuery, 'parseSync' | 'loadModule'>

const require = createRequire(import.meta.url)
let parser: Parser | undefined
let loading: Promise<void> | undefined

/** Loads PostgreSQL's own parser; to be awaited before the first statement. */
export function loadParser(): Promise<void> {
  if (parser) return Promise.resolve()
  loading ??= loadAnew().finally(() => (loading = undefined))
  return loading
}

/** A parser with memory of its own: a module that was loaded before is not asked again. */
async function loadAnew(): Promise<void> {
  delete require.cache[require.resolve('libpg-query')]
  const loaded = require('libpg-query') as Parser
  await loaded.loadModule()
  parser = loaded
}

/** The statements of a text, as PostgreSQL's own grammar reads them; throws where it does not parse. */
export function parse(sql: string): Node[] {
  if (sql === '') return []
  if (!parser) {
    loadParser().catch(() => undefined)
    throw new CannotTell('the parser of PostgreSQL is not ready')
  }
  try {
    const { stmts } = parser.parseSync(sql) as { stmts?: { stmt?: Node }[] }
    return (stmts ?? []).map(({ stmt }) => stmt ?? {})
  } catch (error) {
    if (error instanceof Error && error.name === 'SqlError') throw error
    // It ran out of its stack or its memory, which it does not clean up: its next answers could be wrong.
    parser = undefined
    loadParser().catch(() => undefined)
    throw new CannotTell('the SQL is nested too deeply')
  }
}

// Expressions deeper than some thousands end in the parser's stack.
const maxDepth = 1_000

const name = String.raw`[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*`
const lexeme = new RegExp(
  [
    String.raw`(?<quoted>[eE]'[^'\\]*(?:(?:\\[\s\S]|'')[^'\\]*)*'?|'[^']*'?|"[^"]*"?|\$(?<tag>(?:${name.replace('$', '')})?)\$[\s\S]*?(?:\$\k<tag>\$|$))`,
    String.raw`(?<word>${name})`,
    String.raw`\d[\w.]*|--[^\r\n]*`,
    String.raw`(?<comment>/\*)`,
    '(?<sign>(?:(?!--|/\\*)[-+*/<>=~!@#%^&|`?:])+)',
    String.raw`(?<open>[([])|(?<close>[)\]])|(?<comma>[,;])`,
    String.raw`[^]`,
  ].join('|'),
  'gy',
)

/**
 * One bracket: how deep the list member being read is, the deepest one before it, the chains that lists do not end,
 * and all that the bracket itself stands in.
 */
type Level = { member: number; deepest: number; chain: number; outer: number }

const levelIn = (outer: number): Level => ({ member: 0, deepest: 0, chain: 0, outer })
const ownDepth = ({ member, deepest, chain }: Level) => Math.max(member, deepest) + chain

// Words that make what stands left of them deeper, like an operator.
const operators =
  /^(not|is|isnull|notnull|in|collate|at|between|i?like|similar|overlaps|operator|any|all|some)$/
const chains = /^(union|except|intersect|join)$/
// Lists, chains of AND and OR, branches and clauses stand side by side in the tree.
const sideBySide =
  /^(and|or|when|then|else|select|from|where|group|having|order|limit|on|using|values|set|window|returning)$/

/** Why a text is not given to the parser: it holds what its stack could not take. */
export function refuseDepth(sql: string): string | undefined {
  // The lexer looks at a run of operator characters again for each of them.
  if (/[-+*/<>=~!@#%^&|`?]{500}/.test(sql)) return 'the SQL holds an operator that is too long'
  if (sql.length < maxDepth) return undefined
  const levels = [levelIn(0)]
  lexeme.lastIndex = 0
  for (let match = lexeme.exec(sql); match; match = lexeme.exec(sql)) {
    const groups = match.groups as Partial<Record<string, string>>
    if (groups['comment']) lexeme.lastIndex = commentEnd(sql, lexeme.lastIndex)
    else measure(levels, groups)
    const level = levels.at(-1) as Level
    if (ownDepth(level) + level.outer > maxDepth) return 'the SQL is nested too deeply'
  }
  return undefined
}

function measure(levels: Level[], groups: Partial<Record<string, string>>): void {
  const level = levels.at(-1) as Level
  const word = groups['word']?.toLowerCase() ?? ''
  if (groups['open'] || word === 'case') levels.push(levelIn(level.outer + ownDepth(level) + 1))
  else if ((groups['close'] || word === 'end') && levels.length > 1) {
    levels.pop()
    // What is in brackets may stand left of an operator, and so at its depth.
    ;(levels.at(-1) as Level).member += ownDepth(level) + 1
  } else if (groups['sign'] || operators.test(word)) level.member++
  else if (chains.test(word)) level.chain++
  if (groups['comma'] || chains.test(word) || sideBySide.test(word)) {
    level.deepest = Math.max(level.deepest, level.member)
    level.member = 0
  }
  if (groups['comma'] === ';' && levels.length === 1) levels[0] = levelIn(0)
}

/** Where a comment ends, behind others inside it. */
function commentEnd(sql: string, from: number): number {
  const mark = /\/\*|\*\//g
  mark.lastIndex = from
  for (let open = 1; open > 0;) {
    const match = mark.exec(sql)
    if (!match) return sql.length
    open += match[0] === '/*' ? 1 : -1
  }
  return mark.lastIndex
}
