// A conversation with a server of the legacy era: sessions come and go below it, and are begun anew where they are lost.
import { setTimeout as wait } from 'node:timers/promises'
import { AppError } from '@mcpshield/contracts/errors'
import type { RpcAnswer } from '@mcpshield/mcp/messages'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Log } from '@mcpshield/runtime/log'
import { Refusal, SessionLost, unavailable } from './failures.ts'
import { openLegacyListening, type LegacyListening } from './legacy-listening.ts'
import type { Link, LinkEvents, OpenLink } from './link.ts'
import { openSessionState, type SessionState } from './session-state.ts'
import type { OwnedPeer } from './peers.ts'
import type { RequestOptions, Speaker } from './upstream.ts'

const REOPEN_FIRST_MS = 1_000
const REOPEN_MAX_MS = 30_000

type Conversation = {
  slug: string
  speaker: Speaker
  open: OpenLink
  log: Log
  peer: OwnedPeer
  link: Link | undefined
  opening: Promise<Link> | undefined
  closed: boolean
  followed: boolean
  reopening: boolean
  underWay: number
  state: SessionState
  listening: LegacyListening
}

/** Throws a Refusal when the server is not of the legacy era. */
export async function connectLegacyPeer(
  slug: string,
  speaker: Speaker,
  open: OpenLink,
  log: Log,
): Promise<OwnedPeer> {
  const state = openSessionState()
  const listening = openLegacyListening(() => linked(conversation), state.isSubscribed)
  const peer: OwnedPeer = {
    era: 'legacy',
    server: { protocolVersion: '', capabilities: {}, serverInfo: {} },
    request: (method, params, options) => request(conversation, method, params, options),
    notify: (method, params) => notify(conversation, method, params),
    follow() {
      conversation.followed = true
      void conversation.link?.follow()
    },
    listen: listening.listen,
    isBusy: () => conversation.underWay > 0 || isFollowed(conversation),
    close: () => close(conversation),
  }
  const conversation: Conversation = {
    slug,
    speaker,
    open,
    log,
    peer,
    link: undefined,
    opening: undefined,
    closed: false,
    followed: false,
    reopening: false,
    underWay: 0,
    state,
    listening,
  }
  await linked(conversation)
  return peer
}

/** The session, begun when there is none. */
function linked(conversation: Conversation): Promise<Link> | Link {
  if (conversation.link !== undefined) return conversation.link
  conversation.opening ??= begin(conversation).finally(() => (conversation.opening = undefined))
  return conversation.opening
}

async function begin(conversation: Conversation): Promise<Link> {
  const { slug, speaker, peer, state, listening, log } = conversation
  if (conversation.closed) throw unavailable(slug, 'was left')
  const link = await conversation.open(speaker, eventsOf(conversation)).catch((error: unknown) => {
    // Only a first session tells the server's era.
    throw error instanceof Refusal && isKnown(peer) ? new AppError('UNAVAILABLE', error.message) : error
  })
  if (conversation.closed) {
    await link.close()
    throw unavailable(slug, 'was left')
  }
  conversation.link = link
  peer.server = link.server
  await state.restore(link, listening.uris()).catch((error: unknown) => {
    log.warn({ upstream: slug, err: error }, 'what a session held could not be restored')
  })
  if (isFollowed(conversation)) void link.follow()
  return link
}

/** True after the first session. */
function isKnown({ server }: OwnedPeer): boolean {
  return server.protocolVersion !== ''
}

function eventsOf(conversation: Conversation): LinkEvents {
  const { speaker, listening } = conversation
  return {
    onNotification: (message) => speaker.onNotification(message),
    onRequest: (message, signal) => speaker.onRequest(message, signal),
    onChange: (message) => listening.hear(message),
    isListened: () => listening.isWanted(),
    onEnd(lost) {
      conversation.link = undefined
      if (lost) void reopen(conversation)
    },
  }
}

function isFollowed({ followed, listening }: Conversation): boolean {
  return followed || listening.isWanted()
}

/** A session that somebody listens to is begun anew at once, any other by its next request. */
async function reopen(conversation: Conversation): Promise<void> {
  if (conversation.reopening) return
  conversation.reopening = true
  const isWanted = () => !conversation.closed && conversation.link === undefined && isFollowed(conversation)
  for (let pauseMs = REOPEN_FIRST_MS; isWanted(); pauseMs = Math.min(REOPEN_MAX_MS, pauseMs * 2)) {
    await wait(pauseMs, undefined, { ref: false })
    if (isWanted()) await Promise.resolve(linked(conversation)).catch(() => undefined)
  }
  conversation.reopening = false
}

const HOLDS_STATE = new Set(['logging/setLevel', 'resources/subscribe', 'resources/unsubscribe'])

async function request(
  conversation: Conversation,
  method: string,
  params: JsonObject,
  options: RequestOptions,
): Promise<RpcAnswer> {
  conversation.underWay++
  try {
    const answer = await requestInSession(conversation, method, params, options)
    if (HOLDS_STATE.has(method) && 'result' in answer) conversation.state.note(method, params)
    return answer
  } finally {
    conversation.underWay--
  }
}

async function requestInSession(
  conversation: Conversation,
  method: string,
  params: JsonObject,
  options: RequestOptions,
): Promise<RpcAnswer> {
  const link = conversation.link ?? (await linked(conversation))
  try {
    return await link.request(method, params, options)
  } catch (error) {
    const fresh = await another(conversation, link, error)
    return fresh.request(method, params, options).catch(asUnavailable(conversation))
  }
}

async function notify(conversation: Conversation, method: string, params?: JsonObject): Promise<void> {
  // Whoever gives a request up aborts it: its id is another here than at its client.
  if (method === 'notifications/cancelled' || method === 'notifications/initialized') return
  const link = conversation.link ?? (await linked(conversation))
  try {
    await link.notify(method, params)
  } catch (error) {
    const fresh = await another(conversation, link, error)
    await fresh.notify(method, params).catch(asUnavailable(conversation))
  }
}

/** In place of a session that the server knows no longer; any other error is passed on. */
async function another(conversation: Conversation, lost: Link, error: unknown): Promise<Link> {
  if (!(error instanceof SessionLost)) throw error
  if (conversation.link === lost) {
    conversation.link = undefined
    void lost.close()
  }
  return linked(conversation)
}

function asUnavailable({ slug }: Conversation): (error: unknown) => never {
  return (error) => {
    throw error instanceof SessionLost ? unavailable(slug, 'does not keep its sessions') : error
  }
}

async function close(conversation: Conversation): Promise<void> {
  conversation.closed = true
  const { link } = conversation
  conversation.link = undefined
  conversation.listening.end()
  await link?.close()
}
