// What the keys of a Redis database are called, without whose they are: `session:*`, `user:*:cart`. Pure. A part of a key is kept
// where it is a word and is part of how keys are named; ids, addresses and names of people become `*`. In doubt it is `*`.

const ADDRESS = /[^\s:/|]*@[^\s:/|]*/g
const SEPARATOR = /([:/|.])/
const MAX_KEY_UNITS = 512
const MAX_PARTS = 8
const MAX_WORD_UNITS = 32
/** Of words with which keys begin; where there are more, they are no kinds of keys. */
const MAX_BEGINNINGS = 40
/** Of words below a beginning; where there are more, they are somebody's. */
const MAX_WORDS = 12
/** How many keys have to have a word in this place. */
const ENOUGH_KEYS = 3

/** A key's parts by turns with what separates them. */
type Parts = readonly string[]

/** Sorted, each once. */
export function keyPatterns(keys: readonly string[]): string[] {
  const found = patternsOf(keys.map(partsOf), 0)
  return [...new Set(found.map(collapsed))].toSorted()
}

/** A word as people name things, and neither an id nor a part of one. */
export function isWord(part: string): boolean {
  if (part.length > MAX_WORD_UNITS || !/^\p{L}[\p{L}_-]*(?:v?\d)?$/u.test(part)) return false
  if (part.split(/[_-]/).some((each) => /^[0-9a-f]{6,}$/i.test(each))) return false
  // Text of chance changes its case back and forth, and goes on without vowels.
  if ((part.match(/[a-z][A-Z]/g) ?? []).length > 3 || /[bcdfghjklmnpqrstvwxz]{7}/i.test(part)) return false
  return true
}

function partsOf(key: string): Parts {
  const short = key.length <= MAX_KEY_UNITS ? key : `${key.slice(0, MAX_KEY_UNITS)}*`
  const parts = short.replace(ADDRESS, '*').split(SEPARATOR)
  return parts.length < 2 * MAX_PARTS ? parts : [...parts.slice(0, 2 * MAX_PARTS), '*']
}

function patternsOf(keys: readonly Parts[], depth: number): string[] {
  const groups = Map.groupBy(keys, ([head = '']) => head)
  const kept = depth === 0 ? beginnings(groups) : wordsWithin(groups)
  const others = keys.filter(([head = '']) => !kept.has(head))
  return [
    ...[...kept].flatMap((word) => continued(word, groups.get(word) ?? [], depth)),
    ...(others.length === 0 ? [] : continued('*', others, depth)),
  ]
}

/** The head, with each of what follows it. */
function continued(head: string, keys: readonly Parts[], depth: number): string[] {
  const bySeparator = Map.groupBy(keys, ([, separator = '']) => separator)
  return [...bySeparator].flatMap(([separator, whole]) => {
    if (separator === '') return [head]
    const rests = patternsOf(
      whole.map((parts) => parts.slice(2)),
      depth + 1,
    )
    return rests.map((rest) => `${head}${separator}${rest}`)
  })
}

function beginnings(groups: ReadonlyMap<string, Parts[]>): Set<string> {
  const words = [...groups.keys()].filter(isWord)
  const isMany = words.length > MAX_BEGINNINGS
  return new Set(words.filter((each) => !isMany || (groups.get(each)?.length ?? 0) >= ENOUGH_KEYS))
}

/** Words that many keys have here, and that are no instances of one kind: those are followed by the same words. */
function wordsWithin(groups: ReadonlyMap<string, Parts[]>): Set<string> {
  const words = [...groups.keys()].filter(
    (each) => isWord(each) && (groups.get(each)?.length ?? 0) >= ENOUGH_KEYS,
  )
  if (words.length > MAX_WORDS) return new Set()
  const followers = new Map<string, number>()
  const followersOf = (word: string) =>
    new Set((groups.get(word) ?? []).map((parts) => parts[2] ?? '').filter(isWord))
  for (const word of words)
    for (const each of followersOf(word)) followers.set(each, (followers.get(each) ?? 0) + 1)
  return new Set(words.filter((word) => [...followersOf(word)].every((each) => followers.get(each) === 1)))
}

/** `*` matches separators too: of several in a row one says the same. */
function collapsed(pattern: string): string {
  return pattern.replace(/\*(?:[:/|.]\*)+/g, '*')
}
