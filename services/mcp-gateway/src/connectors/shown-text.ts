// Bytes of a file or a response as what the client is shown: text where they are text, else base64, and nothing at
// all where a redaction cannot look into them.
import type { JsonValue } from '@mcpshield/policy/facts'
import { parseDocument } from '@mcpshield/redact/json-text'
import { WITHHELD } from '@mcpshield/redact/marker'
import type { Grant } from './connector.ts'

/** Where a line is cut in two, this much before the cut may be the first half of what should not be shown. */
const MAX_HALF_SECRET = 4_096

export type Portion = {
  bytes: Uint8Array
  /** True when something follows that is not here. */
  cut: boolean
  /** True when something stands before that is not here. */
  begun?: boolean
  charset?: string
}

/** The text of some bytes; undefined when they are not text. What is left of a character at an end is dropped. */
export function textOf({ bytes, cut, begun = false, charset = 'utf-8' }: Portion): string | undefined {
  try {
    // Kept as it is: a byte order mark belongs to the file.
    const decoder = new TextDecoder(charset, { fatal: true, ignoreBOM: true })
    const whole = begun && charset === 'utf-8' ? bytes.subarray(halfCharacterAtStart(bytes)) : bytes
    const text = decoder.decode(whole, { stream: cut })
    return text.includes('\0') ? undefined : text
  } catch {
    return undefined
  }
}

/** How many bytes at the start continue a character that began before. */
export function halfCharacterAtStart(bytes: Uint8Array): number {
  let count = 0
  while (count < 3 && ((bytes[count] ?? 0) & 0xc0) === 0x80) count++
  return count
}

/** Text as the grant lets it be shown. */
export function shownText(text: string, cut: boolean, grant: Grant): string {
  // A rule about fields can look into a JSON document and into nothing else.
  if (grant.needsSources && parseDocument(text) === undefined) return WITHHELD
  return cut && grant.redacts ? beforeHalfSecrets(text) : text
}

/** Bytes that are no text, as the grant lets them be shown. */
export function shownBytes(bytes: Uint8Array, grant: Grant): JsonValue {
  return grant.redacts ? WITHHELD : Buffer.from(bytes).toString('base64')
}

/** A secret that a cut goes through is not recognised: what may be half of one is left out. */
function beforeHalfSecrets(text: string): string {
  const line = text.lastIndexOf('\n')
  return line >= text.length - MAX_HALF_SECRET ? text.slice(0, line + 1) : text.slice(0, -MAX_HALF_SECRET)
}
