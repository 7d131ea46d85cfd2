// Phone numbers. A bare run of digits is a phone number only where the text says so: order numbers, times and
// identifiers look the same. International (+, 00), North American and trunk-prefix (0…) forms need no label.
import { ALNUM, DIGIT, LETTER, isAt, runEnd, startsWord } from '../characters.ts'
import { digitsOf, isDash, isSeparator } from './digit-groups.ts'
import type { Span } from './numbers.ts'

/** E.164 allows 15 digits; written with separators a number stays below this length. */
const MAX_WRITTEN = 28
const MAX_DIGITS = 15
const MIN_DIGITS = 7
const LABEL =
  /(?:phone|mobile|cell|fax|\btel|_tel|telephone|telefon|handy|whatsapp|\bsms|\bcall|\bdial|\bmob|\bph)(?:[ _-]?(?:no|nr|num|number|home|work|me|us|at|on|is|to))*[^A-Za-z0-9+]{0,6}$/i
const LABEL_WINDOW = 40
const MAX_LABEL_GAP = 6

/** The phone number whose first digits are from `start` to `groupEnd`, or undefined. */
export function phoneSpan(text: string, start: number, groupEnd: number): Span | undefined {
  if (groupEnd - start > MAX_DIGITS) return undefined
  const opened = text[start - 1] === '(' && startsWord(text, start - 1) ? start - 1 : start
  const plus = (text[opened - 1] === '+' && !isAt(text, opened - 2, ALNUM)) || isEscapedPlus(text, opened)
  if (!plus && (!startsAlone(text, opened) || !canStart(text, opened))) return undefined
  const end = longestNumber(text, opened, plus)
  if (end === -1) return undefined
  return { start: plus && text[opened - 1] === '+' ? opened - 1 : opened, end }
}

