// Facts are a pure function of the call and the project's snapshot: parsing SQL again costs a thousand
// times what a look-up does. Bounded by bytes; entries die with the snapshot whose id is in their key.
import { LRUCache } from 'lru-cache'
import { isUnknown, type Facts, type JsonObject } from '@mcpshield/policy/facts'

export type FactsCache = { get(prefix: string, args: JsonObject, draw: () => Facts): Facts }

const MAX_KEY_UNITS = 4_096

export function factsCache(maxBytes = 32 * 1024 * 1024): FactsCache {
  const cache = new LRUCache<string, Facts>({
    maxSize: maxBytes,
    sizeCalculation: (_facts, key) => 1_024 + 4 * key.length,
  })
  return {
    get(prefix, args, draw) {
      const key = prefix + JSON.stringify(args)
      if (key.length > MAX_KEY_UNITS) return draw()
      const known = cache.get(key)
      // The arguments are the call's own, unless they could not be read; the rest is shared and never changed.
      if (known !== undefined) return isUnknown(known.arguments) ? known : { ...known, arguments: args }
      const facts = draw()
      cache.set(key, facts)
      return facts
    },
  }
}
