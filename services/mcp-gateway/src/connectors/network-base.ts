// The URL of a connection, below which its requests have to stay.
import { AppError } from '@mcpshield/contracts/errors'
import { climbs } from '@mcpshield/facts/climbing-path'
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
