import { domainToUnicode } from 'node:url'
import type { Unknown, UrlFact } from '@mcpshield/policy/facts'

const defaultPorts: Record<string, number> = { http: 80, https: 443, ws: 80, wss: 443, ftp: 21 }

/** Who is to read the URL: this product, or a program whose parser is not known. */
export type UrlReader = 'ours' | 'others'

/**
 * A URL as the WHATWG parser sees it: that host is the one connected to. Unknown: what does not parse, credentials,
 * schemes whose host the standard does not define, and what another reader may take for another host. `schemes` narrows
 * the schemes a tool can reach at all.
 */
export function parseUrl(
  text: string,
  schemes: readonly string[] = Object.keys(defaultPorts),
  reader: UrlReader = 'ours',
): UrlFact | Unknown {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    return { unknown: 'the URL is not a valid absolute URL' }
  }
  const scheme = url.protocol.slice(0, -1)
  const defaultPort = defaultPorts[scheme]
  if (defaultPort === undefined) return { unknown: `the scheme ${scheme} has no host that is known here` }
  if (!schemes.includes(scheme)) return { unknown: `the scheme ${scheme} is not one this tool reaches` }
  if (url.username !== '' || url.password !== '') return { unknown: 'the URL carries credentials' }
  if (reader === 'others' && !isReadAlike(text, url))
    return { unknown: 'programs do not agree which host the URL names' }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  if (host === '') return { unknown: 'the URL has no host' }
  if (!isHostName(host)) return { unknown: 'the host of the URL is not a name that can be looked up' }
  return { href: url.href, scheme, host, port: url.port === '' ? defaultPort : Number(url.port) }
}

/** What the URL standard lets through and no resolver does: empty or long labels, international ones that say nothing. */
function isHostName(host: string): boolean {
  if (host.includes(':')) return true
  const name = host.endsWith('.') ? host.slice(0, -1) : host
  return name.length <= 253 && name.split('.').every(isLabel)
}

function isLabel(label: string): boolean {
  if (label === '' || label.length > 63) return false
  return !label.startsWith('xn--') || !domainToUnicode(label).startsWith('xn--')
}

// Letters that older and newer rules for international names turn into different ones.
const deviations = /[\u00df\u1e9e\u03c2\u200c\u200d]/

/** True for a URL whose host is written as it is: nothing of it is repaired, dropped, decoded or counted otherwise. */
function isReadAlike(text: string, url: URL): boolean {
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?#\\\s]*)(?=[/?#]|$)/i.exec(text)?.[1]
  if (authority === undefined || /[\t\n\r]/.test(text)) return false
  const host = authority.replace(/:\d*$/, '')
  if (/[^\x21-\x7e]/.test(host)) return !deviations.test(host)
  return host.toLowerCase() === url.hostname
}
