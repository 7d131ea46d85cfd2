import type { Unknown, UrlFact } from '@mcpshield/policy/facts'

const defaultPorts: Record<string, number> = { http: 80, https: 443, ws: 80, wss: 443, ftp: 21 }

/**
 * A URL as the WHATWG parser sees it: that host is the one connected to. Unknown: what does not parse, credentials,
 * and schemes whose host the standard does not define. `schemes` narrows the schemes a tool can reach at all.
 */
export function parseUrl(
  text: string,
  schemes: readonly string[] = Object.keys(defaultPorts),
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
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  if (host === '') return { unknown: 'the URL has no host' }
  return { href: url.href, scheme, host, port: url.port === '' ? defaultPort : Number(url.port) }
}
