// What is put in the place of something redacted. Markers are recognised again, so that redacting twice changes
// nothing; their grammar leaves no room to hide anything in a forged one.

/** How a finding is replaced. `hash` lets equal values be told from different ones without showing them. */
export type ReplaceWith = 'mask' | 'hash' | 'drop'
/** A keyed hash (HMAC) as hexadecimal; the key stays with the caller. */
export type KeyedHash = (text: string) => string

export const WITHHELD = '[withheld:redaction_not_possible]'
const HASH_DIGITS = 16
const MARKER = /\[(?:redacted:[a-z_]{1,24}|hash:[a-z_]{1,24}:[0-9a-f]{16}|withheld:redaction_not_possible)\]/y
const MAX_MARKER = 64

/** The text that stands for a redacted one. */
export function markerFor(type: string, text: string, how: ReplaceWith, keyedHash: KeyedHash): string {
  if (how === 'drop') return ''
  if (how === 'mask') return `[redacted:${type}]`
  const hash = keyedHash(text).toLowerCase().slice(0, HASH_DIGITS)
  // A hash function that answers anything else must not be able to leak what it was given.
  return /^[0-9a-f]{16}$/.test(hash) ? `[hash:${type}:${hash}]` : `[redacted:${type}]`
}

/** Whether a text is a marker and nothing else. */
export function isMarker(text: string): boolean {
  MARKER.lastIndex = 0
  return MARKER.test(text) && MARKER.lastIndex === text.length
}

/** Whether a span lies inside of a marker. */
export function isInMarker(text: string, start: number, end: number): boolean {
  if (end - start > MAX_MARKER) return false
  const from = text.slice(Math.max(0, start - MAX_MARKER), start + 1).lastIndexOf('[')
  if (from === -1) return false
  const open = Math.max(0, start - MAX_MARKER) + from
  MARKER.lastIndex = open
  return MARKER.test(text) && end <= MARKER.lastIndex
}
