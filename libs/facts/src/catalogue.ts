import type { JsonObject, Unknown } from '@mcpshield/policy/facts'
import { sql, web, type CatalogueEntry, type Tools } from './catalogue/entry.ts'
import { filesAndWeb, sqlServers } from './catalogue/files-and-web.ts'
import { mongodbServer } from './catalogue/mongodb-server.ts'
import { redisServer } from './catalogue/redis-server.ts'
import { commandOfTool, MONGODB_VERBS } from './mongodb-command.ts'

export type { CatalogueEntry } from './catalogue/entry.ts'

const path: CatalogueEntry = { paths: ['path'] }

/** The project's own connectors, by canonical name. */
const connectors: Tools = {
  'postgres.query': sql('sql', 'postgresql', 'postgresql'),
  'mysql.query': sql('sql', 'mysql', 'mysql'),
  'sqlite.query': sql('sql', 'sqlite', 'sqlite'),
  'filesystem.read': path,
  'filesystem.list': path,
  'filesystem.search': path,
  'filesystem.write': path,
  'network.request': { urls: ['url'], schemes: web, reader: 'ours' },
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

/** Well-known public MCP servers, by kind, then by the server's own name of the tool. */
const servers: Record<string, Tools> = {
  ...filesAndWeb,
  ...sqlServers,
  'mongodb-mcp-server': mongodbServer,
  'redis-mcp-server': redisServer,
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
