import type { FactDeclaration, JsonObject, Unknown } from '@mcpshield/policy/facts'
import { commandOfTool, MONGODB_VERBS } from './mongodb-command.ts'

/** Which arguments of a tool hold what. More than a policy can declare: connectors of ours, URL schemes, commands. */
export type CatalogueEntry = FactDeclaration & {
  command?: CommandDeclaration
  /** The kind of connection an argument `connection` names. */
  connectionKind?: string
  schemes?: readonly string[]
  /** Why the facts of this tool cannot be drawn; its accesses are unknown. */
  unknownAccesses?: string
}

/** A tool whose call is a command of MongoDB or Redis: how the command is made of the arguments. */
export type CommandDeclaration = {
  dialect: 'mongodb' | 'redis'
  of(args: JsonObject): unknown
  /** Whether another database than the connection's may be reached, and is then named. */
  anyDatabase?: boolean
}

const web = ['http', 'https'] as const
const path: CatalogueEntry = { paths: ['path'] }
const none: CatalogueEntry = {}
const sql = (
  argument: string,
  dialect: 'postgresql' | 'mysql' | 'sqlite',
  connectionKind?: string,
): CatalogueEntry => ({
  sql: { argument, dialect },
  ...(connectionKind === undefined ? {} : { connectionKind }),
})
/** The project's own connectors, by canonical name. */
const connectors: Record<string, CatalogueEntry> = {
  'postgres.query': sql('sql', 'postgresql', 'postgresql'),
  'mysql.query': sql('sql', 'mysql', 'mysql'),
  'sqlite.query': sql('sql', 'sqlite', 'sqlite'),
  'filesystem.read': path,
  'filesystem.list': path,
  'filesystem.search': path,
  'filesystem.write': path,
  'network.request': { urls: ['url'], schemes: web },
  ...Object.fromEntries(
    MONGODB_VERBS.map((verb): [string, CatalogueEntry] => [
      `mongodb.${verb}`,
      { command: { dialect: 'mongodb', of: (args) => commandOfTool(verb, args) }, connectionKind: 'mongodb' },
    ]),
  ),
  'redis.command': { command: { dialect: 'redis', of: oneCommand }, connectionKind: 'redis' },
}

/** The connector takes one command, not a list of them. */
function oneCommand({ command }: JsonObject): unknown {
  const one = Array.isArray(command) && command.every((word) => typeof word === 'string')
  return one ? command : ({ unknown: 'the argument command is not a list of texts' } satisfies Unknown)
}

const all = (names: string, entry: CatalogueEntry): Record<string, CatalogueEntry> =>
  Object.fromEntries(
    names
      .trim()
      .split(/\s+/)
      .map((name) => [name, entry]),
  )

/** Well-known public MCP servers, by kind, then by the server's own name of the tool. */
const servers: Record<string, Record<string, CatalogueEntry>> = {
  'server-filesystem': {
    ...all(
      `read_file read_text_file read_media_file write_file edit_file create_directory list_directory
      list_directory_with_sizes directory_tree search_files get_file_info`,
      path,
    ),
    read_multiple_files: { paths: ['paths'] },
    move_file: { paths: ['source', 'destination'] },
    list_allowed_directories: none,
  },
  'server-fetch': { fetch: { urls: ['url'], schemes: web } },
  'server-git': {
    ...all(
      `git_status git_diff_unstaged git_diff_staged git_diff git_commit git_reset git_log git_create_branch
      git_checkout git_show git_branch`,
      { paths: ['repo_path'] },
    ),
    // The files to add are relative to the repository.
    git_add: { paths: ['repo_path', 'files'] },
    git_init: { paths: ['repo_path'] },
  },
  'server-memory': all(
    `create_entities create_relations add_observations delete_entities delete_observations delete_relations read_graph
    search_nodes open_nodes`,
    none,
  ),
  'server-sequential-thinking': { sequentialthinking: none },
  'server-time': all('get_current_time convert_time', none),
  'server-everything': all('echo add get-sum get-env get-tiny-image', none),
  'server-postgres': { query: sql('sql', 'postgresql') },
  'server-sqlite': {
    ...all('read_query write_query create_table', sql('query', 'sqlite')),
    list_tables: none,
    describe_table: none,
    append_insight: none,
  },
  'dbhub-postgresql': { execute_sql: sql('sql', 'postgresql') },
  'dbhub-mysql': { execute_sql: sql('sql', 'mysql') },
  'dbhub-sqlite': { execute_sql: sql('sql', 'sqlite') },
  playwright: { browser_navigate: { urls: ['url'] } },
  puppeteer: { puppeteer_navigate: { urls: ['url'] } },
}

/** The kinds of public servers that are known, as an upstream may be declared to be one. */
export const knownServers: readonly string[] = Object.keys(servers)

/**
 * The catalogue's entry for a tool. Connectors are known by their canonical name; tools of a public server only where
 * the upstream is declared to be that server, for anyone may call a tool `read_file`.
 */
export function catalogueEntry(tool: string, server?: string): CatalogueEntry | undefined {
  if (Object.hasOwn(connectors, tool)) return connectors[tool]
  const tools = server !== undefined && Object.hasOwn(servers, server) ? servers[server] : undefined
  const name = tool.slice(tool.indexOf('/') + 1)
  return tools && Object.hasOwn(tools, name) ? tools[name] : undefined
}

/** True for a name of one of the project's own connectors. */
export function isConnectorTool(tool: string): boolean {
  return Object.hasOwn(connectors, tool)
}
