// United States social security numbers: 3-2-4 digits with dashes; with spaces, dots or nothing between only where
// the text says what the number is.
import { DIGIT, runEnd } from '../characters.ts'
import { goesOn, isDash, nextGroup } from './digit-groups.ts'

const LABEL =
  /(?:\bssn|ssn\b|_ssn|ssn_|social[ _-]?security|soc(?:ial)?\.?[ _-]?sec|\bsocial\b|\bss ?#|tax[ _-]?(?:payer)?[ _-]?id|\btin\b|\bitin\b)(?:[^.!?\n]|\bn[or]\.){0,24}$/i
const LABEL_WINDOW = 48
/** Printed on sample cards and in advertisements, and never valid. */
const VOID = new Set(['078051120', '219099999'])

/** The end of the social security number that starts with the digits from `start` to `groupEnd`, or -1. */
export function ssnEnd(text: string, start: number, groupEnd: number): number {
  const length = groupEnd - start
  if (length === 9) {
    return isIssued(text.slice(start, groupEnd)) && !goesOn(text, groupEnd) && isLabelled(text, start)
      ? groupEnd
      : -1
  }
  if (length !== 3) return -1
  const second = nextGroup(text, groupEnd, true)
  if (second === -1 || runEnd(text, second, DIGIT, second + 3) !== second + 2) return -1
  const third = nextGroup(text, second + 2, true)
  if (third === -1 || runEnd(text, third, DIGIT, third + 5) !== third + 4) return -1
  const end = third + 4
  if (
    goesOn(text, end) ||
    !isIssued(text.slice(start, groupEnd) + text.slice(second, second + 2) + text.slice(third, end))
  )
    return -1
  const dashed = isDash(text, groupEnd) && isDash(text, second + 2)
  return dashed || isLabelled(text, start) ? end : -1
}

/** No number was ever issued with area 000, 666 or 900 and above, group 00, or serial 0000. */
function isIssued(digits: string): boolean {
  const area = digits.slice(0, 3)
  if (area === '000' || area === '666' || area >= '900') return false
  return digits.slice(3, 5) !== '00' && digits.slice(5) !== '0000' && !VOID.has(digits)
}

function isLabelled(text: string, start: number): boolean {
  return LABEL.test(text.slice(Math.max(0, start - LABEL_WINDOW), start))
}
