// Pure: which of many named things a request is about. Only names count, and what they are called by whoever asks: a description
// is written by others, and could be made of every word there is.

const STOP_WORDS = new Set(
  'the and for any all may can not are who that this with from into only agents agent rule policy allow deny let read write ask use tool tools table tables'.split(
    ' ',
  ),
)
const MAX_WORDS = 2_000
const BY_FULL_NAME = 1_000

/** The items in the order in which they should be told: named, then resembled, then the others as they were. */
export function byRelevance<T extends { name: string }>(items: readonly T[], text: string): T[] {
  const lower = text.toLowerCase()
  const asked = new Set(wordsOf(text))
  const scored = items.map((item) => ({ item, score: scoreOf(item.name, lower, asked) }))
  return scored.toSorted((a, b) => b.score - a.score).map(({ item }) => item)
}

function scoreOf(name: string, text: string, asked: ReadonlySet<string>): number {
  const bare = name.toLowerCase()
  const full = bare.length > 2 && text.includes(bare) ? BY_FULL_NAME : 0
  return full + new Set(wordsOf(name).filter((each) => asked.has(each))).size
}

/** `createIssues`, `create_issue` and “create an issue” have the same words. */
function wordsOf(text: string): string[] {
  const words =
    text
      .replace(/(\p{Ll})(\p{Lu})/gu, '$1 $2')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  return words.slice(0, MAX_WORDS).filter(isTelling).map(stemOf)
}

function isTelling(word: string): boolean {
  return word.length > 2 && !STOP_WORDS.has(word)
}

function stemOf(word: string): string {
  return word.length > 3 && !word.endsWith('ss') ? word.replace(/(?:ies|y)$/, 'i').replace(/e?s$/, '') : word
}
