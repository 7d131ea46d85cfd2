// Connection strings that carry a password: `scheme://user:password@host/…`, and the data source names of Go's
// MySQL driver. The whole string is reported: a password may hold any of the marks that would delimit it.
import { ALNUM, BASE64_MARK, DIGIT, DOT, URL_MARK, runEnd, runStart } from '../characters.ts'
import type { Emit } from '../finding.ts'
import { isPlaceholder } from '../placeholder.ts'

const MAX_LENGTH = 2048
const MAX_SCHEME = 24
const ENDS = /[\s"'<>`|\\]/
const SCHEME_CHARACTERS = ALNUM | URL_MARK | BASE64_MARK | DOT

/** Finds connection strings with a password in them. */
export function findConnectionStrings(text: string, emit: Emit<'connection_string'>): void {
  for (let at = text.indexOf('://'); at !== -1; at = text.indexOf('://', at + 3)) {
    const start = runStart(text, at, SCHEME_CHARACTERS, MAX_SCHEME)
    const authority = at + 3
    if (start === at) continue
    const end = tokenEnd(text, authority)
    const userInfoEnd = findUserInfoEnd(text, authority, end)
    if (userInfoEnd === -1 || !carriesPassword(text.slice(authority, userInfoEnd))) continue
    emit('connection_string', schemeStart(text, start, at), end)
    at = end - 3
  }
  findDataSourceNames(text, emit)
}

function tokenEnd(text: string, start: number): number {
  const limit = Math.min(text.length, start + MAX_LENGTH)
  let end = start
  // A URL without `@` near its front has no user: reading stops at the next URL, which keeps the scan linear.
  while (end < limit && !ENDS.test(text[end]!) && !(text[end] === ':' && text.startsWith('://', end))) end++
  while (end > start && /[,.;)\]}]/.test(text[end - 1]!)) end--
  return end
}

/** The `@` that ends the user's part. A password may hold `@`, `/`, `?` and `#` although it should not. */
function findUserInfoEnd(text: string, start: number, end: number): number {
  const token = text.slice(start, end)
  const path = token.search(/[/?#]/)
  const inAuthority = token.lastIndexOf('@', path === -1 ? token.length : path)
  if (inAuthority !== -1) return start + inAuthority
  const colon = token.indexOf(':')
  const at = token.lastIndexOf('@')
  if (at === -1 || colon === -1 || colon > path) return -1
  // `host:8080/@name` has a port there, not a password.
  return runEnd(text, start + colon + 1, DIGIT) >= start + path ? -1 : start + at
}

function carriesPassword(userInfo: string): boolean {
  const colon = userInfo.indexOf(':')
  if (colon !== -1) {
    const password = userInfo.slice(colon + 1)
    return password !== '' && !isPlaceholder(password) && !/^\$|^\{|^<|^\*+$/.test(password)
  }
  // A token in the place of the user: long, of mixed characters, and no plain identifier.
  return (
    userInfo.length >= 20 && /[0-9]/.test(userInfo) && /[A-Z_]/.test(userInfo) && !isPlaceholder(userInfo)
  )
}

function schemeStart(text: string, start: number, colon: number): number {
  // `URL=postgres://…`: the run of scheme characters includes `=`, the scheme does not.
  const scheme = /[A-Za-z][A-Za-z0-9+.-]*$/.exec(text.slice(start, colon))
  return scheme === null ? start : start + scheme.index
}

/** `user:password@tcp(host:3306)/database`, `jdbc:oracle:thin:user/password@host` */
function findDataSourceNames(text: string, emit: Emit<'connection_string'>): void {
  for (const protocol of ['@tcp(', '@unix(', '@tcp6(']) {
    for (let at = text.indexOf(protocol); at !== -1; at = text.indexOf(protocol, at + 1)) {
      let start = at
      while (start > 0 && start > at - MAX_USER_INFO && !BEFORE_USER.test(text[start - 1]!)) start--
      const colon = text.slice(start, at).indexOf(':')
      if (colon === -1 || isPlaceholder(text.slice(start + colon + 1, at))) continue
      const end = tokenEnd(text, at)
      emit('connection_string', start, end)
      at = Math.max(at, end - 1)
    }
  }
  for (let at = text.indexOf('thin:'); at !== -1; at = text.indexOf('thin:', at + 1)) {
    THIN.lastIndex = at
    const password = THIN.exec(text)?.[1]
    if (password !== undefined && !isPlaceholder(password))
      emit('connection_string', at, tokenEnd(text, THIN.lastIndex))
  }
}
const MAX_USER_INFO = 128
const BEFORE_USER = /[\s"'`<>=]/
const THIN = /thin:[\w.-]{1,64}\/([^\s@"']{1,128})@/y
