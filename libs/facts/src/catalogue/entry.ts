import type { FactDeclaration, JsonObject } from '@mcpshield/policy/facts'
import type { UrlReader } from '../urls.ts'

/** Which arguments of a tool hold what. More than a policy can declare: connectors of ours, URL schemes, commands. */
export type CatalogueEntry = FactDeclaration & {
  command?: CommandDeclaration
  /** The kind of connection an argument `connection` names. */
  connectionKind?: string
  schemes?: readonly string[]
  /** Whose parser of URLs counts; another than ours when absent. */
  reader?: UrlReader
  /** Arguments that hold paths or URLs where they are given, and that need not be. */
  optional?: readonly string[]
  /** Arguments with which the tool may reach anything. */
  opens?: readonly string[]
  /** Why it cannot be told which hosts this tool reaches. */
  unknownUrls?: string
  /** Why the facts of this tool cannot be drawn; its accesses are unknown. */
  unknownAccesses?: string
}

/** A tool whose call is a command of MongoDB or Redis: how the command is made of the arguments. */
export type CommandDeclaration = {
  dialect: 'mongodb' | 'redis'
  /** The command, or an Unknown. */
  of(args: JsonObject): unknown
  /** Whether another database than the connection's may be reached, and is then named. */
  anyDatabase?: boolean
}

/** The tools of a server, by the server's own names. */
export type Tools = Record<string, CatalogueEntry>

/** Only http and https. */
export const web = ['http', 'https'] as const

/** A tool that touches no file, no host of the caller's choice and no database. */
export const none: CatalogueEntry = {}

/** The same entry for several tools. */
export function all(names: string, entry: CatalogueEntry): Tools {
  const listed = names.trim().split(/\s+/)
  return Object.fromEntries(listed.map((name) => [name, entry]))
}

/** A statement in one argument. */
export function sql(
  argument: string,
  dialect: 'postgresql' | 'mysql' | 'sqlite',
  connectionKind?: string,
): CatalogueEntry {
  return { sql: { argument, dialect }, ...(connectionKind === undefined ? {} : { connectionKind }) }
}
