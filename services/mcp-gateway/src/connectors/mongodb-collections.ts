// What a MongoDB database has, by name. Asked for by no tool, only to describe a connection.
import type { Db } from 'mongodb'
import type { CollectionName } from './connector.ts'

type Entry = { name?: unknown; type?: unknown }

/** Those that the account may read, where the server can tell. */
export async function listCollections(db: Db, signal: AbortSignal): Promise<CollectionName[]> {
  const asked = async (options: object): Promise<Entry[]> => {
    const reply = await db.command({ listCollections: 1, ...options }, { signal })
    return (reply as { cursor: { firstBatch: Entry[] } }).cursor.firstBatch
  }
  const named = await asked({ nameOnly: true, authorizedCollections: true })
  // Servers that tell no type then, tell it with everything else.
  const isTyped = named.every(({ type }) => type !== undefined)
  const typed = isTyped ? named : await asked({}).catch(() => [])
  const stored = new Set(typed.filter(({ type }) => type !== 'view').map(({ name }) => name))
  return named.flatMap(({ name }) => (typeof name === 'string' ? [{ name, isStored: stored.has(name) }] : []))
}
