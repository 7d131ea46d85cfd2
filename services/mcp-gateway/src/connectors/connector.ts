// Built-in connectors: the second wall. They run what was decided and can do no more.
import type { Runtime } from '@mcpshield/contracts/projects'
import type { Access, JsonObject } from '@mcpshield/policy/facts'
import type { UpstreamTool } from '../upstreams/upstream.ts'

export type ConnectionSpec = Runtime['connections'][number]

/** What the decision allows the connector to do. */
export type Grant = {
  accesses: Access[]
  readOnly: boolean
  maxRows: number
  maxBytes: number
  timeoutMs: number
  signal: AbortSignal
  /** Set when results will be redacted by source column: the connector then tells the columns' sources. */
  needsSources: boolean
}

/** A table of results. `sources` names the columns an output was computed from, where that can be told. */
export type Table = {
  columns: string[]
  rows: JsonObject[]
  /** True when there was more than the caps let through. */
  cut: boolean
  sources?: Record<string, string[] | 'unknown'>
}

export type Connector = AsyncDisposable & {
  query(sql: string, grant: Grant): Promise<Table>
}

/** The tools a connector offers, by the kind of connection it needs. */
export const CONNECTOR_TOOLS = {
  'postgres.query': {
    kind: 'postgresql',
    description: 'Run one SQL statement on a PostgreSQL database and get its rows.',
  },
  'sqlite.query': {
    kind: 'sqlite',
    description: 'Run one SQL statement on a SQLite database and get its rows.',
  },
} as const satisfies Record<string, { kind: ConnectionSpec['kind']; description: string }>

export type ConnectorToolName = keyof typeof CONNECTOR_TOOLS

export function isConnectorToolName(name: string): name is ConnectorToolName {
  return Object.hasOwn(CONNECTOR_TOOLS, name)
}

/** The definition a client sees; `connection` only matters where there is more than one of the kind. */
export function connectorTool(name: ConnectorToolName, connections: string[]): UpstreamTool {
  const many = connections.length > 1
  return {
    name,
    description: CONNECTOR_TOOLS[name].description,
    inputSchema: {
      type: 'object',
      properties: {
        sql: { type: 'string', description: 'One SQL statement.' },
        ...(many
          ? { connection: { type: 'string', enum: connections, description: 'Which database.' } }
          : {}),
      },
      required: many ? ['sql', 'connection'] : ['sql'],
      additionalProperties: false,
    },
  }
}
