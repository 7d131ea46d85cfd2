import type { JsonObject, JsonValue, Unknown } from '@mcpshield/policy/facts'
import { fromExtendedJson, isDocument, type BsonDocument, type MongodbCommand } from './mongodb-values.ts'
import { CannotTell } from './sql/statement.ts'

/** What the MongoDB connector offers. */
export const MONGODB_VERBS = ['find', 'aggregate', 'count', 'distinct', 'insert', 'update', 'delete'] as const
export type MongodbVerb = (typeof MONGODB_VERBS)[number]

/**
 * The command that a call of `mongodb.<verb>` means, with its values as BSON. The one that is judged and the one that
 * is run are both made here. `connection` among the arguments is not looked at. Never throws.
 */
export function commandOfTool(verb: MongodbVerb, args: JsonObject): MongodbCommand | Unknown {
  try {
    return BUILD[verb](taken(args, ARGUMENTS[verb]))
  } catch (error) {
    if (error instanceof CannotTell) return { unknown: error.message }
    return { unknown: 'the command cannot be read' }
  }
}

/** The arguments of each verb. */
const ARGUMENTS: Record<MongodbVerb, readonly string[]> = {
  find: ['collection', 'filter', 'projection', 'sort', 'skip', 'limit'],
  aggregate: ['collection', 'pipeline'],
  count: ['collection', 'filter'],
  distinct: ['collection', 'field', 'filter'],
  insert: ['collection', 'documents'],
  update: ['collection', 'filter', 'update', 'many', 'upsert'],
  delete: ['collection', 'filter', 'many'],
}

const BUILD: Record<MongodbVerb, (args: Arguments) => MongodbCommand> = {
  find: (args) => ({
    find: args.collection(),
    filter: args.document('filter') ?? {},
    ...given('projection', args.document('projection')),
    ...given('sort', args.document('sort')),
    ...given('skip', args.integer('skip', 0)),
    ...given('limit', args.integer('limit', 1)),
  }),
  aggregate: (args) => ({
    aggregate: args.collection(),
    pipeline: required('pipeline', args.documents('pipeline')),
    cursor: {},
  }),
  count: (args) => ({ count: args.collection(), query: args.document('filter') ?? {} }),
  distinct: (args) => ({
    distinct: args.collection(),
    key: args.text('field'),
    query: args.document('filter') ?? {},
  }),
  insert: (args) => ({ insert: args.collection(), documents: args.inserted(), ordered: true }),
  update: (args) => ({
    update: args.collection(),
    updates: [
      {
        q: required('filter', args.document('filter')),
        u: required('update', args.update()),
        multi: args.flag('many'),
        upsert: args.flag('upsert'),
      },
    ],
    ordered: true,
  }),
  delete: (args) => ({
    delete: args.collection(),
    deletes: [{ q: required('filter', args.document('filter')), limit: args.flag('many') ? 0 : 1 }],
    ordered: true,
  }),
}

function given(name: string, value: unknown): BsonDocument {
  return value === undefined ? {} : { [name]: value }
}

function required<T>(name: string, value: T | undefined): T {
  if (value === undefined) throw new CannotTell(`there is no argument ${name}`)
  return value
}

/** The arguments of a call, each read as what it must be. */
type Arguments = {
  collection(): string
  text(name: string): string
  document(name: string): BsonDocument | undefined
  documents(name: string): BsonDocument[] | undefined
  inserted(): BsonDocument[]
  update(): BsonDocument | BsonDocument[] | undefined
  integer(name: string, minimum: number): number | undefined
  flag(name: string): boolean
}

function taken(args: JsonObject, known: readonly string[]): Arguments {
  for (const name of Object.keys(args)) {
    if (name !== 'connection' && !known.includes(name))
      throw new CannotTell(`there is no argument ${name} here`)
  }
  const value = (name: string): JsonValue | undefined => (Object.hasOwn(args, name) ? args[name] : undefined)
  const documents = (name: string): BsonDocument[] | undefined => listOfDocuments(name, value(name))
  const text = (name: string): string => {
    const found = value(name)
    if (typeof found !== 'string' || found === '') throw new CannotTell(`the argument ${name} is not a text`)
    if (found.includes('\0') || !found.isWellFormed())
      throw new CannotTell(`the argument ${name} holds characters that a name cannot have`)
    return found
  }
  return {
    text,
    documents,
    collection: () => checkedCollection(text('collection')),
    document: (name) => oneDocument(name, value(name)),
    inserted: () => required('documents', documents('documents')).map(withoutOperators),
    update: () =>
      Array.isArray(value('update')) ? documents('update') : oneDocument('update', value('update')),
    integer: (name, minimum) => integerFrom(name, value(name), minimum),
    flag: (name) => flagOf(name, value(name)),
  }
}

// The server's own limit for a database and a collection together.
const maxNamespaceBytes = 255

/** A collection that a call may name: not one of the server's own, nor what a reader could take for another. */
function checkedCollection(name: string): string {
  if (name.includes('$')) throw new CannotTell('the name of a collection cannot hold a $')
  if (/^system\./i.test(name)) throw new CannotTell("collections of the server's own are not reached")
  if (name.startsWith('.') || name.endsWith('.'))
    throw new CannotTell('the name of a collection cannot begin or end with a dot')
  if (Buffer.byteLength(name) > maxNamespaceBytes)
    throw new CannotTell('the name of the collection is too long')
  return name
}

function oneDocument(name: string, value: JsonValue | undefined): BsonDocument | undefined {
  if (value === undefined) return undefined
  const read = fromExtendedJson(value)
  if (!isDocument(read)) throw new CannotTell(`the argument ${name} is not a document`)
  return read
}

function listOfDocuments(name: string, value: JsonValue | undefined): BsonDocument[] | undefined {
  if (value === undefined) return undefined
  const read = fromExtendedJson(value)
  if (!Array.isArray(read) || !read.every(isDocument))
    throw new CannotTell(`the argument ${name} is not a list of documents`)
  return read
}

/** A document to be stored: a key with a $ in front would be an operator to some later reader. */
function withoutOperators(document: BsonDocument): BsonDocument {
  const check = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(check)
    if (!isDocument(value)) return
    for (const [key, member] of Object.entries(value)) {
      if (key.startsWith('$')) throw new CannotTell(`a document that is stored cannot have the key ${key}`)
      check(member)
    }
  }
  check(document)
  return document
}

function integerFrom(name: string, value: JsonValue | undefined, minimum: number): number | undefined {
  if (value === undefined) return undefined
  if (!Number.isSafeInteger(value) || (value as number) < minimum)
    throw new CannotTell(`the argument ${name} is not a whole number from ${minimum}`)
  return value as number
}

function flagOf(name: string, value: JsonValue | undefined): boolean {
  if (value !== undefined && typeof value !== 'boolean')
    throw new CannotTell(`the argument ${name} is neither true nor false`)
  return value === true
}
