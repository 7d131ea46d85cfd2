// `subscriptions/listen` on a server of the legacy era, which does not know it: filters are applied here, and subscriptions
// to resources counted, so that the last listener's end is the end of the subscription.
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
/** How many listen to a resource, and whether the server took the subscription. */
type Subscription = { listeners: number; taken: Promise<boolean> }

const SUBSCRIBE_TIMEOUT_MS = 10_000

/** `isOwn`: the client subscribed to the resource by a request of its own, which outlives its listening. */
export function openLegacyListening(
  linked: () => Promise<Link> | Link,
  isOwn: (uri: string) => boolean,
): LegacyListening {
  const listeners = new Set<Listener>()
  const subscriptions = new Map<string, Subscription>()
  const send = async (method: string, uri: string): Promise<boolean> => {
    const link = await linked()
    const answer = await link.request(method, { uri }, { timeoutMs: SUBSCRIBE_TIMEOUT_MS })
    return 'result' in answer
  }
  const subscribe = (uri: string): Promise<boolean> => {
    const known = subscriptions.get(uri)
    const taken = known?.taken ?? (isOwn(uri) ? Promise.resolve(true) : no(send('resources/subscribe', uri)))
    subscriptions.set(uri, { listeners: (known?.listeners ?? 0) + 1, taken })
    return taken
  }
  const unsubscribe = async (uri: string): Promise<void> => {
    const known = subscriptions.get(uri)
    if (known === undefined) return
    if (--known.listeners > 0) return
    subscriptions.delete(uri)
    if ((await known.taken) && !isOwn(uri) && !subscriptions.has(uri))
      await no(send('resources/unsubscribe', uri))
  }
  return {
    async listen(filter, { signal, onNotification }): Promise<Listening> {
      const link = await linked()
      const ended = Promise.withResolvers<void>()
      const listener: Listener = {
        kinds: honoredKinds(filter, link.server.capabilities),
        uris: new Set(),
        tell: onNotification,
        over() {
          if (!listeners.delete(listener)) return
          signal.removeEventListener('abort', listener.over)
          for (const uri of listener.uris) void unsubscribe(uri)
          ended.resolve()
        },
      }
      listeners.add(listener)
      link.follow()
      const wanted = wantedUris(filter, link.server.capabilities)
      for (const uri of wanted) listener.uris.add(uri)
      const taken = await Promise.all(wanted.map(subscribe))
      const refused = wanted.filter((_uri, index) => taken[index] === false)
      for (const uri of refused) {
        listener.uris.delete(uri)
        void unsubscribe(uri)
      }
      if (signal.aborted) listener.over()
      else signal.addEventListener('abort', listener.over, { once: true })
      const resources = listener.uris.size === 0 ? {} : { resourceSubscriptions: [...listener.uris] }
      return { honored: { ...listener.kinds, ...resources }, ended: ended.promise }
    },
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

function no(sending: Promise<boolean>): Promise<boolean> {
  return sending.catch(() => false)
}

/** The resources that are asked for, where the server takes subscriptions. */
function wantedUris(filter: JsonObject, { resources }: JsonObject): string[] {
  return isObject(resources) && resources['subscribe'] === true ? filteredUris(filter) : []
}
