// Which arguments of a Redis command are keys, and what is done to each: by the server's own key specifications, and by
// the options of the few commands whose keys they do not find.
import { REDIS_COMMANDS, type KeySpec, type RedisCommand } from './redis-commands.ts'
import { CannotTell } from './sql/statement.ts'

export type KeyUse = { key: string; reads: boolean; writes: boolean }

/** A command of the table: the name that rules know it by, and its entry. */
export type NamedCommand = { name: string; entry: RedisCommand }

/** ASCII letters only, as the server compares names. */
export function lowerCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}

/** The entry of the command that an argv calls; undefined for a name the server would not know. */
export function commandOf(argv: readonly string[]): NamedCommand | undefined {
  const name = lowerCase(argv[0] ?? '')
  if (!Object.hasOwn(REDIS_COMMANDS, name) || name.includes('|')) return undefined
  const entry = REDIS_COMMANDS[name] as RedisCommand
  if (entry.container !== true || argv.length === 1) return { name, entry }
  const full = `${name}|${lowerCase(argv[1] ?? '')}`
  return Object.hasOwn(REDIS_COMMANDS, full)
    ? { name: full, entry: REDIS_COMMANDS[full] as RedisCommand }
    : undefined
}

/** The keys of a command, in the order of its specifications. Throws CannotTell where the server would find none. */
export function keysOf({ name, entry }: NamedCommand, argv: readonly string[]): KeyUse[] {
  const keys = (entry.keys ?? []).flatMap((spec) => {
    const positions = 'index' in spec.begin ? positionsOf(spec, spec.begin.index, argv) : []
    return positions.map((at) => useOf(argv, at, spec.flags))
  })
  return [...keys, ...(Object.hasOwn(optionKeys, name) ? (optionKeys[name]?.(argv) ?? []) : [])]
}

function useOf(argv: readonly string[], at: number, flags: string): KeyUse {
  const key = argv[at]
  if (key === undefined) throw new CannotTell('a key is missing')
  const words = flags.split(' ')
  return { key, reads: words.includes('RO') || words.includes('access'), writes: !words.includes('RO') }
}

function positionsOf(spec: KeySpec, first: number, argv: readonly string[]): number[] {
  if ('count' in spec.find)
    return counted(argv, first + spec.find.count, first + spec.find.first, spec.find.step)
  const { last, step, limit } = spec.find
  const end = last >= 0 ? first + last : lastOf(argv.length, first, last, limit)
  const positions: number[] = []
  for (let at = first; at <= end; at += step) positions.push(at)
  if (positions.length === 0) throw new CannotTell('the keys are missing')
  return positions
}

function lastOf(length: number, first: number, last: number, limit: number): number {
  return limit <= 1 ? length + last : first + Math.floor((length - first) / limit) + last
}

/** Keys whose number is an argument. */
function counted(argv: readonly string[], countAt: number, first: number, step: number): number[] {
  const count = argv[countAt]
  if (count === undefined || !/^\d{1,7}$/.test(count))
    throw new CannotTell('the number of keys is not a number')
  if (first + Number(count) * step > argv.length)
    throw new CannotTell('there are fewer keys than the command says')
  return Array.from({ length: Number(count) }, (_, index) => first + index * step)
}

const written = (key: string): KeyUse => ({ key, reads: false, writes: true })

/** Keys that stand behind an option. */
const optionKeys: Record<string, (argv: readonly string[]) => KeyUse[]> = {
  sort: (argv) => sortOptions(argv).stores.map(written),
  georadius: (argv) => geoStores(argv, 6).map(written),
  georadiusbymember: (argv) => geoStores(argv, 5).map(written),
  xread: (argv) => streamOptions(argv).keys.map((key) => ({ key, reads: true, writes: false })),
  // To read as a member of a group moves what the group has been given.
  xreadgroup: (argv) => streamOptions(argv).keys.map((key) => ({ key, reads: true, writes: true })),
  migrate: migratedKeys,
}

/** Walks the options of a command: how many arguments follow each. An option that is not known ends it. */
function walkOptions(
  argv: readonly string[],
  from: number,
  lengths: Readonly<Record<string, number>>,
  visit: (option: string, at: number) => void,
): void {
  for (let at = from; at < argv.length;) {
    const option = lowerCase(argv[at] as string)
    const length = Object.hasOwn(lengths, option) ? lengths[option] : undefined
    if (length === undefined || at + length >= argv.length)
      throw new CannotTell(`${lowerCase(argv[0] as string)} has an option that is not known`)
    visit(option, at)
    at += length + 1
  }
}

/** What `SORT` looks up and stores beside the key it sorts. */
export function sortOptions(argv: readonly string[]): { stores: string[]; patterns: string[] } {
  const found = { stores: [] as string[], patterns: [] as string[] }
  const lengths = { asc: 0, desc: 0, alpha: 0, limit: 2, by: 1, get: 1, store: 1 }
  walkOptions(argv, 2, lengths, (option, at) => {
    const value = argv[at + 1] as string
    if (option === 'store') found.stores.push(value)
    // Without a star nothing is looked up.
    if ((option === 'by' || option === 'get') && value.includes('*')) found.patterns.push(value)
  })
  return found
}

function geoStores(argv: readonly string[], from: number): string[] {
  const stores: string[] = []
  const lengths = {
    withcoord: 0,
    withdist: 0,
    withhash: 0,
    any: 0,
    asc: 0,
    desc: 0,
    count: 1,
    store: 1,
    storedist: 1,
  }
  walkOptions(argv, from, lengths, (option, at) => {
    if (option === 'store' || option === 'storedist') stores.push(argv[at + 1] as string)
  })
  return stores
}

/** What `XREAD` and `XREADGROUP` read, and whether they wait for it. */
export function streamOptions(argv: readonly string[]): { keys: string[]; blocks: boolean } {
  let streams = -1
  let blocks = false
  let grouped = false
  for (let at = 1; at < argv.length && streams < 0;) {
    const option = lowerCase(argv[at] as string)
    if (option === 'streams') streams = at + 1
    else if (option === 'block' || option === 'count') at += 2
    else if (option === 'group') at += 3
    else if (option === 'noack') at += 1
    else throw new CannotTell('an option before STREAMS is not known')
    if (option === 'block') blocks = true
    if (option === 'group') grouped = true
  }
  if (grouped !== (lowerCase(argv[0] as string) === 'xreadgroup'))
    throw new CannotTell('only XREADGROUP reads as a member of a group, and always does')
  // The server's own rights look for the first such word, and take the name of a group for it.
  if (argv.findIndex((word) => lowerCase(word) === 'streams') !== streams - 1)
    throw new CannotTell('the word STREAMS is also a name')
  const count = (argv.length - streams) / 2
  if (streams < 0 || count < 1 || !Number.isInteger(count))
    throw new CannotTell('the streams are not each given with an id')
  return { keys: argv.slice(streams, streams + count), blocks }
}

/** Keys that go to another server: one, or with an empty one those behind KEYS. */
function migratedKeys(argv: readonly string[]): KeyUse[] {
  const at = argv.findLastIndex((word) => lowerCase(word) === 'keys')
  if (argv[3] !== '' || at < 6) return []
  return argv.slice(at + 1).map((key) => ({ key, reads: true, writes: true }))
}
