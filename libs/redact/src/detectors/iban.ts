// International bank account numbers (ISO 13616): a country, its length, and the remainder 1 by 97.
import { LETTER, ALNUM, DIGIT, isAt, startsWord } from '../characters.ts'
import { isSeparator } from './digit-groups.ts'
import type { Span } from './numbers.ts'

const LENGTHS: Record<string, number> = Object.fromEntries(
  (
    'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ' +
    'ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 ' +
    'LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 ' +
    'PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30'
  )
    .split(' ')
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
)

/** The account number whose check digits start at `digits`, or undefined. */
export function ibanSpan(text: string, digits: number): Span | undefined {
  const start = digits - 2
  if (
    start < 0 ||
    !isAt(text, start, LETTER) ||
    !isAt(text, start + 1, LETTER) ||
    !isAt(text, digits + 1, DIGIT)
  )
    return undefined
  const length = LENGTHS[text.slice(start, digits).toUpperCase()]
  if (length === undefined || !startsWord(text, start)) return undefined
  let compact = ''
  let end = start
  while (compact.length < length) {
    if (isAt(text, end, ALNUM)) compact += text[end++]!
    else if (isSeparator(text, end) && isAt(text, end + 1, ALNUM)) end++
    else return undefined
  }
  return !isAt(text, end, ALNUM) && remainder(compact.toUpperCase()) === 1 ? { start, end } : undefined
}

function remainder(iban: string): number {
  let rest = 0
  for (const character of iban.slice(4) + iban.slice(0, 4)) {
    const value = parseInt(character, 36)
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97
  }
  return rest
}
