// `GET /audits/live`: the record as it is written, as server-sent events, for as long as the session is open. A reader
// that does not keep up is cut off.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { AuditEvent } from '@mcpshield/contracts/audit'
import type { Caller } from '@mcpshield/contracts/caller'
import { AppError } from '@mcpshield/contracts/errors'
import { live } from '@mcpshield/contracts/live'
import { projects } from '@mcpshield/contracts/projects'
import { signedIn } from '@mcpshield/contracts/rights'
import { fieldErrors } from '@mcpshield/bus/field-errors'
import { credentialsOf, type Admit } from './admission.ts'
import type { AuditFeed } from './audit-feed.ts'
import { refuseHead } from './methods.ts'
import type { Metrics } from './metrics.ts'
import { limitKeyOf } from './rate-limit.ts'
import type { CallEndpoint } from './routes.ts'
import type { Callers } from './session.ts'
import { slots } from './slots.ts'
import { headersOf, tooManyOpen } from './stream.ts'

export type LiveDeps = {
  feed: AuditFeed
  admit: Admit
  callers: Callers
  call: CallEndpoint
  metrics: Metrics
  /** Milliseconds between two looks at whether the session is still open, and between two signs of life. */
  liveTimes: { recheckMs: number; heartbeatMs: number }
}

const OPEN = { perCaller: 5, all: 1_000 }
const MAX_UNREAD_BYTES = 1024 * 1024
const RECONNECT_AFTER_MS = 3_000

const door = { route: `GET ${live.path}`, access: 'user', perMinute: live.perMinute } as const

export function addLive(app: FastifyInstance, deps: LiveDeps): void {
  const places = slots(OPEN)
  const open = new Set<Stream>()
  refuseHead(app, live.path)
  app.get(live.path, { exposeHeadRoute: false }, async (request, reply) => {
    const caller = signedIn(await deps.admit(door, request, reply))
    const { project_id } = queryOf(request)
    // Another organisation's project is not there, as everywhere.
    if (project_id !== undefined)
      await deps.call(projects.rpc.getProject, { project_id }, { caller, requestId: request.id })
    const release = places.take(limitKeyOf(caller))
    if (typeof release === 'string') {
      deps.metrics.refused(door.route, 'open')
      throw tooManyOpen(release)
    }
    const counted = deps.metrics.streaming('live')
    const stream = openStream(reply)
    open.add(stream)
    const unfollow = deps.feed.follow(caller.org_id, (event) => {
      if (project_id === undefined || event.project_id === project_id) stream.send(event.phase, shown(event))
    })
    const watching = watchSession(deps, { request, caller, stream })
    const end = () => {
      clearInterval(watching)
      unfollow()
      counted()
      release()
      open.delete(stream)
    }
    // Who has left meanwhile will not close again.
    if (reply.raw.destroyed) end()
    else reply.raw.once('close', end)
    return reply
  })
  app.addHook('preClose', async () => {
    for (const stream of open) stream.end('the server stops')
  })
}

function queryOf(request: FastifyRequest): { project_id?: string | undefined } {
  const parsed = live.query.safeParse(request.query)
  if (parsed.success) return parsed.data
  throw new AppError('INVALID_ARGUMENT', 'Some fields are not valid.', { errors: fieldErrors(parsed.error) })
}

/** What the record shows of an event: everything but its phase, which is the event's name. */
function shown(event: AuditEvent): object {
  return live.event.parse(event)
}

type Stream = { send(event: string, data: object): void; beat(): void; end(reason: string): void }

function openStream(reply: FastifyReply): Stream {
  const { raw } = reply
  reply.hijack()
  raw.writeHead(200, {
    ...headersOf(reply),
    'content-type': 'text/event-stream; charset=utf-8',
    // Proxies that gather answers before they pass them on are asked not to.
    'x-accel-buffering': 'no',
  })
  const write = (text: string) => {
    if (raw.writableLength > MAX_UNREAD_BYTES) raw.destroy()
    else if (!raw.writableEnded) raw.write(text)
  }
  write(`retry: ${RECONNECT_AFTER_MS}\n\n`)
  return {
    send: (event, data) => write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`),
    beat: () => write(': still here\n\n'),
    end(reason) {
      if (raw.writableEnded || raw.destroyed) return
      raw.end(`event: end\ndata: ${JSON.stringify({ reason })}\n\n`)
    },
  }
}

/** Looks at the session again and again; whatever keeps it from being known as the same and open ends the stream. */
function watchSession(
  { callers, liveTimes: { recheckMs, heartbeatMs } }: LiveDeps,
  { request, caller, stream }: { request: FastifyRequest; caller: Caller; stream: Stream },
): NodeJS.Timeout {
  const credentials = credentialsOf(request)
  let beatAtMs = performance.now() + heartbeatMs
  let looking = false
  return setInterval(() => {
    if (performance.now() >= beatAtMs) {
      beatAtMs = performance.now() + heartbeatMs
      stream.beat()
    }
    if (looking) return
    looking = true
    callers
      .callerFor('user', credentials)
      .then((now) => {
        if (JSON.stringify(now) !== JSON.stringify(caller))
          stream.end('the session or the membership changed')
      })
      .catch(() => stream.end('the session is over, or cannot be checked'))
      .finally(() => (looking = false))
  }, recheckMs)
}
