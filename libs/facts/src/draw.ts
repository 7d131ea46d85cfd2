import { isUnknown } from '@mcpshield/policy/facts'
import type { Access, FactDeclaration, Facts, JsonObject, JsonValue, Unknown } from '@mcpshield/policy/facts'
import { catalogueEntry, isConnectorTool, type CatalogueEntry } from './catalogue.ts'
import { guessFacts } from './guess.ts'
import { mongodbFacts } from './mongodb.ts'
import { normalizePath } from './paths.ts'
import { redisFacts } from './redis.ts'
import { mysqlFacts } from './sql/mysql.ts'
import { postgresqlFacts, preparePostgresql } from './sql/postgresql.ts'
import { sqliteFacts } from './sql/sqlite.ts'
import type { StatementFacts } from './sql/statement.ts'
import { parseUrl } from './urls.ts'

/** A tool call as it arrives: nothing of it has been checked. */
export type Call = { method: string; tool: string; arguments: unknown }

/** One connection of the project, as far as facts depend on it. */
export type Connection = {
  name: string
  kind: string
  /** PostgreSQL: how names without a schema are looked up. */
  search_path?: string[]
  /** PostgreSQL: `schema.table` → its columns, of every table there is. */
  columns?: Record<string, string[]>
  /** PostgreSQL: functions of the database declared free of side effects. */
  pure_functions?: string[]
  /** MySQL, MongoDB: the database of names without one. */
  database?: string
  /** SQLite: the CREATE statements of its schema. The same list for each call: what is made of it is kept with it. */
  schema?: readonly string[]
  /** Files: what relative paths are relative to. */
  root?: string
}

export type DrawOptions = {
  /** A policy's `facts:` section, by tool glob. Declarations of every glob that matches add up. */
  declarations?: Record<string, FactDeclaration>
  connections?: Connection[]
  /** The public MCP server that the call's upstream is declared to be. */
  server?: string
  /** What relative paths of the call are relative to. */
  root?: string
}

/** Loads the parsers. To be awaited once at the start, before the first call. */
export async function prepareParsers(): Promise<void> {
  await preparePostgresql()
}

/** What a call touches. Never throws: whatever fails is unknown. */
export function drawFacts(call: Call, options: DrawOptions = {}): Facts {
  const named = { method: String(call.method), tool: String(call.tool) }
  try {
    return { ...named, ...factsOf(named.tool, call.arguments, options) }
  } catch (error) {
    return { ...named, ...nothingKnown(error instanceof Error ? error.message : 'the facts cannot be drawn') }
  }
}

type Drawn = Omit<Facts, 'method' | 'tool'>

function nothingKnown(unknown: string): Drawn {
  return { arguments: { unknown }, paths: { unknown }, urls: { unknown }, accesses: { unknown } }
}

function factsOf(tool: string, args: unknown, options: DrawOptions): Drawn {
  if (args !== undefined && (typeof args !== 'object' || args === null || Array.isArray(args))) {
    return nothingKnown('the arguments are not an object')
  }
  const given = (args ?? {}) as JsonObject
  const entries = declared(tool, options)
  if (entries.length === 0) {
    return { arguments: given, ...guessFacts(given, options.root), guessed: true }
  }
  const facts: Drawn = { arguments: given, paths: [], urls: [], accesses: [] }
  for (const entry of entries) addDeclared(facts, given, entry, options)
  return facts
}

/** The declarations that hold for a tool: the catalogue's and the policy's. A connector of ours has its own only. */
function declared(tool: string, { declarations, server }: DrawOptions): CatalogueEntry[] {
  const shipped = catalogueEntry(tool, server)
  const entries = shipped ? [shipped] : []
  if (isConnectorTool(tool)) return entries
  for (const [glob, declaration] of Object.entries(declarations ?? {})) {
    if (matchesGlob(glob, tool)) entries.push(declaration)
  }
  return entries
}

/** `*` is any run of characters, `?` one; the rest is byte for byte. */
function matchesGlob(glob: string, text: string): boolean {
  let at = 0
  let star = -1
  let mark = 0
  for (let i = 0; i < text.length;) {
    if (at < glob.length && glob[at] === '*') {
      star = at++
      mark = i
    } else if (at < glob.length && (glob[at] === '?' || glob[at] === text[i])) {
      at++
      i++
    } else if (star >= 0) {
      at = star + 1
      i = ++mark
    } else return false
  }
  while (glob[at] === '*') at++
  return at === glob.length
}

