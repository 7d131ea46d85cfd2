// The URL of a connection, below which its requests have to stay.
import { AppError } from '@mcpshield/contracts/errors'
import { parseUrl } from '@mcpshield/facts/urls'
import { isUnknown, type UrlFact } from '@mcpshield/policy/facts'
import type { ConnectionSpec } from './connector.ts'

export function baseOf({ name, url }: ConnectionSpec): URL | undefined {
  if (url === null) return undefined
  const fact = parseUrl(url, ['http', 'https'])
  if (isUnknown(fact))
    throw new AppError(
      'INVALID_ARGUMENT',
      `The connection ${name} has no URL that can be used: ${fact.unknown}.`,
    )
  return new URL(fact.href)
}

/** Whether a URL has the origin of the base and a path at or below its path, as any server may read it. */
export function isBelow(base: URL, { href }: UrlFact): boolean {
  const url = new URL(href)
  if (url.origin !== base.origin) return false
  const folder = base.pathname.endsWith('/') ? base.pathname : `${base.pathname}/`
  if (folder === '/') return true
  if (url.pathname !== base.pathname && !url.pathname.startsWith(folder)) return false
  return !climbs(url.pathname)
}

/** Servers decode once more, take \ for /, and cut a name at ; before they read `..`. */
function climbs(pathname: string): boolean {
  let path = pathname
  for (let round = 0; round < 3; round++) {
    if (path.split(/[/\\]/).some((name) => /^\.\.?(;.*)?$/.test(name))) return true
    try {
      path = decodeURIComponent(path)
    } catch {
      // Not UTF-8: what a server makes of it is not known, and only ASCII matters here.
      path = path.replace(/%(2e|2f|5c|3b|25)/gi, (code) => String.fromCharCode(parseInt(code.slice(1), 16)))
    }
  }
  return path.split(/[/\\]/).some((name) => /^\.\.?(;.*)?$/.test(name))
}
