// Events to a syslog server: RFC 5424 messages, counted, in TLS (RFC 5425). The protocol acknowledges nothing: what counts
// as taken is what was written to a connection that was still there a moment later.
import { isIP } from 'node:net'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type TLSSocket } from 'node:tls'
import { FeedError, networkError } from './feed-error.ts'
import type { Parcel } from './parcels.ts'
import { bare, lookupOf, type Reach } from './reach.ts'
import type { SyslogSettings } from './settings.ts'
import { framed, syslogMessage } from './syslog-message.ts'
import type { Target } from './target.ts'

export type SyslogDeps = { reach: Reach; timeoutMs?: number; settleMs?: number }

const TIMEOUT_MS = 15_000
/** After a server has gone, the first write still works: so long it takes to hear of it, on a network that is well. */
const SETTLE_MS = 250

export async function syslogTarget(
  settings: SyslogSettings,
  deps: SyslogDeps,
  signal: AbortSignal,
): Promise<Target> {
  const at = `${settings.host}:${settings.port}`
  const timeoutMs = deps.timeoutMs ?? TIMEOUT_MS
  const socket = await connected(
    settings,
    deps,
    AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  ).catch((error: unknown) => {
    throw networkError(error, at)
  })
  const line = lineOf(socket)
  return {
    async deliver(parcels, stop) {
      try {
        const over = AbortSignal.any([stop, AbortSignal.timeout(timeoutMs)])
        await line.write(bytesOf(parcels, settings.max_message_bytes), over)
        await line.wait(deps.settleMs ?? SETTLE_MS)
      } catch (error) {
        throw networkError(error, at)
      }
    },
    isOver: () => socket.destroyed,
    async [Symbol.asyncDispose]() {
      socket.destroy()
    },
  }
}

function bytesOf(parcels: readonly Parcel[], maxMessageBytes: number): Buffer {
  const messages = parcels.flatMap(({ events }) =>
    events.map((event) => syslogMessage(event, maxMessageBytes)),
  )
  return Buffer.from(messages.map(framed).join(''))
}

async function connected(
  { host: given, port, ca_certificate }: SyslogSettings,
  { reach }: SyslogDeps,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const host = bare(given)
  const isAddress = isIP(host) !== 0
  // A socket asks nobody about a host that is an address.
  if (isAddress) await reach(host)
  signal.throwIfAborted()
  const socket = connect({
    host,
    port,
    minVersion: 'TLSv1.2',
    lookup: lookupOf(reach),
    ...(isAddress ? {} : { servername: host }),
    ...(ca_certificate === null ? {} : { ca: ca_certificate }),
  })
  socket.setNoDelay(true)
  try {
    await once(socket, 'secureConnect', { signal })
    return socket
  } catch (error) {
    socket.on('error', () => undefined).destroy()
    throw error
  }
}

/** Writing to a connection, and hearing of its end. */
function lineOf(socket: TLSSocket) {
  const ended = Promise.withResolvers<never>()
  ended.promise.catch(() => undefined)
  socket.on('error', (error) => ended.reject(error))
  socket.on('close', () => ended.reject(new FeedError('The syslog server closed the connection.')))
  // A server of syslog says nothing. What one says all the same is read, so that its end is seen.
  socket.on('end', () => socket.destroy()).resume()
  return {
    async write(bytes: Buffer, signal: AbortSignal): Promise<void> {
      const late = once(signal, 'abort').then(() => Promise.reject(signal.reason as Error))
      late.catch(() => undefined)
      signal.throwIfAborted()
      const written = new Promise<void>((resolve, reject) =>
        socket.write(bytes, (error) => (error ? reject(error) : resolve())),
      )
      await Promise.race([written, ended.promise, late])
    },
    async wait(ms: number): Promise<void> {
      await Promise.race([sleep(ms), ended.promise])
    },
  }
}
