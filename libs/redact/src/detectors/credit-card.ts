// Payment card numbers (ISO/IEC 7812): 13 to 19 digits in one run or in groups, an issuer's prefix, a Luhn digit.
import { DIGIT, isAt, runEnd } from '../characters.ts'
import { goesOn, nextGroup } from './digit-groups.ts'

/** Issuer prefixes as ranges, with the lengths the issuer uses. */
const ISSUERS: [from: number, to: number, prefixDigits: number, lengths: number[]][] = [
  [4, 4, 1, [13, 16, 19]], // Visa
  [51, 55, 2, [16]], // Mastercard
  [2221, 2720, 4, [16]], // Mastercard
  [34, 34, 2, [15]], // American Express
  [37, 37, 2, [15]],
  [6011, 6011, 4, [16, 17, 18, 19]], // Discover
  [644, 649, 3, [16, 17, 18, 19]],
  [65, 65, 2, [16, 17, 18, 19]],
  [300, 305, 3, [14, 16, 19]], // Diners Club
  [3095, 3095, 4, [14, 16, 19]],
  [36, 36, 2, [14, 16, 19]],
  [38, 39, 2, [14, 16, 19]],
  [3528, 3589, 4, [16, 17, 18, 19]], // JCB
  [62, 62, 2, [16, 17, 18, 19]], // UnionPay
  [2200, 2204, 4, [16]], // Mir
  [9792, 9792, 4, [16]], // Troy
  [5018, 5018, 4, [13, 14, 15, 16, 17, 18, 19]], // Maestro
  [5020, 5020, 4, [13, 14, 15, 16, 17, 18, 19]],
  [5038, 5038, 4, [13, 14, 15, 16, 17, 18, 19]],
  [5893, 5893, 4, [13, 14, 15, 16, 17, 18, 19]],
  [6304, 6304, 4, [13, 14, 15, 16, 17, 18, 19]],
  [6759, 6759, 4, [13, 14, 15, 16, 17, 18, 19]],
  [6761, 6763, 4, [13, 14, 15, 16, 17, 18, 19]],
]
/** How people write card numbers in groups: `4-4-4-4`, `4-6-5`, … */
const GROUPINGS = new Set([
  '4-4-4-4',
  '4-6-5',
  '4-6-4',
  '4-4-4-4-3',
  '4-4-4-4-2',
  '4-4-4-4-1',
  '4-4-5',
  '4-4-4-1',
  '4-4-4-3',
  '6-13',
  '4-4-4-2',
  '4-3-3-3',
  '8-8',
])
const MAX_GROUPS = 5

/** The end of the card number that starts with the digits from `start` to `groupEnd`, or -1. */
export function creditCardEnd(text: string, start: number, groupEnd: number): number {
  const length = groupEnd - start
  if (length > 19 || length < 4) return -1
  if (length >= 13)
    return !goesOn(text, groupEnd) && isCardNumber(text, start, groupEnd, length) ? groupEnd : -1
  return length === 4 || length === 6 || length === 8 ? groupedEnd(text, start, groupEnd) : -1
}

/** A following group (an expiry date, a CVV) is no part of the number: every prefix of the groups is a candidate. */
function groupedEnd(text: string, start: number, firstEnd: number): number {
  let end = firstEnd
  let digits = firstEnd - start
  let grouping = String(digits)
  let found = -1
  for (let groups = 1; groups < MAX_GROUPS; groups++) {
    const next = nextGroup(text, end, true)
    if (next === -1) break
    end = runEnd(text, next, DIGIT, next + 20)
    digits += end - next
    grouping += `-${end - next}`
    if (digits < 13 || !GROUPINGS.has(grouping) || isAt(text, end, DIGIT)) continue
    if (isCardNumber(text, start, end, digits)) found = end
  }
  return found !== -1 && /[A-Za-z_]/.test(text[found] ?? ' ') ? -1 : found
}

/** Whether the digits of a stretch of text are a number of a known issuer with a right check digit. */
function isCardNumber(text: string, start: number, end: number, digits: number): boolean {
  return hasIssuer(Number(text.slice(start, start + 4)), digits) && passesLuhn(text, start, end)
}

function hasIssuer(firstFour: number, digits: number): boolean {
  return ISSUERS.some(([from, to, prefixDigits, lengths]) => {
    const prefix = Math.floor(firstFour / 10 ** (4 - prefixDigits))
    return prefix >= from && prefix <= to && lengths.includes(digits)
  })
}

function passesLuhn(text: string, start: number, end: number): boolean {
  let sum = 0
  let doubles = false
  for (let i = end - 1; i >= start; i--) {
    const digit = text.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) continue
    const value = doubles ? digit * 2 : digit
    sum += value > 9 ? value - 9 : value
    doubles = !doubles
  }
  return sum % 10 === 0
}
