// redis-mcp-server, Redis's own: the command that each of its tools runs.
import type { JsonObject, JsonValue, Unknown } from '@mcpshield/policy/facts'
import type { CatalogueEntry, Tools } from './entry.ts'

/** A word of a command: itself in capitals, or the argument of that name. */
const word = (args: JsonObject, name: string): JsonValue | undefined =>
  /^[a-z]/.test(name) ? (Object.hasOwn(args, name) ? args[name] : undefined) : name

/** `command('HGET name key')`: words in capitals and numbers are themselves, the others are arguments. */
function command(pattern: string): CatalogueEntry {
  const [name = '', key, ...values] = pattern.split(' ')
  return {
    command: {
      dialect: 'redis',
      of: (args): string[] | Unknown => {
        const keyed = key === undefined ? [] : [word(args, key)]
        if (!keyed.every((each) => typeof each === 'string'))
          return { unknown: `the argument ${key} is not a text` }
        // What values are does not matter: only how many there are, and the names of fields.
        return [name, ...keyed, ...values.map((each) => textOf(word(args, each)))]
      },
    },
  }
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null)
}

/** A field of a hash whose name may be left out. */
function vectorField(name: string, ...values: string[]): CatalogueEntry {
  const of = (args: JsonObject): unknown => {
    const key = word(args, 'name')
    if (typeof key !== 'string') return { unknown: 'the argument name is not a text' }
    return [name, key, textOf(word(args, 'vector_field') ?? 'vector'), ...values]
  }
  return { command: { dialect: 'redis', of } }
}

const modules: CatalogueEntry = { unknownAccesses: 'commands of modules are not known' }

/** As https://github.com/redis/mcp-redis describes them. */
export const redisServer: Tools = {
  get: command('GET key'),
  set: command('SET key value'),
  delete: command('DEL key'),
  type: command('TYPE key'),
  expire: command('EXPIRE name expire_seconds'),
  rename: {
    command: {
      dialect: 'redis',
      of: ({ old_key: from, new_key: to }) =>
        typeof from === 'string' && typeof to === 'string'
          ? ['RENAME', from, to]
          : { unknown: 'the names to rename are not texts' },
    },
  },
  hget: command('HGET name key'),
  hset: command('HSET name key value'),
  hdel: command('HDEL name key'),
  hexists: command('HEXISTS name key'),
  hgetall: command('HGETALL name'),
  set_vector_in_hash: vectorField('HSET', 'vector'),
  get_vector_from_hash: vectorField('HGET'),
  lpush: command('LPUSH name value'),
  rpush: command('RPUSH name value'),
  lpop: command('LPOP name'),
  rpop: command('RPOP name'),
  lrange: command('LRANGE name start stop'),
  llen: command('LLEN name'),
  lrem: command('LREM name count element'),
  sadd: command('SADD name value'),
  srem: command('SREM name value'),
  smembers: command('SMEMBERS name'),
  zadd: command('ZADD key score member'),
  zrange: command('ZRANGE key start end'),
  zrem: command('ZREM key member'),
  xadd: command('XADD key * 0 0'),
  xrange: command('XRANGE key - +'),
  xdel: command('XDEL key entry_id'),
  scan_keys: command('SCAN 0'),
  scan_all_keys: command('SCAN 0'),
  dbsize: command('DBSIZE'),
  info: command('INFO'),
  client_list: command('CLIENT LIST'),
  publish: command('PUBLISH channel message'),
  subscribe: command('SUBSCRIBE channel'),
  unsubscribe: command('UNSUBSCRIBE channel'),
  json_get: modules,
  json_set: modules,
  json_del: modules,
  get_indexes: modules,
  get_index_info: modules,
  get_indexed_keys_number: modules,
  create_vector_index_hash: modules,
  vector_search_hash: modules,
}
