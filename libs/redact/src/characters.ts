// Character classes as one lookup table: a bit test per character is what keeps the scanners linear and quick.

export const UPPER = 1
export const LOWER = 2
export const DIGIT = 4
export const HEX = 8
/** `_` and `-`, which base64url adds to letters and digits. */
export const URL_MARK = 16
/** `+`, `/` and `=`, which base64 adds. */
export const BASE64_MARK = 32
export const DOT = 64
export const SPACE = 128

export const LETTER = UPPER | LOWER
export const ALNUM = LETTER | DIGIT
export const BASE64URL = ALNUM | URL_MARK
export const BASE64 = ALNUM | BASE64_MARK

const classes = new Uint8Array(128)
const mark = (characters: string, bit: number) => {
  for (let i = 0; i < characters.length; i++) classes[characters.charCodeAt(i)]! |= bit
}
mark('ABCDEFGHIJKLMNOPQRSTUVWXYZ', UPPER)
mark('abcdefghijklmnopqrstuvwxyz', LOWER)
mark('0123456789', DIGIT)
mark('0123456789abcdefABCDEF', HEX)
mark('_-', URL_MARK)
mark('+/=', BASE64_MARK)
mark('.', DOT)
mark(' \t\r\n', SPACE)

/** Whether the character at `index` is in one of the classes of `mask`; false outside the text. */
export function isAt(text: string, index: number, mask: number): boolean {
  const code = text.charCodeAt(index)
  return code < 128 && (classes[code]! & mask) !== 0
}

/** The end of the run of `mask` characters that starts at `start`, looking no further than `limit`. */
export function runEnd(text: string, start: number, mask: number, limit = text.length): number {
  const stop = Math.min(limit, text.length)
  let end = start
  while (end < stop && isAt(text, end, mask)) end++
  return end
}

/** The start of the run of `mask` characters that ends at `end`, looking back at most `limit` characters. */
export function runStart(text: string, end: number, mask: number, limit: number): number {
  const stop = Math.max(0, end - limit)
  let start = end
  while (start > stop && isAt(text, start - 1, mask)) start--
  return start
}

/**
 * Whether a word can start at `index`: nothing, or no letter or digit, stands before it. A letter that ends a
 * JSON escape (`\n`, `\u003d`) or a URL escape (`%3D`) is no part of a word.
 */
export function startsWord(text: string, index: number): boolean {
  return !isAt(text, index - 1, ALNUM) || endsEscape(text, index)
}

function endsEscape(text: string, index: number): boolean {
  const before = text[index - 1]
  if ((before === 'n' || before === 'r' || before === 't') && text[index - 2] === '\\') return true
  if (!isAt(text, index - 1, HEX)) return false
  return text[index - 3] === '%' || (text[index - 5] === 'u' && text[index - 6] === '\\')
}

/** How many different characters occur in `text`, counting no further than `enough`. */
export function varietyOf(text: string, enough: number): number {
  const seen = new Set<string>()
  for (let i = 0; i < text.length && seen.size < enough; i++) seen.add(text[i]!)
  return seen.size
}
