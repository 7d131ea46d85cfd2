// What the live server says of a command: whether it only reads, what kind it is of, which keys it names. The
// second wall asks the server itself and does not look at how the call was judged.
import type { Redis } from 'ioredis'
import { AppError } from '@mcpshield/contracts/errors'
import { send, type Reply } from './redis-connection.ts'

export type LiveCommand = {
  /** `get`, `config|set`. */
  name: string
  flags: Set<string>
  /** ACL categories without their @. */
  categories: Set<string>
  hasKeys: boolean
}

export type LiveKey = { key: string; flags: string[] }

/** Kept for as long as a connection lives; a server has a few hundred commands. */
const known = new WeakMap<Redis, Map<string, LiveCommand>>()

/** What the server knows of a command; undefined when it does not know it. */
export async function liveCommand(redis: Redis, argv: readonly string[]): Promise<LiveCommand | undefined> {
  const [name = '', sub = ''] = argv
  const cache = known.get(redis) ?? new Map<string, LiveCommand>()
  known.set(redis, cache)
  const cached = cache.get(nameOf(name, sub)) ?? cache.get(nameOf(name))
  if (cached !== undefined) return cached
  const [reply] = (await ask(redis, ['COMMAND', 'INFO', name])) as Reply[]
  if (!Array.isArray(reply)) return undefined
  const container = read(reply)
  const subs = reply[9]
  const [found] = Array.isArray(subs)
    ? subs.filter((each) => read(each as Reply[]).name === nameOf(name, sub))
    : []
  const command = found === undefined ? container : read(found as Reply[])
  // A container's own flags say nothing of what is in it.
  if (found === undefined && (isContainer(subs) || OLD_CONTAINERS.has(container.name))) return undefined
  cache.set(command.name, command)
  return command
}

/** Of servers before 7, which tell nothing of sub-commands: those whose flags are milder than their worst. */
const OLD_CONTAINERS = new Set([
  'memory',
  'function',
  'script',
  'client',
  'config',
  'acl',
  'module',
  'cluster',
])

const isContainer = (subs: Reply | undefined) => Array.isArray(subs) && subs.length > 0
const nameOf = (...parts: string[]) => parts.join('|').toLowerCase()

function read(info: Reply[]): LiveCommand {
  const texts = (reply: Reply | undefined) => (Array.isArray(reply) ? reply.map(text) : [])
  const flags = new Set(texts(info[2]))
  const specs = info[8]
  return {
    name: text(info[0] ?? null).toLowerCase(),
    flags,
    categories: new Set(texts(info[6]).map((each) => each.replace(/^@/, ''))),
    hasKeys: Number(info[3]) !== 0 || flags.has('movablekeys') || (Array.isArray(specs) && specs.length > 0),
  }
}

/**
 * The keys that the server finds in a command, and what it does with each, as far as its version tells. Throws
 * what the server says of a command that it cannot read.
 */
export async function liveKeys(redis: Redis, argv: readonly string[]): Promise<LiveKey[]> {
  const flagged = await ask(redis, ['COMMAND', 'GETKEYSANDFLAGS', ...argv]).catch(keysError)
  if (flagged === 'no keys') return []
  if (flagged !== 'not known') {
    return (flagged as [Reply, Reply[]][]).map(([key, flags]) => ({ key: text(key), flags: flags.map(text) }))
  }
  const keys = await ask(redis, ['COMMAND', 'GETKEYS', ...argv]).catch(keysError)
  if (!Array.isArray(keys)) return []
  return keys.map((key) => ({ key: text(key), flags: [] }))
}

function keysError(error: Error): 'no keys' | 'not known' {
  if (/no key arguments/i.test(error.message)) return 'no keys'
  if (/unknown (subcommand|command)|GETKEYSANDFLAGS/i.test(error.message)) return 'not known'
  throw error
}

async function ask(redis: Redis, argv: string[]): Promise<Reply> {
  return send(redis, argv).catch((error: Error) => {
    if (!error.message.startsWith('NOPERM')) throw error
    throw new AppError(
      'UNAVAILABLE',
      'The account of this connection may not use COMMAND, by which commands are checked; allow it +command.',
    )
  })
}

/** Bytes that are no text stay apart from every text. */
export function text(reply: Reply): string {
  return Buffer.isBuffer(reply) ? reply.toString('utf8') : String(reply)
}