function addDeclared(facts: Drawn, args: JsonObject, entry: CatalogueEntry, options: DrawOptions): void {
  if (entry.paths) {
    const root = options.root ?? connectionOf(args, { ...entry, connectionKind: 'files' }, options)?.root
    const paths = texts(args, entry.paths, entry.optional).map((text) =>
      typeof text === 'string' ? normalizePath(text, root) : text,
    )
    if (Array.isArray(facts.paths)) facts.paths.push(...paths)
  }
  if (entry.urls) {
    const urls = texts(args, entry.urls, entry.optional).map((text) =>
      typeof text === 'string' ? parseUrl(text, entry.schemes, entry.reader ?? 'others') : text,
    )
    if (Array.isArray(facts.urls)) facts.urls.push(...urls)
  }
  const opened = entry.opens?.find((name) => Object.hasOwn(args, name))
  if (opened !== undefined) facts.paths = { unknown: `with ${opened} the tool may reach anything` }
  const unknownUrls = opened === undefined ? entry.unknownUrls : `with ${opened} the tool may reach anything`
  if (unknownUrls !== undefined) facts.urls = { unknown: unknownUrls }
  if (entry.unknownAccesses !== undefined) facts.accesses = { unknown: entry.unknownAccesses }
  for (const read of [entry.sql && sqlAccesses, entry.command && commandAccesses]) {
    if (!read || !Array.isArray(facts.accesses)) continue
    const accesses = read(args, entry, options)
    facts.accesses = Array.isArray(accesses) ? [...facts.accesses, ...accesses] : accesses
  }
}

/**
 * The strings of some arguments, of arrays one by one; unknown for every other type, and where none is given of those
 * that must be.
 */
function texts(
  args: JsonObject,
  names: readonly string[],
  optional: readonly string[] = [],
): (string | Unknown)[] {
  const found = names.flatMap((name) => {
    const value = argument(args, name)
    return value === undefined
      ? []
      : (Array.isArray(value) ? value : [value]).map((member) => ({ name, member }))
  })
  if (found.length === 0 && names.every((name) => optional.includes(name))) return []
  if (found.length === 0) return [{ unknown: `there is no argument ${names.join(' or ')}` }]
  return found.map(({ name, member }) =>
    typeof member === 'string' ? member : { unknown: `the argument ${name} is not a string` },
  )
}

/** An argument by its name, or by a dotted path into objects. */
function argument(args: JsonObject, name: string): JsonValue | undefined {
  if (Object.hasOwn(args, name)) return args[name]
  let value: JsonValue | undefined = args
  for (const part of name.split('.')) {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined
    value = Object.hasOwn(value, part) ? value[part] : undefined
  }
  return value
}

function sqlAccesses(args: JsonObject, entry: CatalogueEntry, options: DrawOptions): Access[] | Unknown {
  const { argument: name, dialect, connection: fixed } = entry.sql as NonNullable<FactDeclaration['sql']>
  const used = connectionOf(args, entry, options)
  const connection = fixed ?? connectionName(args, entry, options)
  const accesses: Access[] = []
  for (const text of texts(args, [name])) {
    if (typeof text !== 'string') return text
    const facts = statementFacts(dialect, text, used)
    if ('unknown' in facts) return facts
    accesses.push(...facts.accesses.map((access) => ({ connection, ...access })))
  }
  return accesses
}

/** The accesses of a tool whose call is a command of MongoDB or Redis. */
function commandAccesses(args: JsonObject, entry: CatalogueEntry, options: DrawOptions): Access[] | Unknown {
  const { dialect, of, anyDatabase } = entry.command as NonNullable<CatalogueEntry['command']>
  const connection = connectionName(args, entry, options)
  const command = of(args)
  if (isUnknown(command)) return command
  const facts =
    dialect === 'redis'
      ? redisFacts(command)
      : mongodbFacts(command, {
          database: connectionOf(args, entry, options)?.database,
          foreign: anyDatabase ? 'named' : 'unknown',
        })
  return 'unknown' in facts ? facts : facts.accesses.map((access) => ({ connection, ...access }))
}

function statementFacts(dialect: string, sql: string, connection?: Connection): StatementFacts | Unknown {
  switch (dialect) {
    case 'postgresql':
      return postgresqlFacts(sql, {
        searchPath: connection?.search_path,
        schema: connection?.columns,
        pureFunctions: connection?.pure_functions,
      })
    case 'mysql':
      return mysqlFacts(sql, { database: connection?.database })
    case 'sqlite':
      return sqliteFacts(sql, { schema: connection?.schema })
    default:
      return { unknown: `statements of ${dialect} are not read yet` }
  }
}

/** The connection a call means: the one it names, or the only one of its kind. */
function connectionOf(args: JsonObject, entry: CatalogueEntry, options: DrawOptions): Connection | undefined {
  const named = entry.sql?.connection ?? (Object.hasOwn(args, 'connection') ? args['connection'] : undefined)
  const ofKind = (options.connections ?? []).filter(
    ({ kind }) => kind === (entry.connectionKind ?? entry.sql?.dialect),
  )
  if (named !== undefined) return ofKind.find(({ name }) => name === named)
  return entry.connectionKind !== undefined && ofKind.length === 1 ? ofKind[0] : undefined
}

function connectionName(args: JsonObject, entry: CatalogueEntry, options: DrawOptions): string | Unknown {
  if (entry.connectionKind === undefined) return { unknown: 'the tool does not say which database it uses' }
  const found = connectionOf(args, entry, options)
  if (found) return found.name
  const named = Object.hasOwn(args, 'connection') ? args['connection'] : undefined
  if (named === undefined) return { unknown: 'the call names no connection' }
  if (typeof named !== 'string') return { unknown: 'the argument connection is not a string' }
  // Without a list of connections the call's word is all there is to know.
  return options.connections
    ? { unknown: `there is no ${entry.connectionKind} connection of that name` }
    : named
}
