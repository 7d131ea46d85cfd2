// The conversations of one upstream: one for each speaker, in the era that suits both it and the server.
import { AppError } from '@mcpshield/contracts/errors'
import type { Era } from '@mcpshield/mcp/messages'
import { Refusal, unavailable } from './failures.ts'
import type { Peer, Speaker, Upstream } from './upstream.ts'

/** A conversation that is given up for good by `close`. */
export type OwnedPeer = Peer & {
  /** True while something is under way, or listened for. */
  isBusy(): boolean
  close(): Promise<void>
}

/**
 * Each throws a Refusal when the server is not of the era. `forget`: what was found out about the server has turned out
 * wrong, so that the speaker's next conversation finds out anew.
 */
export type OpenPeer = Record<Era, (speaker: Speaker, forget: () => void) => Promise<OwnedPeer>>

type Entry = { opening: Promise<OwnedPeer>; peer: OwnedPeer | undefined; usedAtMs: number }

/** What a server cannot do is tried again after this: servers are brought up to date. */
const REFUSED_FOR_MS = 10 * 60_000
/** Clients without a session never say that they are gone. */
const IDLE_MS = 60 * 60_000
const SWEEP_MS = 60_000
/** The longest unused make room. */
const MAX_PEERS = 10_000

export function upstreamOf(slug: string, open: OpenPeer, dispose: () => PromiseLike<void>): Upstream {
  const entries = new Map<string, Entry>()
  const openInEra = eraChooser(slug, open)
  let disposed = false

  const remove = async (id: string): Promise<void> => {
    const entry = entries.get(id)
    entries.delete(id)
    await entry?.opening.then((peer) => peer.close()).catch(() => undefined)
  }
  const sweep = () => {
    const before = performance.now() - IDLE_MS
    for (const [id, { usedAtMs, peer }] of entries)
      if (usedAtMs < before && peer?.isBusy() === false) void remove(id)
  }
  const timer = setInterval(sweep, SWEEP_MS)
  timer.unref()

  const begin = (speaker: Speaker): Entry => {
    const { id } = speaker
    if (entries.size >= MAX_PEERS) void remove(longestUnused(entries, slug))
    const forget = () => {
      if (entries.get(id) === entry) entries.delete(id)
    }
    const entry: Entry = {
      opening: openInEra(speaker, forget),
      peer: undefined,
      usedAtMs: performance.now(),
    }
    entries.set(id, entry)
    entry.opening.then((peer) => (entry.peer = peer), forget)
    return entry
  }
  return {
    slug,
    async peer(speaker) {
      if (disposed) throw unavailable(slug, 'was removed')
      const entry = entries.get(speaker.id) ?? begin(speaker)
      entry.usedAtMs = performance.now()
      return entry.opening
    },
    leave: (speakerId) => void remove(speakerId),
    async [Symbol.asyncDispose]() {
      disposed = true
      clearInterval(timer)
      // Those that are still being opened end with what carries them.
      const opened = [...entries].filter(([, { peer }]) => peer !== undefined)
      await Promise.all(opened.map(([id]) => remove(id)))
      await dispose()
      await Promise.all([...entries.keys()].map(remove))
    },
  }
}

/** Of those with nothing under way. Throws an AppError when there is none: nobody takes another's session. */
function longestUnused(entries: Map<string, Entry>, slug: string): string {
  let found: string | undefined
  let usedAtMs = Infinity
  for (const [id, entry] of entries)
    if (entry.usedAtMs < usedAtMs && entry.peer?.isBusy() === false) [found, usedAtMs] = [id, entry.usedAtMs]
  if (found === undefined) throw unavailable(slug, 'has as many clients as it can have, all of them busy')
  return found
}

/** The speaker's own era where the server has it, else the other one. What a server refused is remembered. */
function eraChooser(
  slug: string,
  open: OpenPeer,
): (speaker: Speaker, forget: () => void) => Promise<OwnedPeer> {
  const refusedAtMs: Record<Era, number> = { legacy: -Infinity, modern: -Infinity }
  const isRefused = (era: Era) => performance.now() - refusedAtMs[era] < REFUSED_FOR_MS
  const allow = () => {
    refusedAtMs.legacy = refusedAtMs.modern = -Infinity
  }
  return async (speaker, forget) => {
    const eras: Era[] = speaker.era === 'legacy' ? ['legacy', 'modern'] : ['modern', 'legacy']
    const forgetAll = () => {
      allow()
      forget()
    }
    let first: Refusal | undefined
    for (const era of eras.some(isRefused) ? eras.filter((each) => !isRefused(each)) : eras) {
      try {
        const peer = await open[era](speaker, forgetAll)
        if (peer.era !== era) {
          // It was slow to say what it is.
          refusedAtMs[era] = performance.now()
          refusedAtMs[peer.era] = -Infinity
        }
        return peer
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        first ??= error
        if (isFinal(error)) refusedAtMs[era] = performance.now()
      }
    }
    allow()
    throw new AppError('UNAVAILABLE', first?.message ?? `The upstream ${slug} did not answer.`, {
      cause: first,
    })
  }
}

/** A server in trouble says nothing of its eras. */
function isFinal({ status }: Refusal): boolean {
  return status === null || status < 500
}
