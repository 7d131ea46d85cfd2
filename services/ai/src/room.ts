// Pure: how much of what is known the model is given to read. Its context holds our instructions, the data and its answer; what is
// too much for it would be cut by its server from the beginning, which has the request.
import { plain } from './fences.ts'

/** Of an answer: a policy of thirty rules has about half. */
const MAX_OUTPUT_TOKENS = 3_000
/** Marks of the chat, and of where its messages end. */
const OVERHEAD_TOKENS = 100
/** Less is not worth asking with. */
const MIN_ROOM_TOKENS = 600

export function outputTokens(contextTokens: number): number {
  return Math.min(MAX_OUTPUT_TOKENS, Math.floor((contextTokens * 3) / 8))
}

/** More than a text has, with the vocabularies of small models: identifiers and YAML have three letters a token. */
export function tokensOf(text: string): number {
  let others = 0
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) others++
  return Math.ceil((text.length - others) / 3) + 2 * others
}

/** What is left for data beside these texts. */
export function roomBeside(texts: readonly string[], contextTokens: number): number {
  const taken = texts.reduce((sum, text) => sum + tokensOf(text), OVERHEAD_TOKENS)
  return Math.max(MIN_ROOM_TOKENS, contextTokens - outputTokens(contextTokens) - taken)
}

export type Wish = { tokens: number; weight: number }

/** Shares room among wishes by their weights; what one does not need goes to the others. */
export function shared<Name extends string>(
  room: number,
  wishes: Readonly<Record<Name, Wish>>,
): Record<Name, number> {
  const given = {} as Record<Name, number>
  let open = Object.entries(wishes) as [Name, Wish][]
  let left = room
  for (;;) {
    const weights = open.reduce((sum, [, { weight }]) => sum + weight, 0)
    const portion = ({ weight }: Wish) => Math.floor((left * weight) / Math.max(1, weights))
    const content = open.filter(([, wish]) => wish.tokens <= portion(wish))
    if (content.length === 0) {
      for (const [name, wish] of open) given[name] = portion(wish)
      return given
    }
    for (const [name, { tokens }] of content) given[name] = tokens
    left -= content.reduce((sum, [, { tokens }]) => sum + tokens, 0)
    open = open.filter((each) => !content.includes(each))
  }
}

/** The beginning of a text that has no more tokens. */
export function cutToTokens(text: string, tokens: number): string {
  if (tokensOf(text) <= tokens) return text
  let [fits, over] = [0, Math.min(text.length, 3 * tokens + 1)]
  while (over - fits > 1) {
    const middle = Math.floor((fits + over) / 2)
    if (tokensOf(text.slice(0, middle)) <= tokens) fits = middle
    else over = middle
  }
  return plain(text, fits)
}
