// The open connectors of a project, by the name of their connection.
import { AppError } from '@mcpshield/contracts/errors'
import type { JsonObject } from '@mcpshield/policy/facts'
import { tableAnswer, type ConnectionSpec, type Connector, type Statements } from './connector.ts'
import { filesystemConnector } from './filesystem.ts'
import { networkConnector } from './network.ts'
import { mongodbConnector } from './mongodb.ts'
import { mysqlConnector } from './mysql.ts'
import { postgresConnector } from './postgres.ts'
import { redisConnector } from './redis.ts'
import { sqliteConnector } from './sqlite.ts'
import type { Reach } from '@mcpshield/upstream/reach'
import { CONNECTOR_TOOLS, type ArgsOf, type ConnectorToolName } from './tools.ts'

export type Connectors = AsyncDisposable & {
  /** Names of the connections that a tool can use. */
  of(tool: ConnectorToolName): string[]
  /** The connector a call means: by its `connection` argument, or the only one of its kind. */
  choose(tool: ConnectorToolName, args: JsonObject): Connector
  kindOf(connection: string): ConnectionSpec['kind'] | undefined
  /** The folder of a connection to files. */
  rootOf(connection: string): string | null
}

/** Says what an operator should know of a connection; there is nobody to tell where it is absent. */
type Warn = (message: string) => void

type Open = (connection: ConnectionSpec, warn: Warn, reach: Reach | undefined) => Connector

const OPEN: Partial<Record<ConnectionSpec['kind'], Open>> = {
  postgresql: (connection, warn, reach) => ofStatements(postgresConnector(connection, warn, reach)),
  mysql: (connection, warn, reach) => ofStatements(mysqlConnector(connection, warn, reach)),
  sqlite: (connection) => ofStatements(sqliteConnector(connection)),
  mongodb: (connection, _warn, reach) => mongodbConnector(connection, reach),
  redis: (connection, _warn, reach) => redisConnector(connection, reach),
  files: (connection) => filesystemConnector(connection),
  http: (connection, _warn, reach) => networkConnector(connection, { within: reach }),
}

function ofStatements(statements: Statements): Connector {
  return {
    run: async (_tool, args, grant) =>
      tableAnswer(await statements.query((args as ArgsOf<'postgres.query'>).sql, grant)),
    [Symbol.asyncDispose]: () => statements[Symbol.asyncDispose](),
  }
}

/** `reach` is what the operator lets be connected to; anything where it is absent. */
export function openConnectors(
  connections: ConnectionSpec[],
  warn: Warn = () => {},
  reach?: Reach,
): Connectors {
  const open = new Map<string, Connector>()
  let disposed = false
  const ofKind = (tool: ConnectorToolName) =>
    connections.filter((each) => each.kind === CONNECTOR_TOOLS[tool].kind && OPEN[each.kind] !== undefined)
  const named = (name: string) => connections.find((each) => each.name === name)
  return {
    kindOf: (name) => named(name)?.kind,
    rootOf: (name) => named(name)?.path ?? null,
    of: (tool) => ofKind(tool).map((each) => each.name),
    choose(tool, args) {
      if (disposed)
        throw new AppError('UNAVAILABLE', 'The project’s systems changed meanwhile: make the call anew.')
      const candidates = ofKind(tool)
      const named = args.connection
      const chosen =
        named === undefined && candidates.length === 1
          ? candidates[0]
          : candidates.find((each) => each.name === named)
      if (chosen === undefined) {
        const names = candidates.map((each) => each.name).join(', ')
        throw new AppError(
          'INVALID_ARGUMENT',
          candidates.length === 0
            ? `This project has no connection for ${tool}.`
            : `Name the connection: one of ${names}.`,
        )
      }
      const known = open.get(chosen.name)
      if (known !== undefined) return known
      const connector = OPEN[chosen.kind]?.(chosen, warn, reach)
      if (connector === undefined)
        throw new AppError('INVALID_ARGUMENT', `This project has no connection for ${tool}.`)
      open.set(chosen.name, connector)
      return connector
    },
    async [Symbol.asyncDispose]() {
      disposed = true
      await Promise.all([...open.values()].map((connector) => connector[Symbol.asyncDispose]()))
    },
  }
}
