import type { Unknown } from '@mcpshield/policy/facts'
import { fieldsOf } from './redis-fields.ts'
import {
  commandOf,
  keysOf,
  sortOptions,
  streamOptions,
  type KeyUse,
  type NamedCommand,
} from './redis-keys.ts'
import {
  CannotTell,
  createLedger,
  factsOf,
  type Entry,
  type Ledger,
  type StatementFacts,
} from './sql/statement.ts'

const maxArguments = 100_000

/**
 * What a Redis command does, or several one after the other. Commands that the table of the server's own commands does
 * not have are unknown. Never throws.
 */
export function redisFacts(command: unknown): StatementFacts | Unknown {
  try {
    const read = commandsOf(command).map(readCommand)
    const facts = factsOf(read.map(({ ledger }) => ledger))
    const reads = [...new Set([...facts.reads, ...read.flatMap(({ patterns }) => patterns)])]
    // A key that cannot be named is still only read.
    return { ...facts, reads, read_only: read.every(({ harmless }) => harmless) }
  } catch (error) {
    if (error instanceof CannotTell) return { unknown: error.message }
    return { unknown: 'the command cannot be read' }
  }
}

/** One argv, or a list of them. */
function commandsOf(command: unknown): string[][] {
  if (!Array.isArray(command) || command.length === 0)
    throw new CannotTell('the command is not a list of texts')
  const list = (Array.isArray(command[0]) ? command : [command]) as unknown[]
  let count = 0
  for (const argv of list) {
    if (!Array.isArray(argv) || argv.length === 0 || !argv.every((word) => typeof word === 'string'))
      throw new CannotTell('the command is not a list of texts')
    count += argv.length
    // Other bytes would be sent in the place of these.
    if (!argv.every((word) => word.isWellFormed()))
      throw new CannotTell('an argument is not well-formed Unicode')
  }
  if (count > maxArguments) throw new CannotTell('the command has too many arguments')
  return list as string[][]
}

/** What one command does; `patterns` are the keys of others that it looks up, `harmless` whether it changes nothing. */
type Read = { ledger: Ledger; patterns: string[]; harmless: boolean }

function readCommand(argv: string[]): Read {
  const found = commandOf(argv)
  if (!found) throw new CannotTell('the command is not one that Redis is known to have')
  const { arity } = found.entry
  if (arity < 0 ? argv.length < -arity : argv.length !== arity)
    throw new CannotTell(`${found.name} has another number of arguments`)
  const ledger = createLedger()
  const kind = kindOf(found, argv)
  const keys = kind === 'answers' ? [] : keysOf(found, argv)
  const patterns = NOTE[kind]({ argv, name: found.name, keys, fields: fieldsOf(found.name, argv), ledger })
  return { ledger, patterns, harmless: kind === 'answers' || kind === 'reads' || status.has(found.name) }
}

type Kind = 'answers' | 'reads' | 'writes' | 'waits' | 'administers'
type Noted = { argv: string[]; name: string; keys: KeyUse[]; fields: string[] | 'all'; ledger: Ledger }

const words = (text: string): Set<string> => new Set(text.trim().split(/\s+/))

// Commands that touch no key and that the server does not mark as reading: they answer from what they are given, or
// about this connection.
const answers = words(`
  ping echo time lolwut command command|count command|docs command|getkeys command|getkeysandflags command|info
  command|list acl|whoami acl|cat acl|genpass client|id client|getname client|info
`)

// Marked as writing, and no matter of keys: other databases, other servers, everything at once.
const administers = words('flushall flushdb swapdb migrate')

// How the server fares. To be known by administrators only, but nothing changes by it.
const status = words('info lastsave')

