// One legacy session as this instance knows it: where its client listens, what runs in it, what is asked of it.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Peers } from '@mcpshield/bus/peers'
import type { RequestId, RpcAnswer } from '@mcpshield/mcp/messages'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Log } from '@mcpshield/runtime/log'
import type { Session } from './client.ts'
import { unanswered, type Questions } from './questions.ts'
import type { SessionTerms } from './session-id.ts'
import type { SessionState, SessionStore } from './session-store.ts'
import type { Telling } from './stream.ts'

export type SessionDeps = { store: SessionStore; peers: Peers; questions: Questions; log: Log }

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

export type Entry = {
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
  /** It begins here and now. */
  isNew?: boolean
  released(entry: Entry): void
}

/** A client opens its stream right after it was let in: what a server says or asks meanwhile waits so long for it. */
const ARRIVES_WITHIN_MS = 2_000
const MAX_WAITING = 100

/** Of what is known of a session here. */
export function entryOf(
  deps: SessionDeps,
  { id, digest, subject, terms, state, isNew = false, released }: EntryTerms,
): Entry {
  const { store, peers, questions } = deps
  const endListeners: (() => void)[] = []
  const followListeners: (() => void)[] = []
  const over = new AbortController()
  let stream: (Telling & { close(): void }) | null = null
  let isListening = false
  let { follower } = state
  let holds = 0
  /** Counts what was changed here: what is read meanwhile is older. */
  let changes = 0
  const arrivesUntilMs = isNew ? performance.now() + ARRIVES_WITHIN_MS : 0
  const arrival = Promise.withResolvers<void>()
  const waiting: JsonObject[] = []

  const isArriving = () => !session.isFollowed() && performance.now() < arrivesUntilMs
  const arrived = () => {
    arrival.resolve()
    for (const message of waiting.splice(0)) send(message)
  }
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
    logLevel: state.logLevel,
    async setLogLevel(level) {
      changes++
      session.logLevel = level
      await store.setLogLevel(digest, level)
      changed()
    },
    notify(message) {
      const whole = { jsonrpc: '2.0', ...message }
      if (!isArriving()) tell(deps, () => send(whole))
      else if (waiting.length < MAX_WAITING) waiting.push(whole)
    },
    async ask(message, signal): Promise<RpcAnswer> {
      if (isArriving()) await Promise.race([arrival.promise, sleep(arrivesUntilMs - performance.now())])
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
      arrived()
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
      const wasFollowed = session.isFollowed()
      const now = await store.read(digest)
      if (now === undefined || over.signal.aborted || before !== changes) return now?.ended === true
      session.logLevel = now.logLevel
      follower = now.follower
      // A client listens in one place: where it came last.
      if (isElsewhere()) {
        isListening = false
        stream?.close()
        stream = null
        arrived()
      }
      if (!wasFollowed && session.isFollowed()) for (const run of followListeners) run()
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
export function tell({ log }: Pick<SessionDeps, 'log'>, work: () => void): void {
  try {
    work()
  } catch (error) {
    log.warn({ err: error }, 'sessions: not told')
  }
}
