// Electronic mail addresses: a local part, `@` (or its URL escape), and a domain that can exist.
import { ALNUM, HEX, isAt } from '../characters.ts'
import type { Emit } from '../finding.ts'

const MAX_LOCAL = 64
const MAX_DOMAIN = 253
/** Endings of file names that are no top-level domains: `logo@2x.png`. */
const FILE_ENDINGS = new Set(
  'png jpg jpeg gif svg webp avif ico bmp css scss less js mjs cjs jsx ts tsx vue json html htm xml yml yaml toml txt csv pdf lock exe dll dylib jar war class map woff ttf log conf ini local internal'.split(
    ' ',
  ),
)
const LOCAL_MARKS = "._+'~!#$*^-"

/** Finds mail addresses. */
export function findEmails(text: string, emit: Emit<'email'>): void {
  findAround(text, '@', emit)
  if (text.includes('%40')) findAround(text, '%40', emit)
}

function findAround(text: string, at: string, emit: Emit<'email'>): void {
  for (let i = text.indexOf(at); i !== -1; i = text.indexOf(at, i + 1)) {
    const start = localStart(text, i)
    if (start === i) continue
    const end = domainEnd(text, i + at.length)
    if (end === -1 || isRemotePath(text, end) || isUserInfo(text, start)) continue
    emit('email', start, end)
    i = end - 1
  }
}

function localStart(text: string, at: number): number {
  if (text[at - 1] === '.') return at
  if (text[at - 1] === '"') return quotedStart(text, at)
  const stop = Math.max(0, at - MAX_LOCAL)
  let start = localRun(text, at, stop)
  // In a URL, `user%2Btag%40…` goes on before the escape; in `mailto%3Auser%40…` the escape is no part of the name.
  while (text[start - 1] === '%' && ESCAPED_LOCAL.test(text.slice(start - 1, start + 2)))
    start = localRun(text, start - 1, stop)
  if (text[start - 1] === '%' && at - start > 2 && isAt(text, start, HEX) && isAt(text, start + 1, HEX))
    start += 2
  while (start < at && !isAt(text, start, ALNUM) && text.charCodeAt(start) < 128 && text[start] !== '_')
    start++
  // `\nuser@…` in escaped text starts after the escape.
  if (text[start - 1] === '\\' && start + 1 < at && 'nrt'.includes(text[start]!)) start++
  return start
}
const ESCAPED_LOCAL = /^%(?:2B|2D|2E|5F)$/i

function localRun(text: string, end: number, stop: number): number {
  let start = end
  while (start > stop && isLocal(text, start - 1)) start--
  return start
}

/** `"john doe"@example.com` */
function quotedStart(text: string, at: number): number {
  const from = Math.max(0, at - MAX_LOCAL)
  const open = text.slice(from, at - 1).lastIndexOf('"')
  const quoted = text.slice(from + open, at)
  return open !== -1 && quoted.length > 2 && !/[\r\n:]/.test(quoted) ? from + open : at
}

function isLocal(text: string, index: number): boolean {
  return isAt(text, index, ALNUM) || LOCAL_MARKS.includes(text[index]!) || isLetterBeyondAscii(text, index)
}

function isLetterBeyondAscii(text: string, index: number): boolean {
  return text.charCodeAt(index) >= 128 && /[\p{L}\p{N}\p{M}]/u.test(text[index]!)
}

/** The end of a domain with a dot and a plausible top-level domain, or -1. */
function domainEnd(text: string, start: number): number {
  const limit = Math.min(text.length, start + MAX_DOMAIN)
  let end = start
  let labelStart = start
  let lastDot = -1
  for (; end < limit; end++) {
    if (text[end] === '.') {
      if (end === labelStart || !(isAt(text, end + 1, ALNUM) || isLetterBeyondAscii(text, end + 1))) break
      lastDot = end
      labelStart = end + 1
    } else if (!isAt(text, end, ALNUM) && text[end] !== '-' && !isLetterBeyondAscii(text, end)) break
  }
  while (end > start && text[end - 1] === '-') end--
  if (lastDot === -1 || text[start] === '-') return -1
  const domain = text.slice(start, end).toLowerCase()
  return canExist(domain, domain.slice(lastDot + 1 - start)) ? end : -1
}

function canExist(domain: string, top: string): boolean {
  if (!/^(?:\p{L}{2,24}|xn--[a-z0-9-]{2,59})$/u.test(top)) return false
  return !FILE_ENDINGS.has(top) && !/^[v^~]?[0-9]{1,4}\.[0-9]/.test(domain)
}

/** `git@host.example:team/repository` names a place on a machine. */
function isRemotePath(text: string, end: number): boolean {
  return text[end] === ':' && /^:(?:[~/.]|[\w.-]{1,64}\/)/.test(text.slice(end, end + 68))
}

/** `scheme://user:word@host` is a URL: see connection_string. */
function isUserInfo(text: string, start: number): boolean {
  if (text.startsWith('//', start - 2)) return true
  return text[start - 1] === ':' && /:\/\/[^\s"'<>]*$/.test(text.slice(Math.max(0, start - MAX_LOCAL), start))
}
