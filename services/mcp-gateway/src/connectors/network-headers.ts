// The headers an agent may send, and what of them goes along when another origin is asked.
import { AppError } from '@mcpshield/contracts/errors'

/** Where a request goes, how long it is, and how it is carried: the gateway's to say. */
const REFUSED = new Set([
  ...['host', 'content-length', 'transfer-encoding', 'connection', 'keep-alive', 'upgrade', 'http2-settings'],
  ...['te', 'trailer', 'expect', 'via'],
  // Another method than the one that was judged.
  ...['x-http-method', 'x-http-method-override', 'x-method-override'],
  // Another path or host than those that were judged, for servers that believe the proxy before them.
  ...['forwarded', 'x-rewrite-url', 'x-host', 'x-http-host-override', 'x-http-destinationurl'],
])
const REFUSED_PREFIXES = ['proxy-', 'x-forwarded-', 'x-original-', 'x-envoy-original-']
/** What says nothing of who asks. */
const FOR_ANY_ORIGIN = new Set(['accept', 'accept-language', 'cache-control', 'content-type', 'user-agent'])
const OF_A_BODY = new Set(['content-type', 'content-encoding', 'content-language', 'content-location'])

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** Printable Latin-1, and the tab. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
const MAX_HEADERS = 64
const MAX_BYTES = 16 * 1024

export type Headers = Record<string, string>

/** The agent's headers with names in lower case; one that is not its to send is refused by name. */
export function checkedHeaders(given: Record<string, string> = {}): Headers {
  const headers: Headers = {}
  const names = Object.keys(given)
  if (names.length > MAX_HEADERS)
    throw new AppError('INVALID_ARGUMENT', `A request has no more than ${MAX_HEADERS} headers.`)
  let bytes = 0
  for (const name of names) {
    const value = given[name] ?? ''
    if (!TOKEN.test(name)) throw new AppError('INVALID_ARGUMENT', 'The name of a header is not valid.')
    const lower = name.toLowerCase()
    if (!VALUE.test(value))
      throw new AppError(
        'INVALID_ARGUMENT',
        `The header ${lower} holds a character that headers cannot have.`,
      )
    // Some servers read _ as -.
    const read = lower.replaceAll('_', '-')
    if (REFUSED.has(read) || REFUSED_PREFIXES.some((prefix) => read.startsWith(prefix)))
      throw new AppError('INVALID_ARGUMENT', `The header ${lower} is not the caller’s to set.`)
    if (Object.hasOwn(headers, lower))
      throw new AppError('INVALID_ARGUMENT', `The header ${lower} is given twice.`)
    headers[lower] = value.trim()
    bytes += name.length + value.length
  }
  if (bytes > MAX_BYTES)
    throw new AppError('INVALID_ARGUMENT', `The headers have more than ${MAX_BYTES} bytes.`)
  return headers
}

/** What may be told to another origin than the one the agent named: nothing that could be a credential. */
export function forAnotherOrigin(headers: Headers): Headers {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => FOR_ANY_ORIGIN.has(name)))
}

export function withoutBody(headers: Headers): Headers {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !OF_A_BODY.has(name)))
}
