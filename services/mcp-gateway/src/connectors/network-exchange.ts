// One request to one origin, over a connection of its own that leads to one of the addresses given and nowhere else.
import type { LookupFunction } from 'node:net'
import { buildConnector, Client, type Dispatcher } from 'undici'
import { AppError } from '@mcpshield/contracts/errors'
import { canonicalAddress } from './addresses.ts'
import type { Headers } from './network-headers.ts'

export type Exchange = {
  url: URL
  method: Dispatcher.HttpMethod
  headers: Headers
  body: string | null
  addresses: string[]
  signal: AbortSignal
}

const CONNECT_TIMEOUT_MS = 5_000
const MAX_HEADER_BYTES = 32 * 1024

/**
 * Sends a request and hands its response to `use`; both the response and the connection end with it. Nothing of the
 * environment (proxies, certificates) and no connection of another call has a part in it.
 */
export async function exchange<T>(
  { url, method, headers, body, addresses, signal }: Exchange,
  use: (response: Dispatcher.ResponseData) => Promise<T>,
): Promise<T> {
  const client = new Client(url.origin, {
    connect: connectorTo(addresses),
    pipelining: 0,
    maxHeaderSize: MAX_HEADER_BYTES,
    // The signal is what ends a call.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  try {
    const path = url.pathname + url.search
    const response = await client.request({ path, method, headers, body, signal })
    response.body.on('error', () => undefined) // Who reads it is told; what is not read may break.
    return await use(response)
  } catch (error) {
    throw asNetworkError(error, url.hostname)
  } finally {
    void client.destroy().catch(() => undefined)
  }
}

function connectorTo(addresses: string[]): buildConnector.connector {
  const known = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
  const lookup: LookupFunction = (_host, options, answer) => {
    const [first] = known
    if (options.all || first === undefined) answer(null, known)
    else answer(null, first.address, first.family)
  }
  const connect = buildConnector({
    lookup,
    allowH2: false,
    timeout: CONNECT_TIMEOUT_MS,
    autoSelectFamily: true,
    port: 0,
  })
  return (options, callback) =>
    connect(options, (...[error, socket]) => {
      if (error !== null) return callback(error, null)
      const peer = canonicalAddress(socket.remoteAddress ?? '')
      if (peer !== undefined && addresses.includes(peer)) return callback(null, socket)
      socket.destroy()
      callback(new Error('connected to an address that was not looked at'), null)
    })
}

function asNetworkError(error: unknown, host: string): unknown {
  if (error instanceof AppError) return error
  const { name, code = 'unknown' } = error as { name?: string; code?: string }
  if (name === 'AbortError' || name === 'TimeoutError') return error
  const why =
    code.startsWith('ERR_TLS') || /CERT|SSL|ISSUER|SELF_SIGNED/.test(code)
      ? 'its certificate is not valid'
      : code
  return new AppError('UNAVAILABLE', `The request to ${host} did not work out (${why}).`, { cause: error })
}
