// Secrets whose value is known, such as the credentials of a connector: wherever they come back, plain or in an
// encoding, they are found, whatever they look like.
import { BASE64, BASE64URL, isAt } from './characters.ts'
import { mergeFindings } from './finding.ts'
import type { Finding } from './finding.ts'

/** Shorter values occur by chance: they are looked for as they are, not in encodings. */
const MIN_ENCODED = 6

export type KnownSecretFinder = (text: string) => Finding<'known_secret'>[]

/** A finder of the given values, plain and as JSON, URL, HTML, base64 and hexadecimal text write them. */
export function knownSecretFinder(values: readonly string[]): KnownSecretFinder {
  const plain = new Set(values.filter((value) => value !== '').flatMap(writtenForms))
  const base64 = new Set(values.filter((value) => value.length >= MIN_ENCODED).flatMap(base64Forms))
  return (text) => {
    const found: Finding<'known_secret'>[] = []
    for (const form of plain) {
      for (const start of occurrences(text, form))
        found.push({ type: 'known_secret', start, end: start + form.length })
    }
    for (const form of base64) {
      for (const at of occurrences(text, form)) {
        // The characters at the borders share their bits with what stands beside the secret.
        const start = at - borderLength(text, at, -1)
        found.push({
          type: 'known_secret',
          start,
          end: at + form.length + borderLength(text, at + form.length - 1, 1),
        })
      }
    }
    return mergeFindings(found, ['known_secret'])
  }
}

/** Puts a mask in the place of every known secret. */
export function maskKnownSecrets(text: string, find: KnownSecretFinder): { text: string; count: number } {
  const found = find(text)
  if (found.length === 0) return { text, count: 0 }
  let masked = ''
  let from = 0
  for (const { start, end } of found) {
    masked += `${text.slice(from, start)}[redacted:known_secret]`
    from = end
  }
  return { text: masked + text.slice(from), count: found.length }
}

function* occurrences(text: string, form: string): Generator<number> {
  for (let at = text.indexOf(form); at !== -1; at = text.indexOf(form, at + form.length)) yield at
}

function borderLength(text: string, at: number, step: 1 | -1): number {
  let length = 0
  while (length < 2 && isAt(text, at + step * (length + 1), BASE64 | BASE64URL)) length++
  return length
}

function writtenForms(value: string): string[] {
  if (value.length < MIN_ENCODED) return [value]
  const json = JSON.stringify(value).slice(1, -1)
  const ascii = json.replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  const url = encodeURIComponent(value.toWellFormed())
  const strict = url.replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  const bytes = [...new TextEncoder().encode(value)].map((byte) => byte.toString(16).padStart(2, '0'))
  const lower = (escaped: string) => escaped.replace(/%[0-9A-F]{2}/g, (one) => one.toLowerCase())
  const html = value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  const hex = bytes.join('')
  return [
    ...[value, json, ascii, json.replaceAll('/', '\\/'), JSON.stringify(json).slice(1, -1)],
    ...[url, strict, lower(url), lower(strict), url.replaceAll('%20', '+'), encodeURIComponent(url)],
    ...[`%${bytes.join('%')}`, `%${bytes.join('%').toUpperCase()}`, hex, hex.toUpperCase()],
    ...[
      html,
      html.replaceAll('"', '&quot;').replaceAll("'", '&#39;'),
      html.replaceAll('"', '&#34;').replaceAll("'", '&#x27;'),
    ],
  ]
}

/** The part of the base64 text that depends on the secret alone, for each of the three ways bytes can fall. */
function base64Forms(value: string): string[] {
  const bytes = new TextEncoder().encode(value)
  return [0, 1, 2].flatMap((before) => {
    const padded = String.fromCharCode(...new Uint8Array(before), ...bytes)
    const encoded = btoa(padded)
    const first = Math.ceil((before * 8) / 6)
    const last = Math.floor(((before + bytes.length) * 8) / 6)
    const core = encoded.slice(first, last)
    return [core, core.replaceAll('+', '-').replaceAll('/', '_')]
  })
}
