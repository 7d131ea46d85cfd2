// One HTTP request for an agent. What is connected to is what was judged: the host of the decided URL, at addresses
// that were looked at, and the same again for each redirect.
import { lookup as systemLookup } from 'node:dns/promises'
import type { Dispatcher } from 'undici'
import { AppError } from '@mcpshield/contracts/errors'
import { parseUrl } from '@mcpshield/facts/urls'
import { isUnknown, type JsonObject, type UrlFact } from '@mcpshield/policy/facts'
import { WITHHELD } from '@mcpshield/redact/marker'
import type { Reach as Within } from '@mcpshield/upstream/reach'
import type { Answer, ConnectionSpec, Connector, Grant } from './connector.ts'
import { addressesOf, type Lookup, type Reach } from './network-addresses.ts'
import { baseOf, isBelow } from './network-base.ts'
import { ACCEPTED_ENCODINGS, bodyData, readBody, type Body } from './network-body.ts'
import { exchange } from './network-exchange.ts'
import { checkedHeaders, forAnotherOrigin, withoutBody, type Headers } from './network-headers.ts'
import type { ArgsOf } from './tools.ts'
import { turns } from './turns.ts'

const MAX_RUNNING = 32
const MAX_REDIRECTS = 5
const SCHEMES = ['http', 'https'] as const

export type NetworkDeps = {
  lookup: Lookup
  /** Where a connection to an address really goes; a test may answer for an address of the internet. */
  dial(address: string): string
  /** What the operator lets be connected to, whatever rules and options open. */
  within?: Within | undefined
}

const SYSTEM: NetworkDeps = {
  lookup: async (host) => (await systemLookup(host, { all: true })).map(({ address }) => address),
  dial: (address) => address,
}

export function networkConnector(connection: ConnectionSpec, given: Partial<NetworkDeps> = {}): Connector {
  const deps = { ...SYSTEM, ...given }
  const base = baseOf(connection)
  const reach: Reach = {
    lookup: deps.within ?? deps.lookup,
    within: deps.within,
    allowPrivate: connection.options.allow_private === true,
    ownHost: base?.hostname.replace(/^\[(.*)\]$/, '$1'),
  }
  const take = turns(MAX_RUNNING)
  const closing = new AbortController()
  return {
    async run(_tool, args, grant) {
      const request = firstRequest(args as ArgsOf<'network.request'>, grant)
      const timeout = AbortSignal.timeout(grant.timeoutMs)
      const signal = AbortSignal.any([grant.signal, timeout, closing.signal])
      const hops: Hops = { grant, base, reach, dial: deps.dial, signal }
      try {
        return await take(grant, () => follow(request, hops))
      } catch (error) {
        if (error instanceof AppError && !signal.aborted) throw error
        if (grant.signal.aborted) throw new AppError('UNAVAILABLE', 'The client went away.')
        if (timeout.aborted)
          throw new AppError('DEADLINE_EXCEEDED', `The request was stopped after ${grant.timeoutMs} ms.`)
        if (closing.signal.aborted) throw new AppError('UNAVAILABLE', 'The connection was closed.')
        throw error
      }
    },
    async [Symbol.asyncDispose]() {
      closing.abort()
    },
  }
}

type Request = { url: UrlFact; method: Dispatcher.HttpMethod; headers: Headers; body: string | null }
type Hops = {
  grant: Grant
  base: URL | undefined
  reach: Reach
  dial: NetworkDeps['dial']
  signal: AbortSignal
}
type Response = { status: number; headers: Record<string, string>; location: string | undefined; body: Body }

/** The request as it was decided; what HTTP does not allow, or would let it mean another one, is refused. */
function firstRequest(args: ArgsOf<'network.request'>, grant: Grant): Request {
  const [url, ...others] = grant.urls
  if (url === undefined || others.length > 0)
    throw new AppError('PERMISSION_DENIED', 'Not run: it could not be told which URL this call means.')
  const method = args.method ?? 'GET'
  const body = args.body ?? null
  if (body !== null && (method === 'GET' || method === 'HEAD'))
    throw new AppError('INVALID_ARGUMENT', `A ${method} request has no body.`)
  if (body !== null && !body.isWellFormed())
    throw new AppError('INVALID_ARGUMENT', 'The body is not well-formed Unicode.')
  const headers = checkedHeaders(args.headers)
  if (grant.redacts && (headers['range'] !== undefined || headers['if-range'] !== undefined))
    // A part may begin or end in the middle of what should be redacted, and then nobody recognises it.
    throw new AppError(
      'INVALID_ARGUMENT',
      'The results of this call are redacted: leave the header range out.',
    )
  if (body !== null) headers['content-type'] ??= 'text/plain;charset=UTF-8'
  return { url, method, headers, body }
}

