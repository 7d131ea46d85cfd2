// The conversations of one upstream: one for each speaker, in the era that suits both it and the server.
import type { Era } from '@mcpshield/mcp/messages'
import { AppError } from '@mcpshield/contracts/errors'
import { Refusal, unavailable } from './failures.ts'
import type { OwnedPeer } from './legacy-peer.ts'
import type { Peer, Speaker, Upstream } from './upstream.ts'

/** Each throws a Refusal when the server is not of the era. */
export type OpenPeer = Record<Era, (speaker: Speaker) => Promise<OwnedPeer>>

/** What a server cannot do is tried again after this: servers are brought up to date. */
const REFUSED_FOR_MS = 10 * 60_000
/** The longest unused make room. */
const MAX_PEERS = 10_000

export function upstreamOf(slug: string, open: OpenPeer, dispose: () => Promise<void>): Upstream {
  const peers = new Map<string, Promise<OwnedPeer>>()
  const openInEra = eraChooser(slug, open)
  let disposed = false

  const closePeer = (id: string) => {
    const peer = peers.get(id)
    peers.delete(id)
    return peer?.then((each) => each.close()).catch(() => undefined)
  }
  const begin = (speaker: Speaker): Promise<OwnedPeer> => {
    const opening = openInEra(speaker)
    peers.set(speaker.id, opening)
    opening.catch(() => {
      if (peers.get(speaker.id) === opening) peers.delete(speaker.id)
    })
    for (const longest of peers.keys()) {
      if (peers.size <= MAX_PEERS) break
      void closePeer(longest)
    }
    return opening
  }
  return {
    slug,
    peer(speaker): Promise<Peer> {
      if (disposed) return Promise.reject(unavailable(slug, 'was removed'))
      return peers.get(speaker.id) ?? begin(speaker)
    },
    leave: (speakerId) => void closePeer(speakerId),
    async [Symbol.asyncDispose]() {
      disposed = true
      await Promise.all([...peers.keys()].map(closePeer))
      await dispose()
    },
  }
}

/** The speaker's own era where the server has it, else the other one. What a server refused is remembered. */
function eraChooser(slug: string, open: OpenPeer): (speaker: Speaker) => Promise<OwnedPeer> {
  const refusedAtMs: Record<Era, number> = { legacy: -Infinity, modern: -Infinity }
  const isRefused = (era: Era) => performance.now() - refusedAtMs[era] < REFUSED_FOR_MS
  return async (speaker) => {
    const eras: Era[] = speaker.era === 'legacy' ? ['legacy', 'modern'] : ['modern', 'legacy']
    const likely = eras.filter((era) => !isRefused(era))
    let first: Refusal | undefined
    for (const era of likely.length === 0 ? eras : likely) {
      try {
        return await open[era](speaker)
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        first ??= error
        if (isFinal(error)) refusedAtMs[era] = performance.now()
      }
    }
    refusedAtMs.legacy = refusedAtMs.modern = -Infinity
    throw new AppError('UNAVAILABLE', first?.message ?? `The upstream ${slug} did not answer.`, { cause: first })
  }
}

/** A server in trouble says nothing of its eras. */
function isFinal({ status }: Refusal): boolean {
  return status === null || status < 500
}