/** A cheap look before the number is read: how every form without a label begins, or a letter of a label before. */
function canStart(text: string, opened: number): boolean {
  if (text[opened] === '0' || text[opened + 1] === '0')
    return text[opened] === '(' || !followsDigits(text, opened)
  NORTH_AMERICAN.lastIndex = opened
  if (NORTH_AMERICAN.test(text)) return true
  let before = opened
  while (before > opened - MAX_LABEL_GAP && before > 0 && !isAt(text, before - 1, ALNUM)) before--
  return isAt(text, before - 1, LETTER)
}
const NORTH_AMERICAN =
  /(?:1[^A-Za-z0-9]{1,2})?\(?[2-9][0-9]{2}[^A-Za-z0-9]{1,2}[2-9][0-9]{2}[^A-Za-z0-9]?[0-9]{4}/y

function followsDigits(text: string, start: number): boolean {
  return isSeparator(text, start - 1) && isAt(text, start - 2, DIGIT)
}

/** `%2B` is a plus in a URL. */
function isEscapedPlus(text: string, at: number): boolean {
  return text[at - 1] === 'B' && text.startsWith('%2B', at - 3)
}

function startsAlone(text: string, start: number): boolean {
  if (!startsWord(text, start)) return false
  const before = text[start - 1]
  if (before === undefined) return true
  const joins =
    before === '.' || before === ',' || before === '/' || before === '_' || isDash(text, start - 1)
  return !(joins && isAt(text, start - 2, ALNUM)) && !'$€£#_+'.includes(before)
}

type Written = { digits: string; groups: number[]; plain: boolean; dots: boolean; inRow: boolean }

/** Reads groups of digits with few separators between; the longest prefix of the groups that is a number counts. */
function longestNumber(text: string, start: number, plus: boolean): number {
  const limit = start + MAX_WRITTEN
  const groups: number[] = []
  let found = -1
  let labelled: boolean | undefined
  let count = 0
  let dots = false
  // `4532 0151 1283 0367`: a group among others of a longer number or a table.
  const after = followsDigits(text, start)
  for (let at = text[start] === '(' ? start + 1 : start; at < limit;) {
    const stop = runEnd(text, at, DIGIT, limit)
    if (stop === at) break
    groups.push(stop - at)
    count += stop - at
    if (count > MAX_DIGITS) break
    if (count >= MIN_DIGITS && !isPartOfMore(text, stop)) {
      const digits = digitsOf(text, start, stop)
      const written = {
        digits,
        groups,
        plain: groups.length === 1 && text[start] !== '(',
        dots,
        inRow: after && !/[(.-]/.test(text.slice(start, stop)),
      }
      labelled ??= !plus && isLabelled(text, start)
      if (isPhoneNumber(written, plus, labelled)) found = stop
    }
    at = stop
    while (at < stop + 3 && separates(text, at, groups.length)) if (text[at++] === '.') dots = true
  }
  return found
}

function separates(text: string, at: number, groups: number): boolean {
  const character = text[at]
  return (
    isSeparator(text, at) ||
    character === '(' ||
    character === ')' ||
    character === '.' ||
    (character === '/' && groups === 1)
  )
}

function isPhoneNumber(written: Written, plus: boolean, labelled: boolean): boolean {
  if (plus) return isInternational(written.digits)
  if (written.inRow) return false
  if (isNorthAmerican(written) || isTrunkNumber(written) || isDoubleZero(written)) return true
  return (
    labelled && varied(written.digits) && !isDate(written) && !(written.dots && written.groups.length === 4)
  )
}

/** `12.5`, `10:30`, `3,000`, `5%`, `a8` and the like: the digits belong to something else. */
function isPartOfMore(text: string, end: number): boolean {
  const next = text[end]
  if (next === undefined) return false
  if (next === 'x' || (next === ' ' && /^ ?(?:x|ext)/.test(text.slice(end, end + 4)))) return false
  if (isAt(text, end, ALNUM) || next === '_' || next === '%') return true
  return (
    (next === '.' || next === ',' || next === ':' || next === '/' || isDash(text, end)) &&
    isAt(text, end + 1, ALNUM)
  )
}

function isInternational(digits: string): boolean {
  if (digits[0] === '0' || digits.length < 8) return false
  if (digits[0] === '1') return digits.length === 11 && isNanp(digits.slice(1))
  return varied(digits)
}

/** Area and exchange codes start with 2 to 9 and are not of the form x11. */
function isNanp(ten: string): boolean {
  return /^[2-9][0-9]{2}[2-9][0-9]{6}$/.test(ten) && ten.slice(1, 3) !== '11' && varied(ten)
}

function isNorthAmerican({ digits, groups }: Written): boolean {
  const shape = groups.join('-')
  if (shape === '3-3-4') return isNanp(digits)
  return (
    (shape === '1-3-3-4' && digits[0] === '1' && isNanp(digits.slice(1))) ||
    (shape === '3-7' && isNanp(digits))
  )
}

/** National forms with the trunk prefix 0: `020 7946 0958`, `01 23 45 67 89`, `(030) 1234567`, `0171-1234567`. */
function isTrunkNumber({ digits, groups, dots, plain }: Written): boolean {
  if (
    !/^0[1-9]/.test(digits) ||
    plain ||
    groups.join('-') === '3-2-4' ||
    digits.length < 9 ||
    digits.length > 12
  )
    return false
  if (groups.every((length) => length === 2)) return digits.length === 10
  return (
    !dots &&
    groups[0]! >= 3 &&
    groups[0]! <= 5 &&
    groups.slice(1).every((length) => length >= 2) &&
    groups.at(-1)! >= 3
  )
}

function isDoubleZero({ digits, plain }: Written): boolean {
  return /^00[1-9]/.test(digits) && digits.length >= 11 && !plain
}

function isDate({ groups, digits }: Written): boolean {
  const shape = groups.join('-')
  return (shape.startsWith('4-2-2') && /^(?:19|20)/.test(digits)) || shape.startsWith('2-2-4')
}

function isLabelled(text: string, start: number): boolean {
  return LABEL.test(text.slice(Math.max(0, start - LABEL_WINDOW), start))
}

function varied(digits: string): boolean {
  return new Set(digits).size > 2
}
