// What the second wall lets through to a Redis server, judged by what the live server says of the command.
import { isUnknown, type Access } from '@mcpshield/policy/facts'
import type { Grant } from './connector.ts'
import type { LiveCommand, LiveKey } from './redis-live-command.ts'

/** Commands that would change the connection itself, or turn it into a stream: never, whatever was decided. */
const NEVER = new Set([
  ...['multi', 'exec', 'discard', 'watch', 'unwatch', 'monitor', 'sync', 'psync', 'replconf'],
  ...['subscribe', 'psubscribe', 'ssubscribe', 'unsubscribe', 'punsubscribe', 'sunsubscribe'],
  ...['auth', 'hello', 'select', 'reset', 'quit', 'asking', 'readonly', 'readwrite', 'script|debug'],
  ...['client|reply', 'client|tracking', 'client|caching', 'client|setname', 'client|setinfo'],
  ...['client|no-evict', 'client|no-touch'],
])

/** What the server does not call reading, though it touches nothing. */
const HARMLESS = new Set([
  ...['ping', 'echo', 'time', 'lastsave', 'info', 'role', 'command', 'acl|whoami', 'acl|cat', 'acl|help'],
  ...['command|count', 'command|docs', 'command|info', 'command|list', 'command|getkeys', 'command|help'],
  ...['command|getkeysandflags', 'client|id', 'client|getname', 'client|info', 'client|help', 'latency|help'],
  ...['pubsub|channels', 'pubsub|numpat', 'pubsub|numsub', 'pubsub|shardchannels', 'pubsub|shardnumsub'],
  ...['memory|doctor', 'memory|stats', 'memory|help', 'object|help', 'xinfo|help', 'slowlog|len', 'dbsize'],
  ...['module|list', 'function|list', 'function|stats', 'script|exists', 'cluster|keyslot', 'lolwut'],
])

const POWERFUL_FLAGS = ['admin', 'noscript', 'blocking', 'pubsub']
const POWERFUL_CATEGORIES = [
  'admin',
  'dangerous',
  'blocking',
  'pubsub',
  'connection',
  'scripting',
  'transaction',
]

/** Why a command is not run; undefined where it may be. */
export function whyRefused(command: LiveCommand, argv: readonly string[], grant: Grant): string | undefined {
  const { name, flags } = command
  if (NEVER.has(name)) return 'it would change the connection that others use after it'
  if (HARMLESS.has(name)) return undefined
  if (readsByPattern(name, argv)) return 'BY and GET patterns read keys that it does not name'
  const isOrdinary = isOrdinaryCommand(command, argv)
  if (grant.readOnly) return flags.has('readonly') && isOrdinary ? undefined : NOT_READING
  const isAdmin = grant.accesses.some((access) => access.operation === 'admin')
  return isAdmin || isOrdinary ? undefined : NOT_ADMINISTRATION
}

const NOT_READING = 'it was decided as reading, and the server does not say that it only reads'
const NOT_ADMINISTRATION = 'to the server it is a command of administration, and it was not decided as one'

/** Whether a command only works on keys: no script, no channel, no waiting, no matter of the server's. */
function isOrdinaryCommand(command: LiveCommand, argv: readonly string[]): boolean {
  const { name, flags, categories } = command
  const tolerated = new Set<string>()
  if (!isBlocking(command, argv)) tolerated.add('blocking')
  // The server means long by this where a command reads or sorts.
  if (flags.has('readonly') || name === 'sort') tolerated.add('dangerous')
  return (
    POWERFUL_FLAGS.every((each) => !flags.has(each) || tolerated.has(each)) &&
    POWERFUL_CATEGORIES.every((each) => !categories.has(each) || tolerated.has(each))
  )
}

/** XREAD and XREADGROUP only wait when told to. */
function isBlocking({ name, flags, categories }: LiveCommand, argv: readonly string[]): boolean {
  if (name === 'xread' || name === 'xreadgroup') {
    const streams = argv.findIndex((each) => /^streams$/i.test(each))
    return streams < 0 || argv.slice(0, streams).some((each) => /^block$/i.test(each))
  }
  return flags.has('blocking') || categories.has('blocking')
}

/** The server does not count such keys among a command's keys. */
function readsByPattern(name: string, argv: readonly string[]): boolean {
  if (name !== 'sort' && name !== 'sort_ro') return false
  return argv.some(
    (each, index) => /^(by|get)$/i.test(argv[index - 1] ?? '') && index > 2 && each.includes('*'),
  )
}

/** Why keys that the server finds in a command are not those that were decided; undefined where they are. */
export function whyOtherKeys(command: LiveCommand, keys: LiveKey[], grant: Grant): string | undefined {
  const decided = namesOf(grant.accesses)
  const decidedToChange = namesOf(grant.accesses.filter((access) => access.operation !== 'read'))
  for (const { key, flags } of keys) {
    if (!decided.has(key)) return 'the server finds a key in it that was not part of what was decided'
    const changes = ['RW', 'OW', 'RM'].some((flag) => flags.includes(flag))
    // PFCOUNT only reads, and yet may renew what is cached in its key.
    if (changes && !command.flags.has('readonly') && !decidedToChange.has(key))
      return 'it would change a key that was decided for reading'
  }
  return undefined
}

function namesOf(accesses: Access[]): Set<string> {
  return new Set(
    accesses
      .map((access) => access.resource)
      .filter((resource): resource is string => resource !== null && !isUnknown(resource)),
  )
}
