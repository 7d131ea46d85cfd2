// Characters that a model reads and a person does not see, or sees in another order.

// What can stand beside a joiner for it to be one: parts of an emoji, letters of scripts whose letters join.
const EMOJI = /^(?:\p{Extended_Pictographic}|\p{Emoji_Modifier}|\u{fe0f})$/u
const JOINING_SCRIPTS = [
  'Arabic Syriac Mongolian Devanagari Bengali Gurmukhi Gujarati',
  'Oriya Tamil Telugu Kannada Malayalam Sinhala Khmer',
]
  .join(' ')
  .split(' ')
const JOINING = new RegExp(`^(?:${JOINING_SCRIPTS.map((name) => `\\p{Script=${name}}`).join('|')})$`, 'u')
const RIGHT_TO_LEFT = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}]/u
/** Formats, controls, private use, and those that are letters and marks by their class. */
const SUSPECTS =
  /[\p{Cf}\p{Cc}\p{Co}\p{Zl}\p{Zp}\u{115f}\u{1160}\u{3164}\u{ffa0}]|[\u{fe00}-\u{fe0d}]|[\u{e0100}-\u{e01ef}]/gu
const SHOWN_CHARACTERS = 3

/** What the text has of them, as in `a change of direction (U+202E)`. */
export function invisibleCharacters(text: string): string[] {
  const found = new Map<string, Set<string>>()
  for (const match of text.matchAll(SUSPECTS)) {
    const [character] = match
    const kind = kindOf(character, text, match.index)
    if (kind === undefined) continue
    const codes = found.get(kind) ?? new Set()
    found.set(
      kind,
      codes.add(`U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`),
    )
  }
  return [...found].map(([kind, codes]) => `${kind} (${[...codes].slice(0, SHOWN_CHARACTERS).join(', ')})`)
}

function kindOf(character: string, text: string, at: number): string | undefined {
  const code = character.codePointAt(0) ?? 0
  if (code === 0x9 || code === 0xa || code === 0xd) return undefined
  if (code === 0x1b || code === 0x9b) return 'a terminal’s escape sequence'
  if (code <= 0x9f) return 'a control character'
  if (code === 0x200c || code === 0x200d) return joins(text, at) ? undefined : 'an invisible character'
  if (code === 0x200e || code === 0x200f || code === 0x61c)
    return RIGHT_TO_LEFT.test(text) ? undefined : 'a mark of direction'
  if ((code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069)) return 'a change of direction'
  if (code >= 0xe0000 && code <= 0xe007f) return 'hidden letters (tags)'
  return 'an invisible character'
}

function joins(text: string, at: number): boolean {
  const before = [...text.slice(Math.max(0, at - 2), at)].at(-1) ?? ''
  const after = String.fromCodePoint(text.codePointAt(at + 1) ?? 0)
  return [EMOJI, JOINING].some((each) => each.test(before) && each.test(after))
}

/** JSON with those characters written out as escapes, so that a person sees that they are there. */
export function withVisibleCharacters(json: string): string {
  const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
  return json.replace(SUSPECTS, (character) =>
    character === '\n' ? character : character.split('').map(escaped).join(''),
  )
}
