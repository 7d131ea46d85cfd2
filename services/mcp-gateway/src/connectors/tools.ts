// What each built-in connector offers: the kind of connection it needs and the arguments it takes, nothing else.
import { z } from 'zod'
import { AppError } from '@mcpshield/contracts/errors'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { ToolDefinition } from '@mcpshield/mcp/tool-catalog'
import type { ConnectionSpec } from './connector.ts'

const Sql = z.strictObject({ sql: z.string().describe('One SQL statement.') })
const Document = z.record(z.string(), z.json())
const collection = z.string().describe('The name of the collection.')
const filter = Document.describe(
  'A filter document; extended JSON ({"$oid": …}, {"$date": …}) is understood.',
)
const path = z
  .string()
  .describe('A path of the file system; one that is not absolute is taken from the root.')

type Tool = { kind: ConnectionSpec['kind']; description: string; args: z.ZodObject }

/** Canonical name → what it needs. The order is that of the list of tools. */
export const CONNECTOR_TOOLS = {
  'postgres.query': {
    kind: 'postgresql',
    description: 'Run one SQL statement on a PostgreSQL database and get its rows.',
    args: Sql,
  },
  'mysql.query': {
    kind: 'mysql',
    description: 'Run one SQL statement on a MySQL or MariaDB database and get its rows.',
    args: Sql,
  },
  'sqlite.query': {
    kind: 'sqlite',
    description: 'Run one SQL statement on a SQLite database and get its rows.',
    args: Sql,
  },
  'mongodb.find': {
    kind: 'mongodb',
    description: 'Find documents of a MongoDB collection.',
    args: z.strictObject({
      collection,
      filter: filter.optional(),
      projection: Document.optional(),
      sort: Document.optional(),
      skip: z.int().min(0).optional(),
      limit: z.int().min(1).optional(),
    }),
  },
  'mongodb.aggregate': {
    kind: 'mongodb',
    description: 'Run an aggregation pipeline on a MongoDB collection.',
    args: z.strictObject({ collection, pipeline: z.array(Document).describe('The stages, in order.') }),
  },
  'mongodb.count': {
    kind: 'mongodb',
    description: 'Count the documents of a MongoDB collection that a filter matches.',
    args: z.strictObject({ collection, filter: filter.optional() }),
  },
  'mongodb.distinct': {
    kind: 'mongodb',
    description: 'List the distinct values of one field of a MongoDB collection.',
    args: z.strictObject({ collection, field: z.string(), filter: filter.optional() }),
  },
  'mongodb.insert': {
    kind: 'mongodb',
    description: 'Insert documents into a MongoDB collection.',
    args: z.strictObject({ collection, documents: z.array(Document).min(1).max(1_000) }),
  },
  'mongodb.update': {
    kind: 'mongodb',
    description: 'Update one document of a MongoDB collection, or every one that the filter matches.',
    args: z.strictObject({
      collection,
      filter,
      update: z.union([Document, z.array(Document)]).describe('Update operators, or a pipeline of stages.'),
      many: z.boolean().optional(),
      upsert: z.boolean().optional(),
    }),
  },
  'mongodb.delete': {
    kind: 'mongodb',
    description: 'Delete one document of a MongoDB collection, or every one that the filter matches.',
    args: z.strictObject({ collection, filter, many: z.boolean().optional() }),
  },
  'redis.command': {
    kind: 'redis',
    description: 'Run one Redis command.',
    args: z.strictObject({
      command: z.array(z.string()).min(1).describe('The command and its arguments: ["GET", "session:1"].'),
    }),
  },
  'filesystem.read': {
    kind: 'files',
    description: 'Read a file.',
    args: z.strictObject({
      path,
      offset_bytes: z.int().min(0).optional(),
      length_bytes: z.int().min(1).optional(),
    }),
  },
  'filesystem.list': {
    kind: 'files',
    description: 'List a folder: names, types, sizes and times.',
    args: z.strictObject({
      path,
      depth: z.int().min(1).max(16).optional().describe('How many levels of folders; 1 when absent.'),
    }),
  },
  'filesystem.search': {
    kind: 'files',
    description: 'Find files below a folder by name, or lines in them by text.',
    args: z.strictObject({
      path,
      name: z.string().max(500).optional().describe('A glob over file names: * and ?.'),
      text: z.string().min(1).max(1_000).optional().describe('Text that a line must contain.'),
    }),
  },
  'filesystem.write': {
    kind: 'files',
    description: 'Write a text file: a new one, or in the place of one that is there.',
    args: z.strictObject({
      path,
      content: z.string(),
      mode: z.enum(['create', 'replace', 'append']).optional().describe('create when absent.'),
    }),
  },
  'network.request': {
    kind: 'http',
    description: 'Send one HTTP request and get the response.',
    args: z.strictObject({
      url: z.string(),
      method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']).optional(),
      headers: z.record(z.string(), z.string()).optional(),
      body: z.string().optional(),
    }),
  },
} as const satisfies Record<string, Tool>

export type ConnectorToolName = keyof typeof CONNECTOR_TOOLS
/** The arguments of a tool, checked. */
export type ArgsOf<Name extends ConnectorToolName> = z.infer<(typeof CONNECTOR_TOOLS)[Name]['args']>

export function isConnectorToolName(name: string): name is ConnectorToolName {
  return Object.hasOwn(CONNECTOR_TOOLS, name)
}

/** The definition a client sees; `connection` only matters where there is more than one of the kind. */
export function connectorTool(name: ConnectorToolName, connections: string[]): ToolDefinition {
  const { $schema: _, ...schema } = z.toJSONSchema(CONNECTOR_TOOLS[name].args) as JsonObject & {
    properties: JsonObject
    required: string[]
  }
  if (connections.length < 2)
    return { name, description: CONNECTOR_TOOLS[name].description, inputSchema: schema }
  const connection = { type: 'string', enum: connections, description: 'Which connection.' }
  return {
    name,
    description: CONNECTOR_TOOLS[name].description,
    inputSchema: {
      ...schema,
      properties: { ...schema.properties, connection },
      required: [...(schema.required ?? []), 'connection'],
    },
  }
}

/** The arguments of a connector's tool without `connection`; one that is missing, wrong or unknown is refused by name. */
export function checkedArgs<Name extends ConnectorToolName>(name: Name, args: JsonObject): ArgsOf<Name> {
  const { connection, ...rest } = args
  if (connection !== undefined && typeof connection !== 'string') {
    throw new AppError('INVALID_ARGUMENT', 'The argument connection must be a string.')
  }
  const parsed = CONNECTOR_TOOLS[name].args.safeParse(rest)
  if (parsed.success) return parsed.data as ArgsOf<Name>
  const [issue] = parsed.error.issues
  const where = issue?.path.length ? `The argument ${issue.path.join('.')}` : 'The arguments'
  throw new AppError('INVALID_ARGUMENT', `${where}: ${issue?.message ?? 'not as this tool takes them'}.`)
}
