// The legacy sessions that this instance knows. An id tells whose it is and what was agreed; what changes is read once
// from the store when a session is first seen here, and told by the other instances from then on.
import { LRUCache } from 'lru-cache'
import type { RequestId, RpcAnswer } from '@mcpshield/mcp/messages'
import type { Peers } from '@mcpshield/bus/peers'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Log } from '@mcpshield/runtime/log'
import type { Session } from './client.ts'
import { unanswered, type Questions } from './questions.ts'
import { sessionDigest, type SessionIds, type SessionTerms } from './session-id.ts'
import type { SessionState, SessionStore } from './session-store.ts'
import type { Telling } from './stream.ts'

/** A session as the transport holds it. */
export type LiveSession = Session & {
  readonly id: string
  readonly subject: string
  readonly terms: SessionTerms
  isEnded(): boolean
  /** What aborts its requests that run here, by their ids. */
  readonly running: Map<RequestId, () => void>
  /** The client's GET stream is here from now on; the one before ends. */
  follow(stream: Telling & { close(): void }): void
  /** Its connection is closed; what is told now is for a client that comes back for it. */
  unfollow(stream: Telling): void
  /** Nobody came back. */
  lose(stream: Telling): void
  /** A message that another instance has for the GET stream; nothing happens when that is not here. */
  deliver(json: string): void
  /** Something of it is open here: it is not forgotten until that is released. */
  hold(): void
  release(): void
}

export type Sessions = Disposable & {
  /** A new one, of which nobody knows yet. */
  open(subject: string, terms: SessionTerms): LiveSession
  /** Undefined when the id is unknown, another's, or ended. Only the first sight of a session takes time. */
  find(id: string, subject: string): LiveSession | undefined | Promise<LiveSession | undefined>
  /** Those that are known here. */
  known(digest: string): LiveSession | undefined
  /** Ends it everywhere. */
  end(session: LiveSession): Promise<void>
  /** Another instance says that it ended. */
  ended(digest: string): void
  /** Another instance says that it changed. */
  changed(digest: string): void
}

export type SessionsDeps = {
  ids: SessionIds
  store: SessionStore
  peers: Peers
  questions: Questions
  log: Log
  /** Runs when a session is over here. */
  onEnd(digest: string): void
}

const MAX_KNOWN = 10_000
const UNKNOWN_STATE: SessionState = { logLevel: null, ended: false, follower: null }

export function sessions(deps: SessionsDeps): Sessions {
  const { ids, store, peers } = deps
  const byDigest = new Map<string, Entry>()
  /** Ended while this instance ran: known even where the store does not answer. */
  const over = new LRUCache<string, true>({ max: MAX_KNOWN })
  const byId = new LRUCache<string, Entry>({
    max: MAX_KNOWN,
    // What is open goes on; it is forgotten when it is released.
    dispose: (entry, _id, reason) => void (reason === 'evict' && !entry.isHeld() && forget(entry)),
  })

  const forget = (entry: Entry) => {
    const { id, digest } = entry.session
    if (byDigest.get(digest) !== entry) return
    byDigest.delete(digest)
    byId.delete(id)
    entry.close()
    deps.onEnd(digest)
  }
  const end = (digest: string) => {
    over.set(digest, true)
    const entry = byDigest.get(digest)
    if (entry !== undefined) forget(entry)
  }
  const keep = (entry: Entry) => {
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
      return keep(entryOf(deps, { id, digest, subject, terms: bounded, state: UNKNOWN_STATE, released }))
    },
    find(id, subject) {
      const known = byId.get(id)
      if (known !== undefined) return known.session.subject === subject ? known.session : undefined
      const terms = ids.read(id, subject)
      return terms === undefined ? undefined : firstSight(id, subject, terms)
    },
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

type Entry = {
  session: LiveSession
  isHeld(): boolean
  /** Reads what changed; true when the session is over. */
  read(): Promise<boolean>
  close(): void
}

type EntryTerms = {
  id: string
  digest: string
  subject: string
  terms: SessionTerms
  state: SessionState
  released(entry: Entry): void
}

function entryOf(deps: SessionsDeps, { id, digest, subject, terms, state, released }: EntryTerms): Entry {
  const { store, peers, questions } = deps
  const endListeners: (() => void)[] = []
  const followListeners: (() => void)[] = []
  const over = new AbortController()
  let stream: (Telling & { close(): void }) | null = null
  let isListening = false
  let { logLevel, follower } = state
  let holds = 0
  /** Counts what was changed here: what is read meanwhile is older. */
  let changes = 0

  const isElsewhere = () => follower !== null && follower !== peers.instance
  const changed = () => tell(deps, () => peers.tell('session', { session: digest, ended: false }))
  /** On the GET stream, wherever it is. */
  const send = (message: JsonObject) => {
    if (isElsewhere()) peers.tell('event', { session: digest, message })
    else stream?.send(JSON.stringify(message))
  }
  const session: LiveSession = {
    id,
    digest,
    subject,
    terms,
    running: new Map(),
    get logLevel() {
      return logLevel
    },
    async setLogLevel(level) {
      changes++
      logLevel = level
      await store.setLogLevel(digest, level)
      changed()
    },
    notify: (message) => tell(deps, () => send({ jsonrpc: '2.0', ...message })),
    async ask(message, signal): Promise<RpcAnswer> {
      if (!session.isFollowed()) return unanswered('The client does not listen.')
      const either = AbortSignal.any([signal, over.signal])
      session.hold()
      try {
        const question = { to: digest, message, signal: either }
        return await questions.ask({
          ...question,
          send: (json) => send(JSON.parse(json) as JsonObject),
        })
      } finally {
        session.release()
      }
    },
    onEnd: (run) => void (over.signal.aborted ? run() : endListeners.push(run)),
    isFollowed: () => isListening || isElsewhere(),
    onFollow: (run) => void followListeners.push(run),
    isEnded: () => over.signal.aborted,
    follow(next) {
      const before = stream
      changes++
      stream = next
      isListening = true
      follower = peers.instance
      if (before !== next) before?.close()
      void store.follow(digest, peers.instance).then(changed)
      for (const run of followListeners) run()
    },
    unfollow(closed) {
      if (stream !== closed || !isListening) return
      changes++
      isListening = false
      follower = null
      void store.unfollow(digest, peers.instance).then(changed)
    },
    lose(lost) {
      if (stream !== lost) return
      stream = null
      isListening = false
    },
    deliver: (json) => stream?.send(json),
    hold: () => void holds++,
    release() {
      if (--holds === 0) released(entry)
    },
  }
  const entry: Entry = {
    session,
    isHeld: () => holds > 0,
    async read() {
      const before = changes
      const now = await store.read(digest)
      if (now === undefined || over.signal.aborted || before !== changes) return now?.ended === true
      logLevel = now.logLevel
      follower = now.follower
      // A client listens in one place: where it came last.
      if (isElsewhere()) {
        isListening = false
        stream?.close()
        stream = null
      }
      return now.ended
    },
    close() {
      if (over.signal.aborted) return
      over.abort()
      for (const abort of session.running.values()) abort()
      stream?.close()
      stream = null
      for (const run of endListeners) run()
    },
  }
  return entry
}

/** Telling others is never worth failing for. */
function tell({ log }: SessionsDeps, work: () => void): void {
  try {
    work()
  } catch (error) {
    log.warn({ err: error }, 'sessions: not told')
  }
}
