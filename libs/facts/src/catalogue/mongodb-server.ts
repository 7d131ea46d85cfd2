// mongodb-mcp-server: the command that each of its tools runs. Its collections are `database.collection`.
import type { JsonObject, JsonValue, Unknown } from '@mcpshield/policy/facts'
import type { CatalogueEntry, Tools } from './entry.ts'

type Fields = { [name: string]: JsonValue }

const command = (of: (args: JsonObject) => Fields | Unknown): CatalogueEntry => ({
  command: { dialect: 'mongodb', of: inDatabase(of), anyDatabase: true },
})

/** Every command runs in the database that the call names. */
function inDatabase(of: (args: JsonObject) => Fields | Unknown) {
  return (args: JsonObject): unknown => {
    const database = given(args, 'database')
    if (typeof database !== 'string')
      return { unknown: 'the argument database is not a text' } satisfies Unknown
    const made = of(args)
    return 'unknown' in made ? made : { ...made, $db: database }
  }
}

function given(args: JsonObject, name: string): JsonValue {
  return Object.hasOwn(args, name) ? (args[name] as JsonValue) : null
}

/** Fields of a command from arguments that may be left out. */
function optional(args: JsonObject, ...names: string[]): Fields {
  return Object.fromEntries(
    names.filter((name) => Object.hasOwn(args, name)).map((name) => [name, given(args, name)]),
  )
}

const find = (args: JsonObject): Fields => ({
  find: given(args, 'collection'),
  ...optional(args, 'filter', 'projection', 'sort', 'limit'),
})
const aggregate = (args: JsonObject): Fields => ({
  aggregate: given(args, 'collection'),
  pipeline: given(args, 'pipeline'),
  cursor: {},
})
const count = (args: JsonObject): Fields => ({ count: given(args, 'collection'), ...optional(args, 'query') })

const queries: Record<string, (args: JsonObject) => Fields> = { find, aggregate, count }

/** `explain` and `export` hold the query in a list of one: its name and its arguments. */
function target(args: JsonObject, name: string): Fields | Unknown {
  const list = given(args, name)
  const [only] = Array.isArray(list) && list.length === 1 ? list : [null]
  const unknown = { unknown: `the argument ${name} is not a list of one query` }
  if (only === null || typeof only !== 'object' || Array.isArray(only)) return unknown
  const named = given(only, 'name')
  const query = typeof named === 'string' && Object.hasOwn(queries, named) ? queries[named] : undefined
  const inner = given(only, 'arguments')
  if (!query || inner === null || typeof inner !== 'object' || Array.isArray(inner)) return unknown
  return query({ ...inner, collection: given(args, 'collection') })
}

function explained(args: JsonObject): Fields | Unknown {
  const query = target(args, 'method')
  return 'unknown' in query ? query : { explain: query }
}

function createIndex(args: JsonObject): Fields | Unknown {
  const list = given(args, 'definition')
  const [only] = Array.isArray(list) && list.length === 1 ? list : [null]
  if (only === null || typeof only !== 'object' || Array.isArray(only) || given(only, 'type') !== 'classic')
    return { unknown: 'the definition of the index is not a list of one that is known' }
  return { createIndexes: given(args, 'collection'), indexes: [{ key: given(only, 'keys') }] }
}

function rename(args: JsonObject): Fields | Unknown {
  const parts = ['database', 'collection', 'newName'].map((name) => given(args, name))
  if (!parts.every((part) => typeof part === 'string'))
    return { unknown: 'the names to rename are not texts' }
  const [database, from, to] = parts as [string, string, string]
  return { renameCollection: `${database}.${from}`, to: `${database}.${to}` }
}

/** As https://github.com/mongodb-js/mongodb-mcp-server describes them. */
export const mongodbServer: Tools = {
  find: command(find),
  aggregate: command(aggregate),
  'aggregate-db': command((args) => ({ aggregate: 1, pipeline: given(args, 'pipeline'), cursor: {} })),
  count: command(count),
  explain: command(explained),
  export: command((args) => target(args, 'exportTarget')),
  'insert-many': command((args) => ({
    insert: given(args, 'collection'),
    documents: given(args, 'documents'),
  })),
  'update-many': command((args) => ({
    update: given(args, 'collection'),
    updates: [
      {
        q: {},
        u: given(args, 'update'),
        multi: true,
        ...renamed(args, 'filter', 'q'),
        ...optional(args, 'upsert'),
      },
    ],
  })),
  'delete-many': command((args) => ({
    delete: given(args, 'collection'),
    deletes: [{ q: {}, limit: 0, ...renamed(args, 'filter', 'q') }],
  })),
  'create-collection': command((args) => ({ create: given(args, 'collection') })),
  'drop-collection': command((args) => ({ drop: given(args, 'collection') })),
  'drop-database': command(() => ({ dropDatabase: 1 })),
  'rename-collection': command(rename),
  'create-index': command(createIndex),
  'drop-index': command((args) => ({
    dropIndexes: given(args, 'collection'),
    index: given(args, 'indexName'),
  })),
  'collection-indexes': command((args) => ({ listIndexes: given(args, 'collection') })),
  'collection-storage-size': command((args) => ({ collStats: given(args, 'collection') })),
  // It looks at documents to tell what fields they have.
  'collection-schema': command((args) => ({ find: given(args, 'collection') })),
  'db-stats': command(() => ({ dbStats: 1 })),
  'list-collections': command(() => ({ listCollections: 1 })),
  'list-databases': { command: { dialect: 'mongodb', of: () => ({ listDatabases: 1 }) } },
  'mongodb-logs': { command: { dialect: 'mongodb', of: () => ({ getLog: 'global' }) } },
  connect: { unknownAccesses: 'what the next calls touch is at another place then' },
  'switch-connection': { unknownAccesses: 'what the next calls touch is at another place then' },
}

function renamed(args: JsonObject, from: string, to: string): Fields {
  return Object.hasOwn(args, from) ? { [to]: given(args, from) } : {}
}
