// Whether an entry of a domain list matches every URL that another one matches.
import { isLocalHost, plainHost } from './domains.ts'
import type { DomainEntry } from './domains.ts'

/** Of entries that open, as in `allowed_domains`. */
export function domainOpens(outer: DomainEntry, inner: DomainEntry): boolean {
  const isWeb = inner.scheme === undefined || inner.scheme === 'http' || inner.scheme === 'https'
  if (outer.scheme === undefined ? !isWeb : outer.scheme !== inner.scheme) return false
  if (outer.match === 'any') {
    if (outer.port !== undefined && outer.port !== inner.port) return false
    return inner.match !== 'host' || !isLocalHost(inner.host)
  }
  if (outer.port !== inner.port || inner.match === 'any') return false
  if (outer.match === 'host') return inner.match === 'host' && inner.host === outer.host
  if (inner.match === 'host') return inner.host.endsWith(`.${outer.host}`) && !isLocalHost(inner.host)
  return inner.host === outer.host || inner.host.endsWith(`.${outer.host}`)
}

/** Of an `outer` entry that closes, as in `blocked_domains`; `inner` may be of either kind. */
export function domainCloses(outer: DomainEntry, inner: DomainEntry): boolean {
  if (outer.scheme !== undefined && outer.scheme !== inner.scheme) return false
  if (outer.port !== undefined && outer.port !== inner.port) return false
  if (outer.match === 'any') return true
  if (inner.match === 'any') return false
  const [wide, narrow] = [plainHost(outer.host), plainHost(inner.host)]
  if (outer.match === 'host') return inner.match === 'host' && narrow === wide
  return narrow.endsWith(`.${wide}`) || (inner.match === 'below' && narrow === wide)
}
