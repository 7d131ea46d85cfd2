// Change notifications for sessions of the legacy era from servers of the modern one: a stream for each resource that is
// subscribed to, and one for changed lists while the client listens at all.
import { AppError } from '@mcpshield/contracts/errors'
import { INVALID_PARAMS, META, metaOf, type Message, type RpcAnswer } from '@mcpshield/mcp/messages'
import type { Peer } from '@mcpshield/upstream/upstream'
import type { Session } from './client.ts'

export type LegacyListening = {
  subscribe(
    session: Session | null,
    peer: Peer,
    uri: string,
    tell: (message: Message) => void,
  ): Promise<RpcAnswer>
  unsubscribe(session: Session | null, peer: Peer, uri: string): RpcAnswer
  /** Changed lists of a server, from now on until the session ends. Once for each session and server. */
  followLists(session: Session, peer: Peer, tell: (message: Message) => void): void
}

const MAX_STREAMS = 1_000

export function legacyListening(): LegacyListening {
  const open = new WeakMap<Session, Map<Peer, Map<string, AbortController>>>()

  const streamsOf = (session: Session, peer: Peer) => {
    let ofSession = open.get(session)
    if (ofSession === undefined) {
      const streams = new Map<Peer, Map<string, AbortController>>()
      open.set(session, (ofSession = streams))
      session.onEnd(() => [...streams.values()].forEach((each) => each.forEach((stream) => stream.abort())))
    }
    const known = ofSession.get(peer) ?? new Map<string, AbortController>()
    ofSession.set(peer, known)
    return known
  }
  const start = async (
    session: Session,
    peer: Peer,
    key: string,
    filter: Parameters<Peer['listen']>[0],
    tell: (message: Message) => void,
  ) => {
    const streams = streamsOf(session, peer)
    if (streams.has(key)) return
    if (streams.size >= MAX_STREAMS)
      throw new AppError(
        'RATE_LIMITED',
        `A session may listen for at most ${MAX_STREAMS} things of one upstream.`,
      )
    const controller = new AbortController()
    streams.set(key, controller)
    const over = () => {
      if (streams.get(key) === controller) streams.delete(key)
    }
    try {
      const { ended } = await peer.listen(filter, {
        signal: controller.signal,
        onNotification: (message) => tell(untagged(message)),
      })
      void ended.then(over, over)
    } catch (error) {
      over()
      throw error
    }
  }
  return {
    async subscribe(session, peer, uri, tell) {
      if (session === null)
        return { error: { code: INVALID_PARAMS, message: 'Subscribing needs a session: initialize first.' } }
      await start(session, peer, `resource ${uri}`, { resourceSubscriptions: [uri] }, tell)
      return { result: {} }
    },
    unsubscribe(session, peer, uri) {
      if (session !== null) streamsOf(session, peer).get(`resource ${uri}`)?.abort()
      return { result: {} }
    },
    followLists(session, peer, tell) {
      const filter = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true }
      start(session, peer, 'lists', filter, tell).catch(() => undefined)
    },
  }
}

function untagged({ method, params = {} }: Message): Message {
  const { [META.subscriptionId]: _, ...meta } = metaOf(params)
  const { _meta, ...rest } = params
  return { method, params: { ...rest, ...(Object.keys(meta).length === 0 ? {} : { _meta: meta }) } }
}
