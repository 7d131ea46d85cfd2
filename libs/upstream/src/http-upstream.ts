// An upstream over HTTP, whatever of its kind: Streamable HTTP of either era, or the old transport with its event stream.
import type { Log } from '@mcpshield/runtime/log'
import { openEndpoint } from './endpoint.ts'
import { openEventLink } from './event-link.ts'
import { Refusal } from './failures.ts'
import { openHttpSession } from './http-session.ts'
import { connectLegacyPeer } from './legacy-peer.ts'
import type { OpenLink } from './link.ts'
import { refusal } from './link.ts'
import { connectModernHttpPeer, openModernHttp } from './modern-http.ts'
import { upstreamOf } from './peers.ts'
import type { Upstream, UpstreamSpec } from './upstream.ts'

/** Statuses of a POST to a server that may speak the old transport alone. */
const MAY_BE_OLD = new Set([400, 404, 405])

export function httpUpstream(spec: Extract<UpstreamSpec, { url: string }>, log: Log): Upstream {
  const { slug } = spec
  const endpoint = openEndpoint(spec)
  const modern = openModernHttp(endpoint, log)
  let isOld = spec.transport === 'sse'
  const openLink: OpenLink = async (hello, events) => {
    if (isOld) return openEventLink(endpoint, hello, events, log)
    try {
      return await openHttpSession(endpoint, hello, events, log)
    } catch (error) {
      if (!(error instanceof Refusal) || error.error !== undefined || !MAY_BE_OLD.has(error.status ?? 0))
        throw error
      const link = await openEventLink(endpoint, hello, events, log).catch((other: unknown) => {
        throw other instanceof Refusal ? error : other
      })
      isOld = true
      return link
    }
  }
  return upstreamOf(
    slug,
    {
      legacy: (speaker) => connectLegacyPeer(slug, speaker, openLink, log),
      modern: async (speaker, forget) => {
        if (isOld) throw refusal(slug, 'speaks the old transport alone', null)
        return connectModernHttpPeer(modern, speaker, forget)
      },
    },
    () => endpoint[Symbol.asyncDispose](),
  )
}
