// Which field of the collection each field of a result is: its own name, as long as nothing that the command does
// could have put another field's value there.
import type { Sources } from '@mcpshield/redact/redact-value'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Command } from './mongodb-wall.ts'

/** Names of the top level that may hold anything; `all` where every one may. */
type Computed = Set<string> | 'all'

export function sourcesOf(command: Command, collection: string, documents: JsonObject[]): Sources {
  const computed = computedBy(command)
  const names = new Set(documents.flatMap((document) => Object.keys(document)))
  return Object.fromEntries(
    [...names].map((name) => [
      name,
      computed === 'all' || computed.has(name) ? 'unknown' : [[collection, name]],
    ]),
  )
}

function computedBy(command: Command): Computed {
  if ('find' in command) return computedIn(command.projection, KEEPS_IN_FIND)
  const computed = new Set<string>()
  for (const stage of command.pipeline as Command[]) {
    const added = computedByStage(stage)
    if (added === 'all') return 'all'
    for (const name of added) computed.add(name)
  }
  return computed
}

const KEEPS_NAMES = new Set(['$match', '$sort', '$limit', '$skip', '$unset', '$sample'])
const KEEPS_IN_FIND = new Set(['$slice', '$elemMatch'])

function computedByStage(stage: Command): Computed {
  const [name = ''] = Object.keys(stage)
  if (KEEPS_NAMES.has(name)) return new Set()
  if (name === '$project') return computedIn(stage[name], new Set())
  if (name === '$set' || name === '$addFields') return new Set(Object.keys(stage[name] as object).map(topOf))
  return 'all'
}

/** The names that a projection computes; `keeps` are operators that only choose within a field. */
function computedIn(projection: unknown, keeps: Set<string>): Set<string> {
  if (typeof projection !== 'object' || projection === null) return new Set()
  const computed = Object.entries(projection).filter(([, rule]) => !isChoice(rule, keeps))
  return new Set(computed.map(([name]) => topOf(name)))
}

/** Whether a rule of a projection says which fields are shown, and nothing of what they hold. */
function isChoice(rule: unknown, keeps: Set<string>): boolean {
  if (typeof rule === 'number' || typeof rule === 'boolean') return true
  if (typeof rule !== 'object' || rule === null || Array.isArray(rule)) return false
  if ('_bsontype' in rule) return /^(Int32|Double|Long)$/.test(String(rule._bsontype))
  const entries = Object.entries(rule)
  return (
    entries.length > 0 &&
    entries.every(([key, each]) => (key.startsWith('$') ? keeps.has(key) : isChoice(each, keeps)))
  )
}

function topOf(name: string): string {
  return name.split('.')[0] ?? name
}
