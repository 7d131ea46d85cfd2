// Which values can be secrets, given the kind of name they stand under and the way they are written.
import { varietyOf } from './characters.ts'
import type { SecretKind } from './secret-names.ts'

export type HowWritten = 'quoted' | 'bare' | 'said'

const MIN_WORD = 4
const MIN_TOKEN = 8
/** Words of forms, messages and documentation, which stand where a password would. */
const PROSE =
  /\b(?:enter|your|please|must|required|forgot|reset|invalid|incorrect|wrong|expired|missing|cannot|field|characters|should|change|confirm|create|update|updated|changed|the|is|are|was|for|not|and|or|of|to|policy|strength|length|mismatch|do|does|match)\b/i
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const DATE_OR_NUMBER =
  /^(?:[0-9]{1,3}|[0-9]{4}-[0-9]{2}-[0-9]{2}.*|[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h|d|days|hours|minutes|seconds|kb|mb|gb|%))$/i
const PATH_OR_URL = /^(?:\.{0,2}\/[\w.@-]+(?:\/|\.\w+$)|~\/|[A-Za-z]:\\|[a-z][a-z0-9+.-]*:\/\/)/

/** Whether a value that is no placeholder can be a secret. */
export function looksSecret(value: string, kind: SecretKind, how: HowWritten): boolean {
  if (DATE_OR_NUMBER.test(value)) return kind === 'word' && /^[0-9]{4,}$/.test(value) && how !== 'said'
  return kind === 'word' ? looksChosen(value, how) : looksMade(value)
}

/** A password: short and simple ones count, sentences about passwords do not. */
function looksChosen(value: string, how: HowWritten): boolean {
  if (value.length < MIN_WORD || PATH_OR_URL.test(value)) return false
  const mixed = /[0-9]/.test(value) || /[^A-Za-z0-9\s.,:;'"()_-]/.test(value)
  if (/\s/.test(value))
    return how === 'quoted' && !PROSE.test(value) && (mixed || value.split(/\s+/).length > 2)
  if (mixed || how === 'quoted') return how !== 'said' || value.length >= 5
  if (how === 'said') return false
  // Letters only, without quotes: a password in an assignment, a word in a sentence.
  return !PROSE.test(value) && varietyOf(value, 4) >= 4
}

/** Whether a value is a UUID. */
export function isUuid(value: string): boolean {
  return UUID.test(value)
}

/** A token: long, without spaces, and not made of words. */
function looksMade(value: string): boolean {
  if (value.length < MIN_TOKEN || /\s/.test(value) || PATH_OR_URL.test(value)) return false
  if (isUuid(value)) return true
  if (/^[0-9]+$/.test(value)) return value.length >= 16
  if (!/[A-Za-z]/.test(value)) return false
  if (isIdentifier(value)) return false
  const hasDigit = /[0-9]/.test(value)
  if (hasDigit) return value.length >= 12 || entropyOf(value) >= 2.5
  return value.length >= 20 && /[a-z]/.test(value) && /[A-Z]/.test(value) && entropyOf(value) >= 3.5
}

/** `next_page_token`, `userAccessKey`, `AUTH_TOKEN`, `refresh-v2`: words joined, with few digits. */
function isIdentifier(value: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9]*(?:[_.:/-][A-Za-z0-9]+)*$/.test(value)) return false
  const parts = value.split(/[_.:/-]/).flatMap((part) => part.split(/(?<=[a-z])(?=[A-Z])/))
  return (
    parts.every((part) =>
      /^(?:[A-Z]?[a-z]{1,14}|[A-Z]{1,14}|v?[0-9]{1,2}|[a-z]{2,12}[0-9]{1,2})$/.test(part),
    ) &&
    (parts.length > 1 || value.length < 16)
  )
}

/** Shannon entropy in bits per character. */
export function entropyOf(value: string): number {
  const counts = new Map<string, number>()
  for (const character of value) counts.set(character, (counts.get(character) ?? 0) + 1)
  let bits = 0
  for (const count of counts.values()) bits -= (count / value.length) * Math.log2(count / value.length)
  return bits
}
