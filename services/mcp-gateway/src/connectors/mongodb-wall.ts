// What the second wall lets through to a MongoDB server: a small walk over the command itself, which knows nothing
// of how it was judged and takes every key that could be a stage for one.
import { isUnknown } from '@mcpshield/policy/facts'
import type { MongodbVerb } from '@mcpshield/facts/mongodb-command'
import type { Grant } from './connector.ts'

export type Command = Record<string, unknown>

const READING = new Set<MongodbVerb>(['find', 'aggregate', 'count', 'distinct'])
const SCRIPTS = new Set(['$where', '$function', '$accumulator'])
/** Where a stage that reaches another collection names it. */
const OTHERS: Record<string, (content: unknown) => unknown> = {
  $lookup: member('from'),
  $graphLookup: member('from'),
  $unionWith: (content) => (typeof content === 'string' ? content : member('coll')(content)),
  $out: (content) => content ?? null,
  $merge: (content) => (typeof content === 'string' ? content : (member('into')(content) ?? null)),
}
const WRITING = new Set(['$out', '$merge'])

/** Why a command is not run; undefined where it may be. */
export function whyRefused(
  verb: MongodbVerb,
  command: Command,
  database: string,
  grant: Grant,
): string | undefined {
  const [name] = Object.keys(command)
  const collection = command[verb]
  if (name !== verb || typeof collection !== 'string') return 'it is not the command that its tool stands for'
  if (Object.keys(command).some((key) => key.startsWith('$'))) return 'it names another place than its own'
  if (grant.readOnly && !READING.has(verb)) return 'it was decided as reading'
  const decided = namesOf(grant, () => true)
  const decidedToChange = namesOf(grant, (operation) => operation !== 'read')
  if (!(READING.has(verb) ? decided : decidedToChange).has(collection)) return `it reaches ${collection}`
  const isAdmin = grant.accesses.some((access) => access.operation === 'admin')
  for (const { key, content } of operatorsOf(command)) {
    if (SCRIPTS.has(key) && !isAdmin) return `${key} would run a script`
    const other = Object.hasOwn(OTHERS, key) ? OTHERS[key]?.(content) : undefined
    if (WRITING.has(key) && grant.readOnly) return `${key} would write`
    // Some stages can do without another collection: over documents of their own.
    if (other === undefined || (other === null && !WRITING.has(key))) continue
    const reached = nameOf(other, database)
    if (reached === undefined || !(WRITING.has(key) ? decidedToChange : decided).has(reached))
      return `${key} reaches another collection`
  }
  return undefined
}

function member(name: string): (content: unknown) => unknown {
  return (content) =>
    typeof content === 'object' && content !== null ? (content as Record<string, unknown>)[name] : undefined
}

/** A collection as it is named in what was decided; of another database with that before it. */
function nameOf(other: unknown, database: string): string | undefined {
  if (typeof other === 'string') return other
  const [db, coll] = [member('db')(other), member('coll')(other)]
  if (typeof coll !== 'string') return undefined
  return typeof db === 'string' && db !== database ? `${db}.${coll}` : coll
}

function namesOf(grant: Grant, which: (operation: unknown) => boolean): Set<string> {
  const resources = grant.accesses
    .filter(({ operation }) => which(operation))
    .map(({ resource }) => resource)
    .filter((resource): resource is string => resource !== null && !isUnknown(resource))
  return new Set(resources)
}

/** Neither a list nor a single value of BSON, which has the mark of its type in its class, not in itself. */
export function isDocument(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Date)
    return false
  return !('_bsontype' in value) || Object.hasOwn(value, '_bsontype')
}

/** Every member whose name begins with $, at any depth, but for what `$literal` says is data. */
function* operatorsOf(value: unknown): Generator<{ key: string; content: unknown }> {
  if (Array.isArray(value)) {
    for (const each of value) yield* operatorsOf(each)
    return
  }
  if (!isDocument(value)) return
  for (const [key, content] of Object.entries(value)) {
    if (key === '$literal') continue
    if (key.startsWith('$')) yield { key, content }
    yield* operatorsOf(content)
  }
}
