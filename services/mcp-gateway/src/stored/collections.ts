// Collections of a MongoDB database, and the names of the outermost fields of a few of their documents. What a field has in it
// goes no further than this file; nor do names that are made of data.
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Connectors } from '../connectors/connectors.ts'
import type { Connector } from '../connectors/connector.ts'
import { isWord } from './key-patterns.ts'
import { fits, leftMs, MAX_FIELDS, MAX_RESOURCES, readingGrant, readOf } from './reading.ts'
import type { Stored, Within } from './reading.ts'

/** Whose documents are looked at; of the others only the name is told. */
const MAX_SAMPLED = 40
const SAMPLED_AT_ONCE = 4
const DOCUMENTS = 5
/** What is left of the time when no further collection is looked at. */
const ENOUGH_MS = 500

export async function storedCollections(
  connectors: Connectors,
  connection: string,
  time: Within,
): Promise<Stored> {
  const connector = connectors.choose('mongodb.find', { connection })
  const all = (await connector.collections?.(readingGrant({}, time, MAX_RESOURCES))) ?? []
  const named = all
    .filter(({ name }) => fits(name) && !name.startsWith('system.'))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const resources = named.slice(0, MAX_RESOURCES).map(({ name }) => ({ name, fields: [] as string[] }))
  const stored = new Set(named.filter(({ isStored }) => isStored).map(({ name }) => name))
  const queue = resources.filter(({ name }) => stored.has(name)).slice(0, MAX_SAMPLED)
  let truncated = named.length > resources.length || stored.size > queue.length
  const sampler = async () => {
    for (let each = queue.shift(); each !== undefined; each = queue.shift()) {
      // Names without fields are worth more than no answer.
      const fields =
        leftMs(time) < ENOUGH_MS ? undefined : await fieldsOf(connector, connection, each.name, time)
      if (fields === undefined) truncated = true
      else each.fields.push(...fields)
    }
  }
  await Promise.all(Array.from({ length: SAMPLED_AT_ONCE }, sampler))
  return { resources, truncated }
}

/** Undefined where the documents may not or cannot be looked at. */
async function fieldsOf(
  connector: Connector,
  connection: string,
  collection: string,
  time: Within,
): Promise<string[] | undefined> {
  const grant = readingGrant({ accesses: [readOf(connection, collection)] }, time, DOCUMENTS)
  try {
    const { data } = await connector.run('mongodb.find', { collection, limit: DOCUMENTS }, grant)
    const names = (data['documents'] as JsonObject[]).flatMap((document) => Object.keys(document))
    return [...new Set(names.filter((each) => fits(each) && isFieldName(each)))].slice(0, MAX_FIELDS)
  } catch {
    return undefined
  }
}

/** A document may be keyed by what it holds, an address or an id: that is no name of a field. */
function isFieldName(name: string): boolean {
  return name.split(/[_.-]/).every((part) => part === '' || isWord(part) || /^\d{1,2}$/.test(part))
}
