// `subscriptions/listen` on a server of the legacy era, which does not know it: filters are applied here, and subscriptions
// to resources counted, so that the last listener's end is the end of the subscription.
import { setTimeout as wait } from 'node:timers/promises'
import { isObject, type Message } from '@mcpshield/mcp/messages'
import type { JsonObject } from '@mcpshield/policy/facts'
import { filteredUris, honoredKinds, isAskedFor } from './change-filter.ts'
import type { Link } from './link.ts'
import type { Listening, Peer } from './upstream.ts'

export type LegacyListening = {
  listen: Peer['listen']
  /** Takes a change that the server told. */
  hear(message: Message): void
  isWanted(): boolean
  /** What the session must be subscribed to. */
  uris(): Iterable<string>
  end(): void
}

type Listener = { kinds: JsonObject; uris: Set<string>; tell(message: Message): void; over(): void }

type Subscription = {
  listeners: number
  /** Whether the server took it. */
  taken: Promise<boolean>
}

type State = {
  linked: () => Promise<Link> | Link
  isOwn: (uri: string) => boolean
  listeners: Set<Listener>
  subscriptions: Map<string, Subscription>
}

const SUBSCRIBE_TIMEOUT_MS = 10_000
const OPENS_WITHIN_MS = 500

/** `isOwn`: the client subscribed to the resource by a request of its own, which outlives its listening. */
export function openLegacyListening(linked: State['linked'], isOwn: State['isOwn']): LegacyListening {
  const state: State = { linked, isOwn, listeners: new Set(), subscriptions: new Map() }
  const { listeners, subscriptions } = state
  return {
    listen: (filter, options) => listen(state, filter, options),
    hear(message) {
      for (const { kinds, uris, tell } of listeners) if (isAskedFor(kinds, uris, message)) tell(message)
    },
    isWanted: () => listeners.size > 0,
    uris: () => subscriptions.keys(),
    end() {
      // The session ends with them, and its subscriptions too.
      subscriptions.clear()
      for (const listener of [...listeners]) listener.over()
    },
  }
}

async function listen(
  state: State,
  filter: JsonObject,
  { signal, onNotification }: Parameters<Peer['listen']>[1],
): Promise<Listening> {
  const link = await state.linked()
  if (state.listeners.size === 0) link.checkHold()
  const { capabilities } = link.server
  const ended = Promise.withResolvers<void>()
  const listener: Listener = {
    kinds: honoredKinds(filter, capabilities),
    uris: new Set(wantedUris(filter, capabilities)),
    tell: onNotification,
    over() {
      if (!state.listeners.delete(listener)) return
      signal.removeEventListener('abort', listener.over)
      for (const uri of listener.uris) void unsubscribe(state, uri)
      ended.resolve()
    },
  }
  state.listeners.add(listener)
  // A change that is told before the stream is open would be lost. Some servers say nothing before they have something to tell.
  await Promise.race([link.follow(), wait(OPENS_WITHIN_MS, undefined, { ref: false })])
  await Promise.all([...listener.uris].map((uri) => subscribeFor(state, listener, uri)))
  if (signal.aborted) listener.over()
  else signal.addEventListener('abort', listener.over, { once: true })
  const resources = listener.uris.size === 0 ? {} : { resourceSubscriptions: [...listener.uris] }
  return { honored: { ...listener.kinds, ...resources }, ended: ended.promise }
}

/** The resources that are asked for, where the server takes subscriptions. */
function wantedUris(filter: JsonObject, { resources }: JsonObject): string[] {
  return isObject(resources) && resources['subscribe'] === true ? filteredUris(filter) : []
}

/** What the server refuses is not listened to. */
async function subscribeFor(state: State, listener: Listener, uri: string): Promise<void> {
  const known = state.subscriptions.get(uri)
  const taken =
    known?.taken ?? (state.isOwn(uri) ? Promise.resolve(true) : send(state, 'resources/subscribe', uri))
  state.subscriptions.set(uri, { listeners: (known?.listeners ?? 0) + 1, taken })
  if (await taken) return
  listener.uris.delete(uri)
  await unsubscribe(state, uri)
}

async function unsubscribe(state: State, uri: string): Promise<void> {
  const known = state.subscriptions.get(uri)
  if (known === undefined || --known.listeners > 0) return
  state.subscriptions.delete(uri)
  if (!(await known.taken) || state.isOwn(uri) || state.subscriptions.has(uri)) return
  await send(state, 'resources/unsubscribe', uri)
}

/** True when the server answered with a result. */
async function send({ linked }: State, method: string, uri: string): Promise<boolean> {
  try {
    const link = await linked()
    return 'result' in (await link.request(method, { uri }, { timeoutMs: SUBSCRIBE_TIMEOUT_MS }))
  } catch {
    return false
  }
}
