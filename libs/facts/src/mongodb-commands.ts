// The commands of MongoDB that are understood, with every field that they may carry.
import { isDocument, type BsonDocument } from './mongodb-values.ts'
import { readExpression } from './mongodb-expressions.ts'
import { readFilter } from './mongodb-filters.ts'
import { readProjection } from './mongodb-projections.ts'
import { administers, notesAll, notesField, scopeOf, touch, type Names, type Scope } from './mongodb-scope.ts'
import { readPipeline } from './mongodb-stages.ts'
import { readStored, readUpdate } from './mongodb-updates.ts'
import { CannotTell, type Entry, type Ledger } from './sql/statement.ts'

/** One command, and where what it does is noted. */
export type Reading = { command: BsonDocument; name: string; ledger: Ledger; names: Names }

type Command = { fields: string; read(reading: Reading): void }

// Fields of every command: about the session and the wait, not about what is done. A transaction is none of them.
const everywhere =
  '$db $readPreference $clusterTime lsid txnNumber comment maxTimeMS readConcern writeConcern apiVersion apiStrict ' +
  'apiDeprecationErrors'

const written = 'ordered let bypassDocumentValidation'

/** The commands on the documents of a collection. */
export const DATA_COMMANDS: Record<string, Command> = {
  find: {
    fields:
      'filter projection sort hint skip limit batchSize singleBatch max min returnKey showRecordId collation let ' +
      'allowDiskUse allowPartialResults oplogReplay noCursorTimeout tailable awaitData',
    read: find,
  },
  aggregate: {
    fields: 'pipeline cursor explain allowDiskUse bypassDocumentValidation collation hint let',
    read: aggregate,
  },
  count: { fields: 'query limit skip hint collation fields', read: count },
  distinct: { fields: 'key query hint collation', read: distinct },
  insert: { fields: `documents ${written}`, read: insert },
  update: { fields: `updates ${written}`, read: update },
  delete: { fields: `deletes ${written}`, read: remove },
  findAndModify: {
    fields: `query sort remove update new fields upsert collation arrayFilters hint ${written}`,
    read: findAndModify,
  },
  bulkWrite: { fields: `ops nsInfo errorsOnly cursor ${written}`, read: bulkWrite },
  mapReduce: {
    fields:
      'map reduce finalize out query sort limit scope jsMode verbose bypassDocumentValidation collation nonAtomic',
    read: mapReduce,
  },
}
DATA_COMMANDS['findandmodify'] = DATA_COMMANDS['findAndModify'] as Command
DATA_COMMANDS['mapreduce'] = DATA_COMMANDS['mapReduce'] as Command

/** Reads one of the commands above. Throws CannotTell for a field that is not known. */
export function readCommand(reading: Reading, command: Command): void {
  checkFields(reading, command.fields)
  command.read(reading)
}

/** Refuses a field of a command that is not known: it may change what the command does. */
export function checkFields({ command, name }: Pick<Reading, 'command' | 'name'>, fields: string): void {
  const known = new Set(`${fields} ${everywhere}`.split(' '))
  for (const key of Object.keys(command).slice(1))
    if (!known.has(key)) throw new CannotTell(`${name} with ${key} is not known`)
}

/** The collection that a command names under its own name, as what is done to it. */
export function collectionOf(reading: Reading, operation: 'read' | 'write' | 'schema' | 'admin'): Entry {
  return touch(reading.ledger, reading.names, operation, reading.command[reading.name])
}

function scopeOn({ ledger, names }: Reading, entry: Entry | null): Scope {
  return scopeOf(ledger, names, entry)
}

/** What filters a command, under whichever of its fields. */
function filtered(scope: Scope, filter: unknown): void {
  if (filter !== undefined) readFilter(scope, filter)
}

/** Names of fields that are only the keys of a document: sort orders, bounds of an index. */
function keyed(scope: Scope, ...documents: unknown[]): void {
  for (const document of documents) {
    if (document === undefined || typeof document === 'string') continue
    if (!isDocument(document)) throw new CannotTell('a document of fields is not one')
    for (const path of Object.keys(document)) if (!path.startsWith('$')) notesField(scope, path)
  }
}

function find(reading: Reading): void {
  const { command } = reading
  const scope = scopeOn(reading, collectionOf(reading, 'read'))
  filtered(scope, command['filter'])
  keyed(scope, command['sort'], command['hint'], command['min'], command['max'])
  readExpression(scope, command['let'])
  projected(scope, command['projection'])
  if (command['returnKey']) notesAll(scope)
  // A cursor that waits, or that nobody ends.
  if (command['tailable'] || command['awaitData'] || command['noCursorTimeout']) administers(scope)
}

function projected(scope: Scope, projection: unknown): void {
  if (projection === undefined) return notesAll(scope)
  if (!isDocument(projection)) throw new CannotTell('a projection is not a document')
  if (readProjection(scope, projection, 'find').excludes) notesAll(scope)
}

function aggregate(reading: Reading): void {
  const { command, ledger, names } = reading
  const source = isOne(command['aggregate']) ? null : collectionOf(reading, 'read')
  const scope = scopeOf(ledger, names, source)
  keyed(scope, command['hint'])
  readExpression(scope, command['let'])
  readPipeline(scope, command['pipeline'])
  if (source === null && ledger.entries().length === 0) ledger.entry('read', null)
}

/** The number one, of whichever type: the database itself instead of a collection. */
export function isOne(value: unknown): boolean {
  return (typeof value === 'number' || (typeof value === 'object' && value !== null)) && Number(value) === 1
}

