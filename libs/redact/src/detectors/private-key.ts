// Private keys: PEM and OpenPGP blocks (with real or escaped line breaks, whole or cut off), their base64, PuTTY's
// format and the private members of JSON web keys.
import { BASE64, isAt, runEnd, varietyOf } from '../characters.ts'
import type { Emit } from '../finding.ts'

/** Longer than the PEM of a 16,384 bit RSA key. */
const MAX_BODY = 32_768
/** A block without a run of this length is a mention of the format, not a key. */
const MIN_LINE = 16
/** Headers (`Proc-Type`, `Version`, a comment) have fewer words than this: what has more is a text, not a key. */
const MAX_WORDS = 40
const BEGIN = /-{3,5} ?BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)? ?-{3,5}/y
const END = /-{3,5} ?END (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)? ?-{3,5}/y

/** Finds private keys. */
export function findPrivateKeys(text: string, emit: Emit<'private_key'>): void {
  findPem(text, emit)
  findEncodedPem(text, emit)
  findPutty(text, emit)
  findJwk(text, emit)
}

function findPem(text: string, emit: Emit<'private_key'>): void {
  for (let at = text.indexOf('BEGIN '); at !== -1; at = text.indexOf('BEGIN ', at + 1)) {
    let start = at
    if (text[start - 1] === ' ') start--
    while (start > at - 6 && text[start - 1] === '-') start--
    BEGIN.lastIndex = start
    if (!BEGIN.test(text)) continue
    const body = readBody(text, BEGIN.lastIndex)
    if (!body.isKey) continue
    emit('private_key', start, body.end)
    at = body.end - 1
  }
}

/** Reads base64, headers such as `Proc-Type: 4,ENCRYPTED`, and line breaks, up to the END line if there is one. */
function readBody(text: string, from: number): { end: number; isKey: boolean } {
  const limit = Math.min(text.length, from + MAX_BODY)
  let end = from
  let isKey = false
  let previous = 0
  let words = 0
  for (let i = from; i < limit;) {
    if (text[i] === '-' && text.startsWith('---', i)) {
      END.lastIndex = i
      return { end: END.test(text) ? END.lastIndex : end, isKey }
    }
    if (isAt(text, i, BASE64)) {
      const stop = runEnd(text, i, BASE64, limit)
      const length = stop - i
      isKey ||= length >= MIN_LINE && varietyOf(text.slice(i, i + 64), 7) === 7
      // A short run is the last line of a key, or a word of a sentence when no line of key stands before it.
      if (length >= MIN_LINE || previous >= MIN_LINE) end = stop
      if (length < MIN_LINE && ++words > MAX_WORDS) break
      previous = length
      i = stop
    } else if (BETWEEN_LINES.test(text[i]!) && !endsTheValue(text, i)) i++
    else break
  }
  return { end, isKey }
}
const BETWEEN_LINES = /[\s\\:,.()"'>|-]/

/** A bare quote ends the string that holds the key, unless the string goes on (`"…" + "…"` over several lines). */
function endsTheValue(text: string, at: number): boolean {
  const character = text[at]
  if (character !== '"' && character !== "'") return false
  CONTINUED.lastIndex = at
  return !CONTINUED.test(text)
}
const CONTINUED = /["'][ \t]{0,4}[+,.]?[ \t]{0,4}\\?[\r\n]{0,2}[ \t]{0,32}[+.]?[ \t]{0,4}["']/y

/** `-----BEGIN` in base64, as Kubernetes and CI variables carry it. */
function findEncodedPem(text: string, emit: Emit<'private_key'>): void {
  const marker = 'LS0tLS1CRUdJTi'
  for (let at = text.indexOf(marker); at !== -1; at = text.indexOf(marker, at + marker.length)) {
    const head = atob(
      text
        .slice(at, at + 64)
        .replace(/[^A-Za-z0-9+/].*$/s, '')
        .replace(/^((?:.{4})*).{0,3}$/s, '$1'),
    )
    const end = runEnd(text, at, BASE64)
    if (head.includes('PRIVATE KEY') && end - at > 100) emit('private_key', at, end)
    at = Math.max(at, end - marker.length)
  }
}

function findPutty(text: string, emit: Emit<'private_key'>): void {
  const marker = 'PuTTY-User-Key-File-'
  const lines = 'Private-Lines:'
  for (let at = text.indexOf(marker); at !== -1; at = text.indexOf(marker, at + marker.length)) {
    const body = text.slice(at, at + MAX_BODY).indexOf(lines)
    if (body === -1) return
    const { end, isKey } = readBody(text, at + body + lines.length)
    if (isKey) emit('private_key', at, end)
    at = Math.max(at, at + body)
  }
}

/** The `d` member of a JSON web key, and the primes beside it. */
function findJwk(text: string, emit: Emit<'private_key'>): void {
  if (!text.includes('kty')) return
  for (const match of text.matchAll(/\\?"(?:d|p|q|dp|dq|qi|k)\\?" ?: ?\\?"([A-Za-z0-9_-]{22,2048})\\?"/g)) {
    const start = match.index + match[0].indexOf(match[1]!, 5)
    emit('private_key', start, start + match[1]!.length)
  }
}
