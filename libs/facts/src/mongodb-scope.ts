// What a walk through a MongoDB command knows at one place: where documents come from, and which of their fields are
// still those of the collection.
import type { Operation, Unknown } from '@mcpshield/policy/facts'
import { CannotTell, type Entry, type Ledger } from './sql/statement.ts'

/** How collections are called as resources. */
export type Names = {
  /** The database that the command runs in, where it is known. */
  database: string | undefined
  /** The connection's own database; names in it go without. */
  home: string | undefined
  /** What another database than the connection's is: named, or out of reach. */
  foreign: 'named' | 'unknown'
}

export type Scope = {
  readonly ledger: Ledger
  readonly names: Names
  /** Null where documents come from no collection. */
  source: Entry | null
  /** Names that no longer mean the source's field, but something computed. */
  computed: Set<string>
  /** True while a name that is not computed means the source's field. */
  own: boolean
  /** True while documents still carry every field of the source. */
  whole: boolean
}

/** A scope in which documents of a collection flow; null: of none. */
export function scopeOf(ledger: Ledger, names: Names, source: Entry | null): Scope {
  return { ledger, names, source, computed: new Set(), own: source !== null, whole: source !== null }
}

/** The same place for a branch of its own. */
export function branch(scope: Scope): Scope {
  return { ...scope, computed: new Set(scope.computed) }
}

/** From here on documents consist of what was computed. */
export function close(scope: Scope, computed: Iterable<string> = []): void {
  scope.own = false
  scope.whole = false
  scope.computed = new Set(computed)
}

const internalDatabases = new Set(['admin', 'config', 'local'])

/** An access to a collection; those of the server itself are for administration, whatever is done to them. */
export function touch(
  ledger: Ledger,
  names: Names,
  operation: Operation,
  collection: unknown,
  database: unknown = names.database,
): Entry {
  const name = collectionName(collection)
  if (database !== undefined && (typeof database !== 'string' || !/^[^\0/\\. "$]{1,64}$/.test(database)))
    throw new CannotTell('the name of the database is not one')
  const other = database !== undefined && database !== names.home
  if (other && names.foreign === 'unknown')
    return ledger.entry(
      operation,
      { unknown: `the database ${database} is not the connection's own` },
      'none',
    )
  const internal = /^system\./.test(name) || internalDatabases.has(database ?? '')
  const resource = other ? `${database}.${name}` : name
  const list = operation === 'read' ? 'reads' : operation === 'admin' ? 'none' : 'writes'
  return ledger.entry(internal ? 'admin' : operation, resource, list)
}

function collectionName(collection: unknown): string {
  if (typeof collection !== 'string' || collection === '')
    throw new CannotTell('the name of the collection is not a text')
  // A $ is only in names that the server makes for itself.
  if (/[\0$]/.test(collection)) throw new CannotTell('the name of the collection is not one')
  return collection
}

/** JavaScript that runs in the server, or what looks into it: an access to administer, on the same resource. */
export function administers(scope: Scope, script?: string): void {
  if (script !== undefined) scope.ledger.call(script)
  const resource: string | null | Unknown = scope.source?.resource ?? null
  scope.ledger.entry('admin', resource, 'none')
}

export function notesAll(scope: Scope): void {
  if (scope.source) scope.source.allFields = true
}

/** The field that a path of the documents at this place names, if it is still one of the source. */
export function notesField(scope: Scope, path: string): void {
  if (!scope.source) return
  const [root] = path.split('.', 1) as [string]
  if (scope.own && !scope.computed.has(root)) addPath(scope.source, path)
}

/** A field by its very name, which may hold what a path cannot. */
export function notesName(scope: Scope, name: string): void {
  if (scope.own && scope.source && !scope.computed.has(name)) scope.source.fields.add(name)
}

// Beyond this a list of fields helps nobody, and all of them are meant.
const maxPathLength = 1_000
const maxPathParts = 100
const maxFields = 1_000

/**
 * A path and all that it lies in: who may not touch `payment` may not touch `payment.card`. Places in a list
 * (`items.0.price`, `items.$[].price`) are no names; the path is noted without them too.
 */
export function addPath(entry: Entry, path: string): void {
  if (entry.allFields || entry.fields.has(path)) return
  const named = path.length > maxPathLength ? [] : path.split('.').filter((part) => !part.startsWith('$'))
  if (path.length > maxPathLength || named.length > maxPathParts || entry.fields.size > maxFields) {
    entry.allFields = true
    return
  }
  for (const parts of [named, named.filter((part) => !/^\d+$/.test(part))]) {
    for (let length = 1; length <= parts.length; length++) entry.fields.add(parts.slice(0, length).join('.'))
  }
}
