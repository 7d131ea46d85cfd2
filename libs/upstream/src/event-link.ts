// The old HTTP+SSE transport (revision 2024-11-05): one event stream for all that the server says, and an endpoint for what
// is said to it, which the stream names first.
import type { Log } from '@mcpshield/runtime/log'
import type { JsonObject } from '@mcpshield/policy/facts'
import { openChannel, type Channel } from './channel.ts'
import type { Endpoint } from './endpoint.ts'
import { SessionLost, unavailable } from './failures.ts'
import { openChannelLink } from './legacy-channel.ts'
import { refusal, type Hello, type Link, type LinkEvents } from './link.ts'

const OPEN_TIMEOUT_MS = 10_000
const START_TIMEOUT_MS = 15_000
const POST_TIMEOUT_MS = 30_000

/** Shakes hands. Throws a Refusal when the server does not speak this transport. */
export async function openEventLink(
  endpoint: Endpoint,
  hello: Hello,
  events: LinkEvents,
  log: Log,
): Promise<Link> {
  let isOpen = false
  const closed = new AbortController()
  const named = Promise.withResolvers<string>()
  const channel = openChannel(endpoint.slug, async (message) => post(endpoint, await named.promise, message))
  const timer = setTimeout(() => closed.abort(), OPEN_TIMEOUT_MS)
  void readStream(endpoint, channel, named, closed.signal).then(() => {
    channel.fail(unavailable(endpoint.slug, 'ended its event stream'))
    if (isOpen && !closed.signal.aborted) events.onEnd(true)
  })
  const close = async () => {
    closed.abort()
    channel.fail(unavailable(endpoint.slug, 'was left'))
  }
  try {
    await named.promise
    clearTimeout(timer)
    const link = await openChannelLink(channel, hello, events, {
      startTimeoutMs: START_TIMEOUT_MS,
      close,
      log,
    })
    isOpen = true
    return link
  } catch (error) {
    clearTimeout(timer)
    await close()
    throw error
  }
}

/** Settles when the stream is over. */
async function readStream(
  endpoint: Endpoint,
  channel: Channel,
  named: PromiseWithResolvers<string>,
  signal: AbortSignal,
): Promise<void> {
  const { slug, url, headers } = endpoint
  const reader = () => ({
    onMessage(message: JsonObject) {
      channel.receive(message)
      return false
    },
    onOther(event: string, data: string) {
      if (event !== 'endpoint') return false
      const path = pathAt(url, data)
      if (path === undefined) named.reject(refusal(slug, 'names an endpoint elsewhere', 200))
      else named.resolve(path)
      return path === undefined
    },
  })
  try {
    const http = await endpoint.send({
      method: 'GET',
      headers: [...headers, 'accept', 'text/event-stream'],
      body: null,
      timeoutMs: 0,
      signal,
      reader,
    })
    named.reject(refusal(slug, 'opens no event stream', http.status))
  } catch (error) {
    named.reject(signal.aborted ? refusal(slug, 'names no endpoint', null) : error)
  }
}

/** The path of the named endpoint; undefined when it is of another origin, which could be anybody's. */
function pathAt(url: URL, data: string): string | undefined {
  if (!URL.canParse(data, url.href)) return undefined
  const named = new URL(data, url)
  return named.origin === url.origin ? named.pathname + named.search : undefined
}

async function post({ slug, headers, send }: Endpoint, path: string, message: JsonObject): Promise<void> {
  const { status } = await send({
    method: 'POST',
    path,
    headers: [...headers, 'content-type', 'application/json'],
    body: JSON.stringify(message),
    timeoutMs: POST_TIMEOUT_MS,
    signal: undefined,
  })
  if (status === 404) throw new SessionLost()
  if (status >= 300) throw unavailable(slug, `answered with status ${status}`)
}