async function follow(first: Request, hops: Hops): Promise<Answer> {
  let request = first
  for (let redirects = 0; ; redirects++) {
    const response = await send(request, hops)
    if (response.location === undefined) return answerOf(request, response, redirects, hops.grant)
    if (redirects === MAX_REDIRECTS)
      throw new AppError('UNAVAILABLE', `The response redirects more than ${MAX_REDIRECTS} times.`)
    request = redirected(request, response, hops)
  }
}

async function send(request: Request, { grant, base, reach, dial, signal }: Hops): Promise<Response> {
  const { url } = request
  if (base !== undefined && !isBelow(base, url))
    throw new AppError('PERMISSION_DENIED', 'The URL is not below the URL of this connection.')
  signal.throwIfAborted()
  const addresses = await abortable(addressesOf(url, grant, reach), signal)
  const headers = {
    'user-agent': 'mcpshield',
    accept: '*/*',
    ...request.headers,
    'accept-encoding': ACCEPTED_ENCODINGS,
  }
  return exchange(
    { ...request, url: new URL(url.href), headers, addresses: addresses.map(dial), signal },
    async ({ statusCode, headers: given, body }) => {
      const location = isRedirect(statusCode) ? given.location : undefined
      if (Array.isArray(location))
        throw new AppError('UNAVAILABLE', 'The response redirects to more than one place.')
      if (location !== undefined)
        return { status: statusCode, headers: {}, location, body: { bytes: Buffer.alloc(0), cut: false } }
      const encoding = request.method === 'HEAD' ? '' : one(given['content-encoding'])
      const read = await readBody(body, encoding, grant.maxBytes)
      return { status: statusCode, headers: shownHeaders(given, grant), location, body: read }
    },
  )
}

const isRedirect = (status: number) => [301, 302, 303, 307, 308].includes(status)

/** The request that a redirect asks for, judged as the first one was. */
function redirected(request: Request, { status, location = '' }: Response, { grant }: Hops): Request {
  const from = new URL(request.url.href)
  const target = URL.parse(location, from.href)
  if (target !== null) target.hash = ''
  const url = target === null ? { unknown: 'not a URL' } : parseUrl(target.href, SCHEMES)
  if (isUnknown(url))
    throw new AppError('PERMISSION_DENIED', 'The response redirects to what is no web address.')
  if (from.protocol === 'https:' && url.scheme === 'http')
    throw new AppError(
      'PERMISSION_DENIED',
      `The response redirects to ${url.host} without encryption; it was not followed.`,
    )
  if (!grant.alsoAllows({ urls: [url] }))
    throw new AppError(
      'PERMISSION_DENIED',
      `The response redirects to ${url.host}, which is not allowed; it was not followed.`,
    )
  const headers =
    new URL(url.href).origin === from.origin ? request.headers : forAnotherOrigin(request.headers)
  const becomesGet =
    (status === 303 && request.method !== 'HEAD') ||
    ((status === 301 || status === 302) && request.method === 'POST')
  if (!becomesGet) return { ...request, url, headers }
  return { url, method: 'GET', headers: withoutBody(headers), body: null }
}

/** Of the response's headers, those that say something of what was given and nothing of sessions. */
const SHOWN_HEADERS = [
  ...['content-type', 'content-length', 'content-language', 'content-disposition', 'date', 'etag'],
  ...['last-modified', 'cache-control', 'expires', 'age', 'link', 'retry-after', 'allow', 'vary'],
  ...['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset'],
  ...['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset', 'x-total-count', 'x-request-id'],
]
const MAX_SHOWN_CHARS = 1_000

function shownHeaders(
  given: Record<string, string | string[] | undefined>,
  grant: Grant,
): Record<string, string> {
  const names = SHOWN_HEADERS.filter((name) => given[name] !== undefined)
  return Object.fromEntries(names.map((name) => [name, shownHeader(one(given[name]), grant)]))
}

function shownHeader(value: string, { redacts }: Grant): string {
  if (value.length <= MAX_SHOWN_CHARS) return value
  // Nobody recognises half a secret.
  return redacts ? WITHHELD : value.slice(0, MAX_SHOWN_CHARS)
}

function answerOf(
  request: Request,
  { status, headers, body }: Response,
  redirects: number,
  grant: Grant,
): Answer {
  const contentType = headers['content-type'] ?? ''
  const about: JsonObject = {
    status,
    url: request.url.href,
    redirected: redirects > 0,
    content_type: contentType === '' ? null : contentType,
    headers,
  }
  return { ...bodyData(body, contentType, grant), about, rows: null, cut: body.cut }
}

function one(value: string | string[] | undefined): string {
  return Array.isArray(value) ? value.join(', ') : (value ?? '')
}

/** A lookup cannot be stopped, but nobody has to wait for it. */
async function abortable<T>(run: Promise<T>, signal: AbortSignal): Promise<T> {
  run.catch(() => undefined)
  const aborted = Promise.withResolvers<never>()
  const abort = () => aborted.reject(signal.reason as Error)
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([run, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
