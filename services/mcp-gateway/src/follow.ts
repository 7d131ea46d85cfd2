// GET and DELETE of a legacy client: the stream of what it is told outside of its requests, what it missed of a broken
// one, and the end of its session.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Peers } from '@mcpshield/bus/peers'
import { INVALID_REQUEST } from '@mcpshield/mcp/messages'
import type { Credential } from '@mcpshield/pdp/snapshots'
import type { Log } from '@mcpshield/runtime/log'
import { accepts, header } from './headers.ts'
import { eventPlace, type EventPlace } from './instance.ts'
import { FORBIDDEN, NO_SESSION, sendEmpty, sendError } from './replies.ts'
import { goOnElsewhere, missedElsewhere } from './replays.ts'
import type { LiveSession } from './live-session.ts'
import type { Sessions } from './session.ts'
import type { StreamConnection, StreamConnections } from './stream-connection.ts'
import type { ResumableStream } from './stream.ts'
import type { Streams } from './streams.ts'

export type FollowDeps = {
  connections: StreamConnections
  streams: Streams
  sessions: Sessions
  peers: Peers
  log: Log
}

export type Follow = { request: IncomingMessage; response: ServerResponse; credential: Credential }

export async function serveDelete(deps: FollowDeps, follow: Follow): Promise<void> {
  const live = await sessionOf(deps, follow)
  if (live === null)
    return refuse(follow.response, 400, INVALID_REQUEST, 'Name the session that is to end (Mcp-Session-Id).')
  if (live === undefined) return noSession(follow.response)
  await deps.sessions.end(live)
  sendEmpty(follow.response, 204)
}

export async function serveGet(deps: FollowDeps, follow: Follow): Promise<void> {
  const { request } = follow
  if (!accepts(request.headers.accept, 'text/event-stream'))
    return refuse(
      follow.response,
      406,
      INVALID_REQUEST,
      'A GET opens an event stream: accept text/event-stream.',
    )
  const live = await sessionOf(deps, follow)
  // By this status clients know that there is nothing to listen to.
  if (live === null)
    return refuse(follow.response, 405, FORBIDDEN, 'Only a session can be listened to: initialize first.', [
      'allow',
      'POST',
    ])
  if (live === undefined) return noSession(follow.response)
  const lastId = header(request.headers, 'last-event-id')
  if (lastId === undefined || lastId === '') return listen(deps, follow, live, [])
  const place = eventPlace(lastId)
  if (place === undefined) return unknownEvent(follow.response)
  return place.stream.startsWith('g')
    ? listenAgain(deps, follow, live, place)
    : resume(deps, follow, live, place)
}

/** Null when none is named. */
function sessionOf(
  { sessions }: FollowDeps,
  { request, credential }: Follow,
): LiveSession | null | undefined | Promise<LiveSession | undefined> {
  const id = header(request.headers, 'mcp-session-id')
  return id === undefined ? null : sessions.find(id, credential.subject)
}

function refuse(
  response: ServerResponse,
  status: number,
  code: number,
  message: string,
  headers: string[] = [],
): void {
  sendError(response, status, { code, message }, { headers })
}

function noSession(response: ServerResponse): void {
  refuse(response, 404, NO_SESSION, 'There is no such session: initialize again.')
}

function unknownEvent(response: ServerResponse): void {
  refuse(response, 400, INVALID_REQUEST, 'There is no such event to go on from.')
}

function tooMany(response: ServerResponse): void {
  refuse(response, 429, FORBIDDEN, 'Too many streams are open.')
}

/** A new stream for what is told outside of requests, with what was missed of the one before at its beginning. */
function listen(deps: FollowDeps, follow: Follow, live: LiveSession, missed: string[]): void {
  const stream: ResumableStream = deps.streams.start({
    session: live.digest,
    kind: 'g',
    isPrimed: live.terms.version === '2025-11-25',
    onAbandoned: () => stream.close(),
    onClose() {
      live.lose(stream)
      live.release()
    },
  })
  live.hold()
  if (!attach(deps, follow, live, { stream, after: 0, missed })) stream.close()
}

/** The same stream goes on; where its instance is gone, with what was lost, a new one. */
async function listenAgain(
  deps: FollowDeps,
  follow: Follow,
  live: LiveSession,
  place: EventPlace,
): Promise<void> {
  if (place.instance !== deps.peers.instance)
    return listen(deps, follow, live, await missedElsewhere(deps.peers, place, live.digest))
  if (deps.streams.isForeign(place.stream, live.digest)) return unknownEvent(follow.response)
  const stream = deps.streams.find(place.stream, live.digest)
  // Given up meanwhile: what comes from now on is worth more than an error.
  if (stream === undefined) return listen(deps, follow, live, [])
  attach(deps, follow, live, { stream, after: place.n, missed: [] })
}

type Attaching = { stream: ResumableStream; after: number; missed: string[] }

function attach(
  { connections }: FollowDeps,
  { response, credential }: Follow,
  live: LiveSession,
  { stream, after, missed }: Attaching,
): boolean {
  const connection: StreamConnection | undefined = connections.open(response, credential, (closed) => {
    if (connection === undefined) return
    if (stream.detach(connection)) live.unfollow(stream)
    if (closed === 'barred') stream.close()
  })
  if (connection === undefined) {
    if (!response.destroyed) tooMany(response)
    return false
  }
  for (const each of missed) connection.write(each)
  stream.attach(connection, after)
  live.follow(stream)
  return true
}

/** What a request's stream still has to say, at whichever instance the request runs. */
function resume(
  deps: FollowDeps,
  { response, credential }: Follow,
  live: LiveSession,
  place: EventPlace,
): void | Promise<void> {
  if (place.instance !== deps.peers.instance)
    return goOnElsewhere(deps, { response, credential }, place, live.digest)
  const stream = deps.streams.find(place.stream, live.digest)
  if (stream === undefined) return unknownEvent(response)
  const connection: StreamConnection | undefined = deps.connections.open(response, credential, () => {
    if (connection !== undefined) stream.detach(connection)
  })
  if (connection === undefined) return tooMany(response)
  stream.attach(connection, place.n)
}
