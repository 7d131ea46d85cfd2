// Names of tables that a rule writes otherwise than statements have them: a deny rule on `salaries` does not reach
// `hr.salaries`.
import { placeOf } from './condition-warnings.ts'
import { covers, globMatcher } from './globs.ts'
import { quoted, warning } from './problem.ts'
import type { Problem } from './problem.ts'
import { listOf } from './schema.ts'
import type { Rule } from './schema.ts'
import type { Declarations } from './tool-kinds.ts'
import type { JsonPath } from './yaml-document.ts'

/** Where names have two parts: `schema.table` in PostgreSQL, `database.table` in MySQL. */
const QUALIFYING = ['postgres.query', 'mysql.query']
/** Where they have one. */
const BARE = ['sqlite.query', 'mongodb.find']

export function resourceWarnings(rule: Rule, path: JsonPath, declared: Declarations): Problem[] {
  const { resources } = rule.conditions ?? {}
  if (resources === undefined) return []
  const tools = listOf(rule.tool).map(globMatcher)
  const names = (tool: string) => tools.some((matches) => matches(tool))
  const sql = Object.entries(declared).filter(([glob, { sql }]) => {
    const isNamed = names(glob) || listOf(rule.tool).some(globMatcher(glob))
    return sql !== undefined && sql.dialect !== 'sqlite' && isNamed
  })
  const qualifies = QUALIFYING.some(names) || sql.length > 0
  const asWritten = sql.find(([, { sql }]) => sql?.connection === undefined)?.[0]
  const isSqliteOnly = listOf(rule.tool).every((tool) => tool.startsWith('sqlite.'))
  const isBare = rule.decision === 'deny' && BARE.some(names)
  const isListed = listing(listOf(resources))
  return listOf(resources).flatMap((glob, i) => {
    const at = placeOf(resources, [...path, 'conditions', 'resources'], i)
    if (qualifies && lacksSchema(glob) && !isListed(`*.${glob}`)) return [unqualified(glob, at, rule)]
    if (isBare && glob.startsWith('*.') && !isListed(glob.slice(2))) return [qualified(glob, at)]
    if (isSqliteOnly && glob.startsWith('main.')) return [mainSchema(glob, at)]
    const evades = rule.decision === 'deny' && asWritten !== undefined && /^[^*?]+\./.test(glob)
    return evades ? [writtenShorter(glob, at, asWritten)] : []
  })
}

/** Longer lists are not compared entry by entry. */
const MAX_COMPARED = 50

/** Whether what a pattern matches is matched by an entry of the list. */
function listing(globs: readonly string[]): (glob: string) => boolean {
  const listed = new Set(globs)
  const compared = globs.length <= MAX_COMPARED ? globs : []
  return (glob) => listed.has(glob) || compared.some((each) => covers(each, glob))
}

function lacksSchema(glob: string): boolean {
  return !glob.includes('.') && !glob.startsWith('*')
}

function unqualified(glob: string, at: JsonPath, { decision, tool }: Rule): Problem {
  const name = glob.slice(0, 100)
  const [schema, example] = listOf(tool).every((each) => each.startsWith('mysql.'))
    ? ['database', 'shop']
    : ['schema', 'public']
  const isOpen = decision === 'allow'
  const message = `Tables are named ${schema}.table: ${quoted(glob)} ${isOpen ? 'allows' : 'reaches'} none of them.`
  const wide = listOf(tool).every((each) => QUALIFYING.includes(each)) ? 'write' : 'add'
  const fix = isOpen ? `write the ${schema} too, such as ${example}.${name}` : `${wide} *.${name}`
  return warning(at, 'unqualified_resource', message, fix)
}

function qualified(glob: string, at: JsonPath): Problem {
  const message = `SQLite and MongoDB name tables and collections without a schema: ${quoted(glob)} reaches none of them.`
  return warning(at, 'qualified_resource', message, `add ${glob.slice(2, 100)}`)
}

function mainSchema(glob: string, at: JsonPath): Problem {
  const message = `SQLite's own tables are named without a schema: ${quoted(glob)} never matches.`
  return warning(at, 'never_matches', message, `write ${glob.slice('main.'.length)}`)
}

function writtenShorter(glob: string, at: JsonPath, tool: string): Problem {
  const message = `${quoted(tool)} names no connection, so its tables are known only as the statement writes them: without its schema ${quoted(glob)} is not recognised.`
  return warning(
    at,
    'names_as_written',
    message,
    'name the connection under `facts:`, or allow by a list of tables',
  )
}
