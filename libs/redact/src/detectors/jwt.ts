// JSON web tokens: base64url parts joined by dots, the first of which decodes to a JSON object.
import { BASE64URL, runEnd, startsWord } from '../characters.ts'
import type { Emit } from '../finding.ts'

/** A header beyond this length is not decoded. */
const MAX_HEADER = 16_384
const PARTS_OF_AN_ENCRYPTED_TOKEN = 5

/** Finds signed, encrypted and unsecured JSON web tokens. */
export function findJwts(text: string, emit: Emit<'jwt'>): void {
  for (let at = text.indexOf('eyJ'); at !== -1; at = text.indexOf('eyJ', at + 3)) {
    if (!startsWord(text, at)) continue
    const headerEnd = runEnd(text, at, BASE64URL)
    let end = headerEnd
    let parts = 1
    while (parts < PARTS_OF_AN_ENCRYPTED_TOKEN && text[end] === '.') {
      const next = runEnd(text, end + 1, BASE64URL)
      // An unsecured token ends in a dot; an encrypted one may have an empty second part.
      if (next === end + 1 && parts !== 2 && text[next] !== '.') break
      end = next
      parts++
    }
    if (parts > 1 && isHeader(text, at, headerEnd, parts)) emit('jwt', at, end)
    // Everything up to here was one word: no token starts inside of it.
    at = Math.max(at, end - 3)
  }
}

function isHeader(text: string, start: number, end: number, parts: number): boolean {
  if (end - start < 8 || end - start > MAX_HEADER) return false
  const header = parseObject(text.slice(start, end))
  if (header === undefined) return false
  return parts > 2 || 'alg' in header || 'typ' in header
}

function parseObject(base64url: string): object | undefined {
  try {
    const value: unknown = JSON.parse(atob(base64url.replaceAll('-', '+').replaceAll('_', '/')))
    return typeof value === 'object' && value !== null ? value : undefined
  } catch (notJson) {
    if (notJson instanceof Error) return undefined
    throw notJson
  }
}
