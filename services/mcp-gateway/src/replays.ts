// A client comes back for a stream of another instance: that is asked for what comes next, until it is at its end or the
// client is gone again.
import type { ServerResponse } from 'node:http'
import type { Peers } from '@mcpshield/bus/peers'
import { AppError } from '@mcpshield/contracts/errors'
import type { gatewayPeers } from '@mcpshield/contracts/mcp-gateway'
import type { z } from 'zod'
import { INVALID_REQUEST } from '@mcpshield/mcp/messages'
import type { Credential } from '@mcpshield/pdp/snapshots'
import type { Log } from '@mcpshield/runtime/log'
import type { EventPlace } from './instance.ts'
import { FORBIDDEN, sendError } from './replies.ts'
import type { StreamConnections } from './stream-connection.ts'
import { frame } from './stream.ts'
import type { Streams } from './streams.ts'

type Replay = z.output<(typeof gatewayPeers)['ask']['replay']['output']>

/** How long an instance that is asked waits for something to tell. */
const WAIT_MS = 15_000
const ANSWERED_WITHIN_MS = 5_000
/** One message of the bus carries so much, or one event that is larger. */
const MAX_BYTES = 512 * 1024

/** Answers another instance: the next events of a stream of ours, as `{n, json}`. */
export async function replayHere(
  streams: Streams,
  asked: { stream: string; session: string; after: number; wait_ms: number },
): Promise<Replay> {
  const { stream: name, after } = asked
  const stream = streams.find(name, asked.session)
  if (stream === undefined) return { known: false, events: [], ended: true }
  // What is told outside of requests goes on where the client is now.
  const goesOn = name.startsWith('p')
  const { events, ended } = await stream.next(after, goesOn ? asked.wait_ms : 0)
  if (!goesOn) stream.close()
  let bytes = 0
  const end = events.findIndex((event, at) => (bytes += event.bytes) > MAX_BYTES && at > 0)
  const some = end === -1 ? events : events.slice(0, end)
  return {
    known: true,
    events: some.map(({ n, json }) => ({ n, json })),
    ended: end === -1 && (ended || !goesOn),
  }
}

/** The events after a place in a stream for what is told outside of requests; none where its instance is gone. */
export async function missedElsewhere(peers: Peers, place: EventPlace, session: string): Promise<string[]> {
  const replay = await ask(peers, place, session, { after: place.n, waitMs: 0 })
  return replay?.events.map((event) => framed(place, event)) ?? []
}

type Elsewhere = { connections: StreamConnections; peers: Peers; log: Log }

/** Goes on with the stream of a request that runs elsewhere. */
export async function goOnElsewhere(
  { connections, peers, log }: Elsewhere,
  { response, credential }: { response: ServerResponse; credential: Credential },
  place: EventPlace,
  session: string,
): Promise<void> {
  let replay = await ask(peers, place, session, { after: place.n, waitMs: 0 })
  if (replay === undefined || !replay.known)
    return sendError(response, 400, {
      code: INVALID_REQUEST,
      message: 'There is no such event to go on from.',
    })
  const connection = connections.open(response, credential, () => undefined)
  if (connection === undefined) {
    if (!response.destroyed)
      sendError(response, 429, { code: FORBIDDEN, message: 'Too many streams are open.' })
    return
  }
  let after = place.n
  while (connection.isOpen() && replay?.known === true) {
    for (const event of replay.events) connection.write(framed(place, event))
    after = Math.max(after, ...replay.events.map(({ n }) => Number(n)))
    if (replay.ended) break
    replay = await ask(peers, place, session, { after, waitMs: WAIT_MS })
  }
  if (replay?.known !== true) log.warn({ instance: place.instance }, 'a stream elsewhere is gone')
  connection.end()
}

async function ask(
  peers: Peers,
  { instance, stream }: EventPlace,
  session: string,
  { after, waitMs }: { after: number; waitMs: number },
): Promise<Replay | undefined> {
  const input = { stream, session, after, wait_ms: waitMs }
  try {
    return await peers.ask(instance, 'replay', input, waitMs + ANSWERED_WITHIN_MS)
  } catch (error) {
    // With its instance, a stream is gone.
    if (error instanceof AppError) return undefined
    throw error
  }
}

function framed({ instance, stream }: EventPlace, { n, json }: Replay['events'][number]): string {
  return frame(`${instance}_${stream}_${Number(n)}`, typeof json === 'string' ? json : '')
}
