// Everything that is mostly digits is found in one pass over the groups of digits of a text; each kind looks at
// most a few dozen characters ahead.
import { ALNUM, DIGIT, isAt, runEnd, startsWord } from '../characters.ts'
import type { Emit } from '../finding.ts'
import { creditCardEnd } from './credit-card.ts'
import { ibanSpan } from './iban.ts'
import { phoneSpan } from './phone.ts'
import { ssnEnd } from './ssn.ts'

export const NUMBER_DETECTORS = ['credit_card', 'iban', 'ssn', 'phone'] as const
export type NumberDetector = (typeof NUMBER_DETECTORS)[number]

/** Finds card numbers, bank account numbers, social security numbers and phone numbers. */
export function findNumbers(text: string, wanted: ReadonlySet<string>, emit: Emit<NumberDetector>): void {
  const cards = wanted.has('credit_card')
  const ibans = wanted.has('iban')
  const ssns = wanted.has('ssn')
  const phones = wanted.has('phone')
  if (!cards && !ibans && !ssns && !phones) return
  for (let start = nextDigit(text, 0); start !== -1;) {
    const groupEnd = runEnd(text, start, DIGIT)
    const whole = startsNumber(text, start)
    const end =
      (ibans && report(ibanSpan(text, start), 'iban', emit)) ||
      (cards &&
        whole &&
        text[start - 1] !== '+' &&
        report(span(start, creditCardEnd(text, start, groupEnd)), 'credit_card', emit)) ||
      (ssns && whole && report(span(start, ssnEnd(text, start, groupEnd)), 'ssn', emit)) ||
      (phones && report(phoneSpan(text, start, groupEnd), 'phone', emit)) ||
      groupEnd
    start = nextDigit(text, end)
  }
}

function nextDigit(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code >= 48 && code <= 57) return i
  }
  return -1
}

/** Whether the digits at `start` are not the tail of a word, of a decimal fraction or of a longer number. */
function startsNumber(text: string, start: number): boolean {
  if (!startsWord(text, start)) return false
  const before = text[start - 1]
  return !(
    (before === '.' || before === ',' || before === '-' || before === '_') &&
    isAt(text, start - 2, ALNUM)
  )
}

export type Span = { start: number; end: number }

function span(start: number, end: number): Span | undefined {
  return end === -1 ? undefined : { start, end }
}

/** Reports a span and returns its end; 0, which no span ends at, when there is none. */
function report(found: Span | undefined, type: NumberDetector, emit: Emit<NumberDetector>): number {
  if (found === undefined) return 0
  emit(type, found.start, found.end)
  return found.end
}