/** What kind of command it is. What is not marked as reading or writing, and not listed, is for administrators. */
function kindOf({ name, entry }: NamedCommand, argv: string[]): Kind {
  const flags = entry.flags.split(' ')
  if (answers.has(name) || name.endsWith('|help')) return 'answers'
  const restricted = ['admin', 'noscript', 'pubsub', 'asking'].some((flag) => flags.includes(flag))
  if (flags.includes('blocking')) {
    const waits = (name !== 'xread' && name !== 'xreadgroup') || streamOptions(argv).blocks
    if (waits) return 'waits'
  }
  if (restricted || administers.has(name)) return 'administers'
  if (flags.includes('readonly')) return 'reads'
  return flags.includes('write') ? 'writes' : 'administers'
}

const everyKey: Unknown = { unknown: 'the command is about keys that it does not name' }

const NOTE: Record<Kind, (noted: Noted) => string[]> = {
  answers: ({ ledger }) => {
    ledger.entry('read', null)
    return []
  },
  reads: (noted) => {
    const { keys, ledger } = noted
    for (const { key } of keys) withFields(ledger.entry('read', key), noted)
    if (keys.length === 0) ledger.entry('read', everyKey)
    return patternsOf(noted)
  },
  writes: (noted) => {
    const { keys, ledger } = noted
    const anyWritten = keys.some(({ writes }) => writes)
    for (const use of keys) {
      if (use.writes) withFields(ledger.entry('write', use.key), noted)
      // The server takes it for a write although no key of it is one: so is what it reads.
      else if (!anyWritten) withFields(ledger.entry('write', use.key, 'none'), noted)
      if (readsKey(use, noted)) withFields(ledger.entry('read', use.key), noted)
    }
    if (keys.length === 0 || leavesDatabase(noted))
      ledger.entry('admin', { unknown: 'the command reaches another database' })
    return patternsOf(noted)
  },
  waits: (noted) => {
    for (const use of noted.keys) administered(use, noted)
    return []
  },
  administers: (noted) => {
    const { name, argv, ledger } = noted
    for (const use of noted.keys) administered(use, noted)
    ledger.entry('admin', { unknown: `${name.replace('|', ' ')} is a command to administer the server` })
    if (/^(?:eval|evalsha|fcall)(?:_ro)?$/.test(name)) ledger.call(name)
    if (name.startsWith('fcall')) ledger.call(argv[1] as string)
    return []
  },
}

function administered({ key, reads, writes }: KeyUse, noted: Noted): void {
  if (reads) withFields(noted.ledger.entry('admin', key, 'reads'), noted)
  if (writes) withFields(noted.ledger.entry('admin', key, 'writes'), noted)
}

function withFields(entry: Entry, { fields }: Noted): void {
  if (fields === 'all') entry.allFields = true
  else for (const field of fields) entry.fields.add(field)
}

// The server marks them as writing only, although they answer with the entries they claim.
const claims = words('xclaim xautoclaim')

/** `SET` gives the old value back only when it is asked to. */
function readsKey({ reads }: KeyUse, { name, argv }: Noted): boolean {
  if (claims.has(name)) return true
  return name === 'set' ? argv.slice(3).some((word) => /^get$/i.test(word)) : reads
}

function leavesDatabase({ name, argv }: Noted): boolean {
  return name === 'move' || (name === 'copy' && argv.slice(3).some((word) => /^db$/i.test(word)))
}

/** Keys that are looked up by a pattern and what a list holds: which they are cannot be told. */
function patternsOf({ name, argv, ledger }: Noted): string[] {
  if (name !== 'sort' && name !== 'sort_ro') return []
  const { patterns } = sortOptions(argv)
  if (patterns.length > 0)
    ledger.entry('read', { unknown: 'keys are looked up by a pattern' }).allFields = true
  return patterns.map(patternOfKey)
}

/** The pattern without the field of a hash: that stands behind the first arrow after the star, if anything does. */
function patternOfKey(pattern: string): string {
  // The server looks for star and arrow up to a NUL only.
  const [seen = ''] = pattern.split('\0')
  const star = seen.indexOf('*')
  const arrow = star < 0 ? -1 : seen.indexOf('->', star + 1)
  return arrow >= 0 && arrow + 2 < seen.length ? pattern.slice(0, arrow) : pattern
}
