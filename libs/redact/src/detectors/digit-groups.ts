// Reading numbers that people break into groups.
import { DIGIT, isAt, runEnd } from '../characters.ts'

const SPACE = 32
const DASH = 45
const FIRST_NO_BREAK = 0xa0
/** No-break and narrow spaces. */
const SPACES = '\u00a0\u2009\u202f'
/** Hyphen, no-break hyphen, figure and en dash, minus. */
const DASHES = '\u2010\u2011\u2012\u2013\u2212'

/** Whether one separator between groups of digits stands at `index`. */
export function isSeparator(text: string, index: number): boolean {
  const code = text.charCodeAt(index)
  if (code < FIRST_NO_BREAK) return code === SPACE || code === DASH
  return index >= 0 && index < text.length && (SPACES.includes(text[index]!) || DASHES.includes(text[index]!))
}

/** Whether a dash of any kind stands at `index`. */
export function isDash(text: string, index: number): boolean {
  const code = text.charCodeAt(index)
  if (code < FIRST_NO_BREAK) return code === DASH
  return index >= 0 && index < text.length && DASHES.includes(text[index]!)
}

/** The start of the group after one separator at `end`, or -1. `.` separates only where `dots` says so. */
export function nextGroup(text: string, end: number, dots = false): number {
  const separated = isSeparator(text, end) || (dots && text[end] === '.')
  return separated && isAt(text, end + 1, DIGIT) ? end + 1 : -1
}

/** Whether the number that ends at `end` goes on as a word, a decimal fraction or (after a dash) another group. */
export function goesOn(text: string, end: number): boolean {
  const next = text[end]
  if (next === undefined) return false
  if (next === '_' || /[A-Za-z0-9]/.test(next)) return true
  return (next === '.' || isDash(text, end)) && isAt(text, end + 1, DIGIT)
}

/** The digits of a stretch of text, without what separates them. */
export function digitsOf(text: string, start: number, end: number): string {
  let digits = ''
  for (let i = start; i < end;) {
    const stop = runEnd(text, i, DIGIT, end)
    digits += text.slice(i, stop)
    i = stop + 1
  }
  return digits
}
