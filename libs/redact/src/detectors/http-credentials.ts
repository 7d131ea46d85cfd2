// Credentials as HTTP carries them: `Bearer …`, `Basic …`, `Token …`, session cookies, and `user:password` given
// to curl.
import { BASE64, BASE64URL, DOT, isAt, runEnd, startsWord } from '../characters.ts'
import type { Emit } from '../finding.ts'
import { isPlaceholder } from '../placeholder.ts'

const SCHEME = /\b(bearer|basic|token|apikey|digest|negotiate|ntlm|oauth)(?: |%20|\+|: ?)["']?/gi
const COOKIE = /\b(?:set-)?cookie["']? ?[:=] ?/gi
const COOKIE_PAIR = /([\w.-]{1,64})=([^;\s"'\\]{8,4096})/y
const SESSION_NAME =
  /sess|sid\b|^sid|auth|token|jwt|remember|login|csrf|xsrf|identity|ticket|\.aspnet|secure/i
const MAX_COOKIES = 64
/** Members without a value that matters, before reading gives up. */
const MAX_FLAGS = 3
/** Inside a run that is no credential a scheme may stand. All runs together are read this often. */
const READS_PER_CHARACTER = 2
const TOKEN_CHARACTERS = BASE64 | BASE64URL | DOT

/** Finds credentials in HTTP headers and in the commands that send them. */
export function findHttpCredentials(text: string, emit: Emit<'http_credentials'>): void {
  findSchemes(text, emit)
  for (const match of text.matchAll(COOKIE)) findCookies(text, match.index + match[0].length, emit)
  if (text.includes('curl')) findCurlUsers(text, emit)
}

function findSchemes(text: string, emit: Emit<'http_credentials'>): void {
  const schemes = new RegExp(SCHEME)
  let budget = READS_PER_CHARACTER * text.length + 4096
  for (let match = schemes.exec(text); match !== null; match = schemes.exec(text)) {
    const start = schemes.lastIndex
    if (!startsWord(text, match.index)) continue
    const end = tokenEnd(text, start)
    const value = text.slice(start, Math.min(end, start + 512))
    const scheme = match[1]!.toLowerCase()
    const carries = scheme === 'basic' ? isBasic(value) : isOpaque(text, match.index, scheme, value)
    if (carries) emit('http_credentials', start, end)
    budget -= carries ? 0 : end - start
    if (carries || budget < 0) schemes.lastIndex = Math.max(start, end)
  }
}

function tokenEnd(text: string, start: number): number {
  let end = start
  for (;;) {
    end = runEnd(text, end, TOKEN_CHARACTERS)
    if (text[end] !== '~' && text[end] !== ':' && text[end] !== '|') break
    if (!isAt(text, end + 1, TOKEN_CHARACTERS)) break
    end++
  }
  while (end > start && text[end - 1] === '.') end--
  return end
}

/** `user:password` in base64. */
function isBasic(value: string): boolean {
  if (value.length < 6 || !/^[A-Za-z0-9+/_-]+={0,2}$/.test(value)) return false
  try {
    const decoded = atob(value.replaceAll('-', '+').replaceAll('_', '/'))
    return /^[\x20-\x7e\x80-\xff]*:[\x20-\x7e\x80-\xff]+$/.test(decoded)
  } catch (notBase64) {
    if (notBase64 instanceof Error) return false
    throw notBase64
  }
}

/** A token nobody can read: `Bearer of news` and `token: string` are not. */
function isOpaque(text: string, at: number, scheme: string, value: string): boolean {
  if (value.length < MIN_IN_HEADER || !(scheme === 'bearer' || isHeader(text, at))) return false
  if (value.length < MIN_BEARER && !isHeader(text, at)) return false
  const random = /[0-9]/.test(value) || (value.length >= 20 && /[a-z]/.test(value) && /[A-Z]/.test(value))
  return random && !isPlaceholder(value)
}
const MIN_IN_HEADER = 8
const MIN_BEARER = 12

function isHeader(text: string, at: number): boolean {
  return /authorization\\?["']? ?[:=,] ?\\?["']?$/i.test(text.slice(Math.max(0, at - 24), at))
}

function findCookies(text: string, start: number, emit: Emit<'http_credentials'>): void {
  let at = start
  let flags = 0
  for (let count = 0; count < MAX_COOKIES; count++) {
    while (text[at] === ' ' || text[at] === ';' || text[at] === '"' || text[at] === "'") at++
    COOKIE_PAIR.lastIndex = at
    const pair = COOKIE_PAIR.exec(text)
    if (pair === null) {
      if (++flags > MAX_FLAGS) return
      const next = text.slice(at, at + 128).search(/;/)
      if (next === -1 || /[\r\n]/.test(text.slice(at, at + next))) return
      at += next + 1
      continue
    }
    const value = at + pair[1]!.length + 1
    at = COOKIE_PAIR.lastIndex
    if (SESSION_NAME.test(pair[1]!) && !isPlaceholder(pair[2]!)) emit('http_credentials', value, at)
  }
}

/** `curl -u user:password` */
function findCurlUsers(text: string, emit: Emit<'http_credentials'>): void {
  for (const match of text.matchAll(
    /(?:^|[\s"'])(?:-u|--user|--proxy-user|-U) ?=?["']?([^\s"':]{0,64}):([^\s"']{3,256})/g,
  )) {
    if (isPlaceholder(match[2]!)) continue
    const end = match.index + match[0].length
    emit('http_credentials', end - match[2]!.length, end)
  }
}
