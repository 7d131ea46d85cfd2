// The only way out to servers whose addresses another server told us: metadata, tokens, keys. A host is looked up once,
// every address of it is looked at, and only these are connected to.
import { lookup as systemLookup } from 'node:dns/promises'
import { request as requestHttp, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as requestHttps } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import type { EgressBound } from './egress-bound.ts'
import { OAuthFailure } from './failures.ts'
import { namesLoopback, neighbourhoodOf } from './neighbourhoods.ts'

/** As the global one. Redirects are answered, never followed. */
export type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>

/** All addresses of a name. */
export type Lookup = (host: string) => Promise<string[]>

export type EgressOptions = {
  /** The URL that an administrator of ours named, whose neighbourhood may be reached. */
  own: string
  /** Ends every request, whatever they took by themselves. */
  signal?: AbortSignal
  lookup?: Lookup
  /** The operator's: holds for every request, beside what is open by itself. */
  bound?: EgressBound | undefined
}

const TIMEOUT_MS = 10_000
const MAX_ANSWER_BYTES = 256 * 1024
const MAX_HEADER_BYTES = 16 * 1024

export function egressFetch({ own, signal, lookup = lookUp, bound }: EgressOptions): Fetch {
  return async (url, init = {}) => {
    const target = checkedUrl(url)
    const ends = [AbortSignal.timeout(TIMEOUT_MS), signal, init.signal].filter((each) => each != null)
    const over = AbortSignal.any(ends)
    try {
      const addresses = await beforeEnd(over, allowedAddresses(target, new URL(own), lookup))
      const closed = bound?.(bare(target), addresses)
      if (closed !== undefined) throw new OAuthFailure('forbidden', closed)
      return await exchange(target, init, addresses, over)
    } catch (error) {
      if (error instanceof OAuthFailure) throw error
      const why = over.aborted ? 'no answer in time' : networkReason(error)
      throw new OAuthFailure('unreachable', `The request to ${target.host} did not work out: ${why}.`, error)
    }
  }
}

function checkedUrl(given: string | URL): URL {
  const url = new URL(given)
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw new OAuthFailure('forbidden', `Only http and https are asked, not ${url.protocol}`)
  if (url.username !== '' || url.password !== '')
    throw new OAuthFailure('forbidden', `A URL of ${url.host} has credentials in it.`)
  return url
}

/** The addresses of a URL's host, all of them open to us; else a failure. */
async function allowedAddresses(url: URL, own: URL, lookup: Lookup): Promise<string[]> {
  const addresses = await addressesOf(url, lookup)
  const around = new Set(addresses.map(neighbourhoodOf))
  if (around.size === 1 && around.has('public')) return addresses
  const ours = await addressesOf(own, lookup)
  const closed = addresses.find((each) => !isOpen(each, own, ours))
  if (closed === undefined) return addresses
  throw new OAuthFailure(
    'forbidden',
    `The host ${url.hostname} is at an address that is not public: nothing is sent there, because ${own.host} is not in that network itself.`,
  )
}

/**
 * This machine is open only to who named it, not to a name that leads there; a private network to a host that is in
 * one with all of its addresses; anything else that is not public only as the very address that was named.
 */
function isOpen(address: string, own: URL, ours: string[]): boolean {
  const neighbourhood = neighbourhoodOf(address)
  if (neighbourhood === 'public') return true
  if (neighbourhood === 'loopback') return namesLoopback(own)
  if (neighbourhood === 'private') return ours.every((each) => neighbourhoodOf(each) === 'private')
  return bare(own) === address
}

async function addressesOf(url: URL, lookup: Lookup): Promise<string[]> {
  const host = bare(url)
  const addresses = isIP(host) === 0 ? await lookup(host) : [host]
  if (addresses.length === 0) throw new Error('no addresses')
  return addresses
}

const bare = (url: URL) => url.hostname.replace(/^\[|\]$/g, '')

/** As the system does. */
export async function lookUp(host: string): Promise<string[]> {
  return (await systemLookup(host, { all: true })).map(({ address }) => address)
}

async function exchange(
  url: URL,
  init: RequestInit,
  addresses: string[],
  signal: AbortSignal,
): Promise<Response> {
  const body = init.body == null ? undefined : textOf(init.body)
  const headers = new Headers(init.headers)
  headers.set('accept-encoding', 'identity')
  if (body !== undefined) headers.set('content-length', String(Buffer.byteLength(body)))
  const options: RequestOptions = {
    method: init.method ?? 'GET',
    headers: Object.fromEntries(headers),
    signal,
    // No connection of another request, and none of the environment's proxies.
    agent: false,
    lookup: pinned(addresses),
    maxHeaderSize: MAX_HEADER_BYTES,
  }
  const send = url.protocol === 'https:' ? requestHttps : requestHttp
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const request = send(url, options, resolve).on('error', reject)
  request.end(body)
  try {
    return await asResponse(await promise)
  } finally {
    request.destroy()
  }
}

function textOf(body: NonNullable<RequestInit['body']>): string {
  if (typeof body === 'string') return body
  if (body instanceof URLSearchParams) return body.toString()
  throw new TypeError('only texts and forms are sent')
}

/** A lookup that knows these addresses and nothing else. */
export function pinned(addresses: string[]): LookupFunction {
  const known = addresses.map((address) => ({ address, family: isIP(address) }))
  return (_host, options, answer) => {
    const [first] = known
    if (options.all || first === undefined) answer(null, known)
    else answer(null, first.address, first.family)
  }
}

async function asResponse(message: IncomingMessage): Promise<Response> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of message as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_ANSWER_BYTES) throw new OAuthFailure('refused', 'An answer is larger than 256 KiB.')
    chunks.push(chunk)
  }
  const status = message.statusCode ?? 0
  if (status < 200) throw new Error(`status ${status}`)
  const headers = new Headers()
  for (const [name, values = []] of Object.entries(message.headersDistinct))
    for (const value of values) headers.append(name, value)
  const hasBody = status !== 204 && status !== 205 && status !== 304
  return new Response(hasBody ? Buffer.concat(chunks) : null, { status, headers })
}

/** Looking a name up cannot be ended, but need not be waited for. */
async function beforeEnd<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const end = () => reject(signal.reason as Error)
  if (signal.aborted) end()
  signal.addEventListener('abort', end, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', end)
    promise.catch(() => undefined)
    work.catch(() => undefined)
  }
}

function networkReason(error: unknown): string {
  const { code, errors } = error as { code?: unknown; errors?: { code?: unknown }[] }
  const told = code ?? errors?.[0]?.code
  if (typeof told !== 'string') return 'the connection failed'
  return told.startsWith('ERR_TLS') || /CERT|SSL|SELF_SIGNED/.test(told)
    ? 'its certificate is not valid'
    : told
}
