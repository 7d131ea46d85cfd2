// The legacy sessions that this instance knows. An id tells whose it is and what was agreed; what changes is read once
// from the store when a session is first seen here, and told by the other instances from then on.
import { LRUCache } from 'lru-cache'
import { entryOf, tell, type Entry, type LiveSession, type SessionDeps } from './live-session.ts'
import { sessionDigest, type SessionIds, type SessionTerms } from './session-id.ts'
import type { SessionState } from './session-store.ts'

export type Sessions = Disposable & {
  /** A new one, of which nobody knows yet. */
  open(subject: string, terms: SessionTerms): LiveSession
  /** Undefined when the id is unknown, another's, or ended. Only the first sight of a session takes time. */
  find(id: string, subject: string): LiveSession | undefined | Promise<LiveSession | undefined>
  /** How many are known here. */
  count(): number
  /** Those that are known here. */
  known(digest: string): LiveSession | undefined
  /** Ends it everywhere. */
  end(session: LiveSession): Promise<void>
  /** Another instance says that it ended. */
  ended(digest: string): void
  /** Another instance says that it changed. */
  changed(digest: string): void
}

export type SessionsDeps = SessionDeps & {
  ids: SessionIds
  /** Runs when a session is over here. */
  onEnd(digest: string): void
}

const MAX_KNOWN = 10_000
/** Of one asker: nobody can push out another's. */
const MAX_KNOWN_OF_ONE = 1_000
const UNKNOWN_STATE: SessionState = { logLevel: null, ended: false, follower: null }

export function sessions(deps: SessionsDeps): Sessions {
  const { ids, store, peers } = deps
  const byDigest = new Map<string, Entry>()
  const bySubject = new Map<string, Set<Entry>>()
  /** Ended while this instance ran: known even where the store does not answer. */
  const over = new LRUCache<string, true>({ max: MAX_KNOWN })
  const byId = new LRUCache<string, Entry>({
    max: MAX_KNOWN,
    // What is open goes on; it is forgotten when it is released.
    disposeAfter: (entry, _id, reason) => void (reason === 'evict' && !entry.isHeld() && forget(entry)),
  })

  const forgetOf = (entry: Entry) => {
    const { subject } = entry.session
    const own = bySubject.get(subject)
    own?.delete(entry)
    if (own?.size === 0) bySubject.delete(subject)
  }
  const makeRoom = (subject: string) => {
    const own = bySubject.get(subject)
    if (own === undefined || own.size < MAX_KNOWN_OF_ONE) return
    const oldest = [...own].find((entry) => !entry.isHeld())
    if (oldest !== undefined) forget(oldest)
  }
  const forget = (entry: Entry) => {
    const { id, digest } = entry.session
    if (byDigest.get(digest) !== entry) return
    byDigest.delete(digest)
    byId.delete(id)
    forgetOf(entry)
    entry.close()
    deps.onEnd(digest)
  }
  const end = (digest: string) => {
    over.set(digest, true)
    const entry = byDigest.get(digest)
    if (entry !== undefined) forget(entry)
  }
  const keep = (entry: Entry) => {
    const { subject } = entry.session
    if (!byDigest.has(entry.session.digest)) makeRoom(subject)
    const own = bySubject.get(subject) ?? new Set()
    bySubject.set(subject, own.add(entry))
    byDigest.set(entry.session.digest, entry)
    byId.set(entry.session.id, entry)
    return entry.session
  }
  const released = (entry: Entry) => {
    if (!byId.has(entry.session.id)) forget(entry)
  }
  const firstSight = async (id: string, subject: string, terms: SessionTerms) => {
    const digest = sessionDigest(id)
    if (over.has(digest)) return undefined
    const held = byDigest.get(digest)
    if (held !== undefined) return keep(held)
    const state = (await store.read(digest)) ?? UNKNOWN_STATE
    // Several requests may have seen it first: one of them made it.
    const made = byDigest.get(digest)
    if (made !== undefined) return made.session.isEnded() ? undefined : made.session
    if (state.ended || over.has(digest)) return undefined
    return keep(entryOf(deps, { id, digest, subject, terms, state, released }))
  }
  return {
    open(subject, terms) {
      const id = ids.mint(subject, terms)
      // As any other instance will read it.
      const bounded = ids.read(id, subject) ?? terms
      const digest = sessionDigest(id)
      return keep(
        entryOf(deps, { id, digest, subject, terms: bounded, state: UNKNOWN_STATE, isNew: true, released }),
      )
    },
    find(id, subject) {
      const known = byId.get(id)
      if (known !== undefined) return known.session.subject === subject ? known.session : undefined
      const terms = ids.read(id, subject)
      return terms === undefined ? undefined : firstSight(id, subject, terms)
    },
    count: () => byDigest.size,
    known: (digest) => byDigest.get(digest)?.session,
    async end({ digest }) {
      end(digest)
      await store.end(digest)
      tell(deps, () => peers.tell('session', { session: digest, ended: true }))
    },
    ended: end,
    changed(digest) {
      const entry = byDigest.get(digest)
      void entry?.read().then((isOver) => void (isOver && end(digest)))
    },
    [Symbol.dispose]() {
      for (const entry of [...byDigest.values()]) forget(entry)
    },
  }
}
