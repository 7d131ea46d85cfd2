// The conversation that a client has with an upstream through us: whose it is, what is told outside of requests, how
// much is logged.
import { hash } from 'node:crypto'
import { AppError } from '@mcpshield/contracts/errors'
import { isObject, META, METHOD_NOT_FOUND, type Message } from '@mcpshield/mcp/messages'
import type { JsonObject } from '@mcpshield/policy/facts'
import { CLIENT_INFO, type Peer, type Speaker } from '@mcpshield/upstream/upstream'
import type { Client, Exchange, Session } from './client.ts'
import type { LegacyListening } from './legacy-listening.ts'
import type { ProjectRuntime, RunningUpstream } from './runtimes.ts'
import { inClientsNames, taskNames, type TaskNames } from './task-names.ts'

export type Conversations = {
  /** Throws an AppError when there is no such upstream, or it cannot be reached. */
  with(runtime: ProjectRuntime, slug: string, exchange: Exchange): Promise<Peer>
  /** The legacy conversations that a session has open. */
  open(session: Session): Peer[]
  /** Brings a conversation to the log level that its client wants; what a request of the modern era carries for it. */
  logAs(peer: Peer, exchange: Exchange): Promise<JsonObject>
  /** What is known here of tasks that clients have made. */
  tasks: TaskNames
}

type ConversationDeps = {
  /** What is redacted in what belongs to no decided call. */
  standing(client: Client, message: Message): Message
  /** Whether the client may still be told what an upstream says outside of requests. */
  mayHear(client: Client, slug: string, message: Message): boolean
  listening: LegacyListening
}

const SET_LEVEL_TIMEOUT_MS = 5_000

export function conversations({ standing, mayHear, listening }: ConversationDeps): Conversations {
  const ofSession = new WeakMap<Session, Map<RunningUpstream, Peer>>()
  const levels = new WeakMap<Peer, string>()
  const tasks = taskNames()
  const speaker = (client: Client, upstream: RunningUpstream) =>
    speakerOf(client, upstream, tasks, { standing, mayHear })

  /** Once for each session and upstream: what follows from the session's life. */
  const keep = (client: Client, session: Session, upstream: RunningUpstream, peer: Peer) => {
    const open = ofSession.get(session) ?? new Map<RunningUpstream, Peer>()
    ofSession.set(session, open)
    if (open.get(upstream) === peer) return
    const isNew = !open.has(upstream)
    open.set(upstream, peer)
    const follow = (each: Peer) => {
      if (each.era === 'legacy') each.follow()
      else listening.followLists(session, each, speaker(client, upstream).onNotification)
    }
    if (session.isFollowed()) follow(peer)
    if (!isNew) return
    session.onEnd(() => upstream.connection.leave(session.digest))
    session.onFollow(() => {
      const current = ofSession.get(session)?.get(upstream)
      if (current !== undefined) follow(current)
    })
  }
  return {
    tasks,
    async with(runtime, slug, exchange) {
      const upstream = runtime.upstream(slug)
      if (upstream === undefined) throw new AppError('NOT_FOUND', `There is no upstream ${slug}.`)
      const peer = await upstream.connection.peer(speaker(exchange.client, upstream))
      const { session } = exchange.client
      if (session !== null) keep(exchange.client, session, upstream, peer)
      return peer
    },
    open: (session) => [...(ofSession.get(session)?.values() ?? [])],
    async logAs(peer, exchange) {
      const level = wantedLevel(exchange)
      if (level === null) return {}
      if (peer.era === 'modern') return { [META.logLevel]: level }
      if (peer.server.capabilities['logging'] === undefined || levels.get(peer) === level) return {}
      levels.set(peer, level)
      await peer.request(
        'logging/setLevel',
        { level },
        { timeoutMs: SET_LEVEL_TIMEOUT_MS, signal: exchange.signal },
      )
      return {}
    },
  }
}

function wantedLevel({ client, request }: Exchange): string | null {
  if (client.era === 'legacy') return client.session?.logLevel ?? null
  const meta = request.params['_meta']
  const level = isObject(meta) ? meta[META.logLevel] : undefined
  return typeof level === 'string' ? level : null
}

function speakerOf(
  client: Client,
  upstream: RunningUpstream,
  tasks: TaskNames,
  { standing, mayHear }: Pick<ConversationDeps, 'standing' | 'mayHear'>,
): Speaker {
  const { era, info, capabilities, session } = client
  const named = (message: Message) =>
    inClientsNames(message, (task) => tasks.of(session, upstream.slug, task))
  return {
    id: session?.digest ?? speakerId(client),
    subject: client.credential.subject,
    era,
    clientInfo: saysWho(info) ? info : CLIENT_INFO,
    capabilities,
    onNotification(message) {
      if (message.method === 'notifications/tools/list_changed') upstream.catalog.outdated()
      const told = named(message)
      if (told !== undefined && mayHear(client, upstream.slug, told)) session?.notify(standing(client, told))
    },
    async onRequest(message, signal) {
      if (session !== null) return session.ask(standing(client, named(message) ?? message), signal)
      return {
        error: { code: METHOD_NOT_FOUND, message: 'This client cannot be asked outside of a request.' },
      }
    },
  }
}

/** A client that never initialised may have said nothing of itself; a server refuses that. */
function saysWho({ name, version }: JsonObject): boolean {
  return typeof name === 'string' && typeof version === 'string'
}

/** Clients without a session are told apart by who they are and what they can do. */
function speakerId({ credential, era, info, capabilities }: Client): string {
  return hash('sha256', JSON.stringify([credential.subject, era, info, capabilities]))
}
