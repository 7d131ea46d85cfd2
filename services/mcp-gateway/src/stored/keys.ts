// Patterns of a Redis database's keys, from a bounded look at their names. No value is asked for.
import type { JsonValue } from '@mcpshield/policy/facts'
import type { Connectors } from '../connectors/connectors.ts'
import { keyPatterns } from './key-patterns.ts'
import { accessesOf, leftMs, MAX_RESOURCES, readingGrant, type Stored, type Within } from './reading.ts'

const MAX_KEYS = 3_000
/** Names that the server looks at for one answer: a millisecond or so of its time. */
const LOOKED_AT = 1_000
/** A server whose keys are nearly all expired may answer nothing many times over. */
const MAX_ROUNDS = 30
const ENOUGH_MS = 500

export async function storedKeys(connectors: Connectors, connection: string, time: Within): Promise<Stored> {
  const connector = connectors.choose('redis.command', { connection })
  // A scan may tell a key more than once.
  const keys = new Set<string>()
  let cursor = '0'
  let isWhole = false
  for (let round = 0; round < MAX_ROUNDS && keys.size < MAX_KEYS; round++) {
    const command = ['SCAN', cursor, 'COUNT', String(LOOKED_AT)]
    const grant = readingGrant(
      { accesses: accessesOf('redis.command', { command }, { name: connection, kind: 'redis' }) },
      time,
      MAX_KEYS,
    )
    const { data } = await connector.run('redis.command', { command }, grant)
    const [next, names] = data['values'] as [string | number, JsonValue[]]
    for (const each of names) if (typeof each === 'string') keys.add(each)
    cursor = String(next)
    isWhole = cursor === '0'
    if (isWhole || leftMs(time) < ENOUGH_MS) break
  }
  const all = keyPatterns([...keys].slice(0, MAX_KEYS))
  // That there are keys like no others is nothing that a rule could name.
  const patterns = all.filter((each) => each !== '*')
  return {
    resources: patterns.slice(0, MAX_RESOURCES).map((name) => ({ name, fields: [] })),
    truncated:
      !isWhole || patterns.length < all.length || keys.size > MAX_KEYS || patterns.length > MAX_RESOURCES,
  }
}
