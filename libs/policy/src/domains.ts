// Entries of allowed_domains and blocked_domains, and which URLs they match. Hosts are compared as the WHATWG
// parser writes them, never as text of the URL.
import type { UrlFact } from './facts.ts'

/** `any` is `*`, `below` is `*.domain` (subdomains only), `host` is the host itself. */
export type DomainEntry = {
  match: 'any' | 'below' | 'host'
  host: string
  scheme?: string
  port?: number
}

const DEFAULT_PORTS: Record<string, number> = { http: 80, https: 443, ws: 80, wss: 443, ftp: 21 }
const ENTRY = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(\[[0-9a-f:.]+\]|[^/?#@:[\]\s\\]+)(?::([0-9]{1,5}))?$/i

/** Reads an entry, or says what is wrong with it. */
export function readDomain(text: string): DomainEntry | { problem: string; fix?: string } {
  if (text === '') return { problem: 'must not be empty' }
  const [, scheme, name, portText] = ENTRY.exec(text) ?? []
  if (name === undefined) {
    const problem = 'must be a domain, such as api.example.com, *.example.com or https://api.example.com:8443'
    const fix = withoutPath(text)
    return { problem, ...(fix === undefined ? {} : { fix: `write ${fix}` }) }
  }
  const extra: { scheme?: string; port?: number } = {}
  if (scheme !== undefined) {
    if (!Object.hasOwn(DEFAULT_PORTS, scheme.toLowerCase())) {
      return { problem: `names the scheme ${scheme}; known are http, https, ws, wss and ftp` }
    }
    extra.scheme = scheme.toLowerCase()
  }
  if (portText !== undefined) {
    const port = Number(portText)
    if (port < 1 || port > 65_535) return { problem: 'names a port outside 1 to 65535' }
    extra.port = port
  }
  if (name === '*') return { match: 'any', host: '', ...extra }
  const below = name.startsWith('*.')
  const host = parsedHost(below ? name.slice(2) : name)
  if (host === undefined || host.includes('*')) {
    return {
      problem: 'is no host; `*` may stand alone or in front of a domain, as in *.example.com',
    }
  }
  if (host.startsWith('.') || host.includes('..')) {
    const problem = 'has an empty name between its dots; subdomains are written *.example.com'
    const name = host.replace(/^\.+/, '')
    return { problem, ...(name.includes('..') ? {} : { fix: `write *.${name}` }) }
  }
  if (below && isAddress(host)) return { problem: 'an IP address has no subdomains' }
  return { match: below ? 'below' : 'host', host, ...extra }
}

/** The part of a URL that can be an entry. */
function withoutPath(text: string): string | undefined {
  const found = /^((?:[a-z][a-z0-9+.-]*:\/\/)?[^/?#@\s\\]+)[/?#]/i.exec(text)?.[1]
  return found !== undefined && ENTRY.test(found) ? found : undefined
}

function parsedHost(name: string): string | undefined {
  try {
    const host = new URL(`http://${name}/`).hostname
    return host.startsWith('[') ? host.slice(1, -1) : host
  } catch {
    return undefined
  }
}

/**
 * For rules that open: the scheme is http or https and the port the scheme's own unless the entry says more, and
 * hosts that are this machine or its surroundings match only when named.
 */
export function opens(entry: DomainEntry, url: UrlFact): boolean {
  const schemeFits =
    entry.scheme === undefined ? url.scheme === 'https' || url.scheme === 'http' : url.scheme === entry.scheme
  if (!schemeFits) return false
  if (entry.match === 'host') return url.host === entry.host && portOpens(entry, url)
  if (isLocalHost(url.host)) return false
  if (entry.match === 'any') return entry.port === undefined || url.port === entry.port
  return (
    url.host.endsWith(`.${entry.host}`) && url.host.length > entry.host.length + 1 && portOpens(entry, url)
  )
}

function portOpens(entry: DomainEntry, url: UrlFact): boolean {
  return url.port === (entry.port ?? DEFAULT_PORTS[url.scheme])
}

/** For rules that close: every spelling of the host, any scheme and any port unless the entry names one. */
export function closes(entry: DomainEntry, url: UrlFact): boolean {
  if (entry.scheme !== undefined && url.scheme !== entry.scheme) return false
  if (entry.port !== undefined && url.port !== entry.port) return false
  if (entry.match === 'any') return true
  const host = plainHost(url.host)
  const wanted = plainHost(entry.host)
  return entry.match === 'host' ? host === wanted : host.endsWith(`.${wanted}`)
}

/** Lower case, without the dots at its end: names of the same host. */
export function plainHost(host: string): string {
  let end = host.length
  while (end > 0 && host[end - 1] === '.') end--
  return host.slice(0, end).toLowerCase()
}

const LOCAL_NAMES = new Set([
  ...['localhost', 'localhost.localdomain', 'ip6-localhost', 'ip6-loopback'],
  ...['metadata', 'metadata.google.internal', 'metadata.goog', 'metadata.azure.internal'],
  ...['instance-data', 'instance-data.ec2.internal'],
])

/** This machine, its link or the cloud's metadata service: by address or by a name known for it. */
export function isLocalHost(host: string): boolean {
  const name = plainHost(host)
  return isAddress(name) || LOCAL_NAMES.has(name) || name.endsWith('.localhost')
}

function isAddress(host: string): boolean {
  return host.includes(':') || /^[0-9]+(\.[0-9]+){3}$/.test(host)
}