function count(reading: Reading): void {
  const scope = scopeOn(reading, collectionOf(reading, 'read'))
  filtered(scope, reading.command['query'])
  keyed(scope, reading.command['hint'])
}

function distinct(reading: Reading): void {
  const { command } = reading
  const scope = scopeOn(reading, collectionOf(reading, 'read'))
  if (typeof command['key'] !== 'string') throw new CannotTell('the field of distinct is not a text')
  notesField(scope, command['key'])
  filtered(scope, command['query'])
  keyed(scope, command['hint'])
}

function insert(reading: Reading): void {
  const target = collectionOf(reading, 'write')
  for (const document of listOf(reading.command['documents'], 'documents')) readStored(target, document)
}

function listOf(value: unknown, name: string): BsonDocument[] {
  if (!Array.isArray(value) || !value.every(isDocument))
    throw new CannotTell(`${name} is not a list of documents`)
  return value
}

function onlyKnown(document: BsonDocument, keys: string): BsonDocument {
  const known = keys.split(' ')
  for (const key of Object.keys(document))
    if (!known.includes(key)) throw new CannotTell(`${key} is not known here`)
  return document
}

function update(reading: Reading): void {
  const scope = scopeOn(reading, collectionOf(reading, 'write'))
  readExpression(scope, reading.command['let'])
  for (const each of listOf(reading.command['updates'], 'updates')) {
    onlyKnown(each, 'q u c upsert multi collation arrayFilters hint sort')
    changed(scope, each['q'], each['u'], each)
  }
}

/** Documents that a filter finds, changed by an update. */
function changed(scope: Scope, filter: unknown, change: unknown, options: BsonDocument): void {
  if (filter === undefined) throw new CannotTell('an update has no filter')
  readFilter(scope, filter)
  readUpdate({ ...scope, computed: new Set() }, change)
  readExpression(scope, options['c'] ?? options['constants'])
  keyed(scope, options['hint'], options['sort'])
  if (options['arrayFilters'] === undefined) return
  // Their names are those of places in lists, not of fields.
  const places = scopeOn({ ...scope, command: {}, name: '' }, scope.source)
  places.own = false
  for (const each of listOf(options['arrayFilters'], 'arrayFilters')) readFilter(places, each)
}

function remove(reading: Reading): void {
  const scope = scopeOn(reading, collectionOf(reading, 'write'))
  readExpression(scope, reading.command['let'])
  for (const each of listOf(reading.command['deletes'], 'deletes')) {
    onlyKnown(each, 'q limit collation hint')
    if (each['q'] === undefined) throw new CannotTell('a delete has no filter')
    readFilter(scope, each['q'])
    keyed(scope, each['hint'])
  }
}

function findAndModify(reading: Reading): void {
  const { command } = reading
  const read = scopeOn(reading, collectionOf(reading, 'read'))
  const write = scopeOn(reading, collectionOf(reading, 'write'))
  filtered(read, command['query'])
  keyed(read, command['sort'], command['hint'])
  projected(read, command['fields'])
  if (command['remove']) return
  changed(write, command['query'] ?? {}, command['update'], {
    arrayFilters: command['arrayFilters'],
    c: command['let'],
  })
}

function bulkWrite(reading: Reading): void {
  const { command, ledger, names } = reading
  const namespaces = listOf(command['nsInfo'], 'nsInfo').map(({ ns }) => ns)
  for (const each of listOf(command['ops'], 'ops')) {
    const [kind = ''] = Object.keys(each)
    const target = scopeOf(ledger, names, namespaceEntry(reading, 'write', namespaces[Number(each[kind])]))
    if (kind === 'insert') {
      onlyKnown(each, 'insert document')
      if (target.source) readStored(target.source, documentOf(each['document']))
    } else if (kind === 'update') {
      onlyKnown(each, 'update filter updateMods multi upsert arrayFilters hint collation constants sort')
      changed(target, each['filter'], each['updateMods'], each)
    } else if (kind === 'delete') {
      onlyKnown(each, 'delete filter multi hint collation')
      readFilter(target, each['filter'])
    } else throw new CannotTell(`the operation ${kind} is not known in bulkWrite`)
  }
}

function documentOf(value: unknown): BsonDocument {
  if (!isDocument(value)) throw new CannotTell('a document is not one')
  return value
}

/** An access to what `database.collection` names. */
export function namespaceEntry(
  { ledger, names }: Reading,
  operation: 'read' | 'write' | 'schema' | 'admin',
  namespace: unknown,
): Entry {
  if (typeof namespace !== 'string') throw new CannotTell('a namespace is not a text')
  const dot = namespace.indexOf('.')
  if (dot < 1) throw new CannotTell('a namespace is not one of a database and a collection')
  return touch(ledger, names, operation, namespace.slice(dot + 1), namespace.slice(0, dot))
}

/** JavaScript, with a collection to read and another to write. */
function mapReduce(reading: Reading): void {
  const { command, ledger, names } = reading
  const scope = scopeOn(reading, collectionOf(reading, 'read'))
  filtered(scope, command['query'])
  notesAll(scope)
  administers(scope, 'mapReduce')
  const out = command['out']
  if (out === undefined || (isDocument(out) && Object.hasOwn(out, 'inline'))) return
  if (!isDocument(out)) {
    touch(ledger, names, 'write', out).allFields = true
    return
  }
  const target = out['replace'] ?? out['merge'] ?? out['reduce']
  touch(ledger, names, 'write', target, out['db'] ?? names.database).allFields = true
}
