// What the model is given to read besides our own words: of bounded length, without characters that nobody sees, and between
// marks that it cannot have in itself. This keeps honest text apart; it does not make a model safe. What a proposal would
// change is told by the engine (policy-changes.ts) for that reason.
import { randomBytes } from 'node:crypto'

export type Fenced = { mark: string; fence(name: string, text: string, maxUnits: number): string }

/** Fences of one question: its mark is not known before. */
export function fences(mark = randomBytes(6).toString('hex')): Fenced {
  return {
    mark,
    fence: (name, text, maxUnits) =>
      `<<<${name} ${mark}\n${plain(text, maxUnits).replaceAll(mark, '')}\n${name} ${mark}>>>`,
  }
}

/** Controls, marks of direction, and letters and marks that have no look, by which text can be hidden in text. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu
/** Our own marks, and those by which chats of models are told apart. */
const LOOK_ALIKES = /<{3,}|>{3,}|<\|[^|>]{0,40}\|>|\[\/?INST\]|<\/?(?:system|user|assistant|s)>|`{3,}|#{3,}/gi

/** Nothing in it to be looked for. */
const ORDINARY = /^[\n -"$-;=?-Z\\-_a-~]*$/

/** The text on its lines, without what is not seen and what looks like a mark. */
export function plain(text: string, maxUnits: number): string {
  const begun = text.slice(0, maxUnits * 2)
  const clean = ORDINARY.test(begun)
    ? begun
    : begun
        .replace(/\r\n?/g, '\n')
        .replace(UNSEEN, (character) => (character === '\n' ? '\n' : ' '))
        .replace(LOOK_ALIKES, ' ')
        .toWellFormed()
  return clean.length <= maxUnits ? clean : `${clean.slice(0, maxUnits)} …`
}

/** The same, on one line. */
export function plainLine(text: string, maxUnits: number): string {
  return plain(text.slice(0, maxUnits * 4).replace(/\s+/g, ' '), maxUnits).trim()
}
